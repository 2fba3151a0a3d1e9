#!/usr/bin/env python3
"""Counts the engine's lines of code at commit 7106f61 and now. The rewrite of the engine left fewer.

A line counts if something other than comments and blanks is on it. Tests do not count: neither tests.rs files and tests/
folders nor items under `#[cfg(test)]`.

The engine is the layers codec, frame, spec, link, session and connection, and whatever they share. All of src/ belongs
to it but the names in NOT_COUNTED, so moving code to a new file or folder does not make it disappear. The counts of the
commit are made from the repository, and have to be those in FIRST, which stand in for a clone without history.
"""

import io
import pathlib
import re
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIRST_COMMIT = "7106f61"
LAYERS = ("codec", "frame", "spec", "link", "session", "connection")
SHARED = "shared"

# Code at FIRST_COMMIT.
FIRST = {"codec": 1492, "frame": 653, "spec": 909, "link": 1128, "session": 2291, "connection": 2070, SHARED: 732}

# The public face of the engine and its vocabulary; what stands beside the engine or on it.
NOT_COUNTED = {
    "lib.rs", "config.rs", "config", "error.rs", "event.rs", "ids.rs", "limits.rs", "state.rs", "time.rs",
    "types", "message", "sasl", "callback", "testing", "container", "transaction", "extensions", "observe",
}

# What can hide a comment, a brace or an attribute. A block comment is only begun, because it nests.
TOKENS = re.compile(
    r"""(?P<line>//[^\n]*)
      | (?P<block>/\*)
      | (?P<text>\b(?:br|cr|r)(?P<hashes>\#*)".*?"(?P=hashes)
               | [bc]?"(?:\\.|[^"\\])*"
               | b?'(?:\\u\{[^}]*\}|\\x..|\\.|[^\\'\n])')""",
    re.VERBOSE | re.DOTALL,
)
TEST = re.compile(r"#\s*(?P<file>!?)\[\s*cfg\s*\(\s*(?:all\s*\(\s*)?test\b[^\]]*\]")


def blank(text, filler=" "):
    """Returns text of the same lines with nothing on them, or `filler` throughout."""
    return re.sub(r"[^\n]", filler, text)


def end_of_block_comment(source, start):
    depth = 0
    for mark in re.finditer(r"/\*|\*/", source[start:]):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return start + mark.end()
    return len(source)


def without_comments(source):
    """Returns the source without comments; strings and characters are filled, and count as code."""
    kept, at = [], 0
    while token := TOKENS.search(source, at):
        kept.append(source[at : token.start()])
        at = end_of_block_comment(source, token.start()) if token["block"] else token.end()
        kept.append(blank(source[token.start() : at], "s" if token["text"] else " "))
    return "".join([*kept, source[at:]])


def end_of_item(code, start):
    """Returns the end of the item that follows attributes: a semicolon, or the brace that closes its body."""
    head = re.compile(r"(?:\s*#\s*\[[^\]]*\])*\s*(?:pub(?:\s*\([^)]*\))?\s+)?(?P<keyword>\w+)").match(code, start)
    with_body = head is None or head["keyword"] not in ("use", "const", "static", "type", "let")
    depth = 0
    for mark in re.finditer(r"[(\[{}\]);]", code[head.end() if head else start :]):
        end = (head.end() if head else start) + mark.end()
        if mark[0] in "([{":
            depth += 1
        elif mark[0] in ")]}":
            depth -= 1
        if depth == 0 and (mark[0] == ";" or (mark[0] == "}" and with_body)):
            return end
    return len(code)


def without_tests(code):
    at = 0
    while test := TEST.search(code, at):
        end = len(code) if test["file"] else end_of_item(code, test.end())
        code = code[: test.start()] + blank(code[test.start() : end]) + code[end:]
        at = test.end()
    return code


def lines_of_code(source):
    return sum(1 for line in without_tests(without_comments(source)).splitlines() if line.strip())


def is_test(path):
    return path.name == "tests.rs" or "tests" in path.parts


def counts(sources):
    """Returns the lines of each layer, of the files by their path below src/."""
    lines = dict.fromkeys((*LAYERS, SHARED), 0)
    for path, source in sources:
        top = path.parts[0]
        if path.suffix == ".rs" and top not in NOT_COUNTED and not is_test(path):
            lines[top if top in LAYERS else SHARED] += lines_of_code(source)
    return lines


def sources_now():
    for path in sorted((ROOT / "src").rglob("*.rs")):
        yield path.relative_to(ROOT / "src"), path.read_text()


def sources_at_first():
    """Returns the files at the commit, or nothing if the repository does not have it."""
    made = subprocess.run(["git", "archive", FIRST_COMMIT, "src"], cwd=ROOT, capture_output=True)
    if made.returncode:
        return None
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
        files = [member for member in archive if member.isfile()]
        return [(pathlib.Path(file.name).relative_to("src"), archive.extractfile(file).read().decode()) for file in files]


def check_counting():
    """Fails if the counting itself is wrong: each line of this source that counts holds the word `code`."""
    source = '''
        //! code? no, a comment
        fn code() { /* code? no: a comment /* in a comment */ still */ }
        /* nothing
           at all */ let code = "// code";
        let code = r#"code " // code
            code"#; // a comment
        let code = ('"', '\\'', b'"', 'a'); // a comment after 'a
        impl<'a> Code<'a> for code {}
        #[cfg(test)]
        use tests::{
            nothing,
        };
        #[cfg(all(test, feature = "x"))]
        #[path = "nothing.rs"]
        mod tests {
            fn nothing() { if true { } }
        }
        #[cfg(test)]
        mod tests;
        #[cfg(feature = "x")] fn code();
    '''
    expected = 7
    if lines_of_code(source) != expected:
        sys.exit(f"the counting is wrong: {lines_of_code(source)} lines, not {expected}")


def main():
    check_counting()
    now, files = counts(sources_now()), sources_at_first()
    if files is None:
        print(f"the repository has no commit {FIRST_COMMIT}: its stored counts are used")
    elif (first := counts(files)) != FIRST:
        sys.exit(f"FIRST is not what {FIRST_COMMIT} has, which is {first}")
    print(f"{'lines of code':<16} {FIRST_COMMIT:>8} {'now':>8}")
    for part, lines in now.items():
        print(f"{part:<16} {FIRST[part]:>8,} {lines:>8,}")
    print(f"{'all':<16} {sum(FIRST.values()):>8,} {sum(now.values()):>8,}")


main()
