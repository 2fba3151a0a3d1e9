//! The ratios of the main rows, as bars: a group for each row, a bar in it for each peer.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    Found,
    style::{colour, number},
};

/// Pixels: the picture's width, what is left of the axis and right of it, above the bars and below them.
const WIDTH: i32 = 900;
const LEFT: i32 = 400;
const RIGHT: i32 = 50;
const TOP: i32 = 70;
const BOTTOM: i32 = 55;

/// Pixels: a bar's height, and what lies between two groups.
const BAR: i32 = 13;
const GAP: i32 = 8;

/// Pixels that a letter of the legend takes, or somewhat less.
const LETTER: i32 = 7;

const GREY: RGBColor = RGBColor(221, 221, 221);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A row's name, and who takes how many times as long.
struct Group<'a> {
    work: &'a str,
    bars: Vec<(&'a str, f64)>,
}

fn groups(all: &[Found]) -> Vec<Group<'_>> {
    let main = all.iter().filter(|found| found.main);
    let groups = main.map(|found| {
        let peers = found.peers.iter().filter(|peer| !peer.name.starts_with("memcpy"));
        Group {
            work: &found.work,
            bars: peers.map(|peer| (peer.name.as_str(), peer.ratio(found.ours))).collect(),
        }
    });
    groups.filter(|group| !group.bars.is_empty()).collect()
}

/// The axis: from the first to the last decade that has anything to show.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn of(groups: &[Group<'_>]) -> Self {
        let ratios = || groups.iter().flat_map(|group| &group.bars).map(|(_, ratio)| *ratio);
        let least = ratios().fold(1.0, f64::min);
        let most = ratios().fold(2.0, f64::max);
        Self { low: (least / 1.5).min(1.0).log10(), high: (most * 1.2).log10() }
    }

    fn x(&self, ratio: f64) -> i32 {
        let part = (ratio.log10() - self.low) / (self.high - self.low);
        LEFT + (part * f64::from(WIDTH - LEFT - RIGHT)).round() as i32
    }

    /// 1, 2 and 5 times each power of ten that lies on the axis.
    fn marks(&self) -> Vec<f64> {
        let decades = self.low.floor() as i32..=self.high.ceil() as i32;
        let marks = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(decade)));
        marks.filter(|mark| (self.low..=self.high).contains(&mark.log10())).collect()
    }
}

fn text(area: &Area<'_>, words: &str, at: (i32, i32), size: i32, horizontal: HPos) -> Outcome {
    let style = ("sans-serif", size).into_font().color(&BLACK).pos(Pos::new(horizontal, VPos::Center));
    Ok(area.draw(&Text::new(words.to_owned(), at, style))?)
}

/// The name of a peer without what is said of one row alone.
fn bare(name: &str) -> &str {
    name.split(" (").next().unwrap_or(name)
}

fn legend(area: &Area<'_>, groups: &[Group<'_>]) -> Outcome {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in groups.iter().flat_map(|group| &group.bars) {
        if !names.contains(&bare(name)) {
            names.push(bare(name));
        }
    }
    let mut x = 40;
    for name in names {
        area.draw(&Rectangle::new([(x, 42), (x + 12, 54)], colour(name).filled()))?;
        text(area, name, (x + 18, 48), 13, HPos::Left)?;
        x += 40 + LETTER * i32::try_from(name.chars().count())?;
    }
    Ok(())
}

fn draw(groups: &[Group<'_>], path: &Path) -> Outcome {
    let axis = Axis::of(groups);
    let mut bottom = TOP;
    for group in groups {
        bottom += i32::try_from(group.bars.len())? * BAR + GAP;
    }
    let area =
        SVGBackend::new(path, (WIDTH.unsigned_abs(), (bottom + BOTTOM).unsigned_abs())).into_drawing_area();
    area.fill(&WHITE)?;
    let title = "How many times as long as this engine a peer takes";
    text(&area, title, (WIDTH / 2, 20), 18, HPos::Center)?;
    legend(&area, groups)?;
    for mark in axis.marks() {
        let x = axis.x(mark);
        area.draw(&PathElement::new([(x, TOP), (x, bottom)], GREY))?;
        text(&area, &number(mark), (x, bottom + 14), 12, HPos::Center)?;
    }
    let middle = (LEFT + WIDTH - RIGHT) / 2;
    text(&area, "times this engine's processor time, logarithmic", (middle, bottom + 38), 13, HPos::Center)?;
    let mut y = TOP + GAP / 2;
    for group in groups {
        let height = i32::try_from(group.bars.len())? * BAR;
        text(&area, group.work, (LEFT - 10, y + height / 2), 13, HPos::Right)?;
        for (name, ratio) in &group.bars {
            let (from, to) = (axis.x(ratio.min(1.0)), axis.x(ratio.max(1.0)));
            area.draw(&Rectangle::new([(from, y), (to, y + BAR - 2)], colour(name).filled()))?;
            let figure = if *ratio < 10.0 { format!("{ratio:.1}") } else { number(*ratio) };
            text(&area, &figure, (to + 5, y + BAR / 2), 11, HPos::Left)?;
            y += BAR;
        }
        y += GAP;
    }
    let x = axis.x(1.0);
    area.draw(&PathElement::new([(x, TOP), (x, bottom)], BLACK))?;
    area.present()?;
    Ok(())
}

/// Writes `ratios.svg`, unless there is nothing to be shown.
pub fn plot(all: &[Found], out: &Path) -> Outcome<Option<PathBuf>> {
    let groups = groups(all);
    if groups.is_empty() {
        return Ok(None);
    }
    let path = out.join("ratios.svg");
    draw(&groups, &path)?;
    Ok(Some(path))
}
