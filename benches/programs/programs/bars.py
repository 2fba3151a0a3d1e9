"""Horizontal bars along a logarithmic axis, in groups, as SVG."""

import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 800, 160, 60, 70, 60
BAR, GAP = 14, 10
COLOURS = ["#1f4e79", "#4f8fc0", "#a9cce3"]
FONT = 'font-family="sans-serif"'


def ticks(least, most):
    """1, 2 and 5 times each power of ten, from the last before `least` to the first after `most`."""
    decades = range(math.floor(math.log10(least)) - 1, math.ceil(math.log10(most)) + 2)
    all_ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    first = max(tick for tick in all_ticks if tick <= least)
    last = min(tick for tick in all_ticks if tick >= most)
    return [tick for tick in all_ticks if first <= tick <= last]


def draw(path, title, axis, bars):
    """`bars` are (group, series, value); the first group comes first, and in it the first series."""
    groups = list(dict.fromkeys(group for group, _, _ in bars))
    series = list(dict.fromkeys(one for _, one, _ in bars))
    # Some room before the least, so that it has a bar as well.
    marks = ticks(min(value for *_, value in bars) / 2, max(value for *_, value in bars))
    low, high = math.log10(marks[0]), math.log10(marks[-1])
    group_height = BAR * len(series) + GAP
    bottom = TOP + group_height * len(groups)
    height = bottom + BOTTOM

    def x_of(value):
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def text(x, y, words, size=12, anchor="start", more=""):
        return f'<text x="{x:.0f}" y="{y:.0f}" {FONT} font-size="{size}" text-anchor="{anchor}"{more}>{escape(words)}</text>'

    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
             f'<rect width="{WIDTH}" height="{height}" fill="white"/>', text(WIDTH / 2, 24, title, 17, "middle")]
    for at, one in enumerate(series):
        x = LEFT + at * 150
        lines.append(f'<rect x="{x}" y="40" width="12" height="12" fill="{COLOURS[at % len(COLOURS)]}"/>')
        lines.append(text(x + 18, 51, f"{one} of each client"))
    for mark in marks:
        x = x_of(mark)
        lines.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#dddddd"/>')
        lines.append(text(x, bottom + 18, f"{mark:g}", 12, "middle"))
    lines.append(text((LEFT + WIDTH - RIGHT) / 2, bottom + 44, axis, 13, "middle"))
    for row, group in enumerate(groups):
        y = TOP + row * group_height + GAP / 2
        lines.append(text(LEFT - 8, y + BAR * len(series) / 2 + 4, group, 13, "end"))
        for name, one, value in bars:
            if name != group:
                continue
            at = series.index(one)
            top, end = y + at * BAR, x_of(value)
            lines.append(f'<rect x="{LEFT}" y="{top:.1f}" width="{end - LEFT:.1f}" height="{BAR - 2}" '
                         f'fill="{COLOURS[at % len(COLOURS)]}"/>')
            lines.append(text(end + 4, top + BAR - 4, f"{value:.2g}" if value < 10 else f"{value:.0f}", 11))
    lines.append("</svg>")
    path.write_text("\n".join(lines) + "\n")
