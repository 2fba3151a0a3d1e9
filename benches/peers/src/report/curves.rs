//! The cost against the number of links, sessions and unsettled deliveries, and the size of a payload.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use plotters::prelude::*;

use super::{
    Found,
    style::{colour, number},
};
use crate::row::Curve;

/// A plot: its file, what it shows, what is done once, and the curves in it with what sets each apart.
struct Plot {
    file: &'static str,
    title: &'static str,
    axis: &'static str,
    once: &'static str,
    curves: &'static [(Curve, &'static str)],
}

const PLOTS: [Plot; 6] = [
    Plot {
        file: "links.svg",
        title: "A message of 32 B, over links in turn",
        axis: "links",
        once: "message",
        curves: &[(Curve::Links, "")],
    },
    Plot {
        file: "open-links.svg",
        title: "Attach and detach, beside links that stay",
        axis: "links that stay",
        once: "link",
        curves: &[(Curve::OpenLinks, "")],
    },
    Plot {
        file: "open-sessions.svg",
        title: "Begin and end, beside sessions that stay",
        axis: "sessions that stay",
        once: "session",
        curves: &[(Curve::OpenSessions, "")],
    },
    Plot {
        file: "sessions.svg",
        title: "A message of 32 B, over sessions in turn",
        axis: "sessions",
        once: "message",
        curves: &[(Curve::Sessions, "")],
    },
    Plot {
        file: "unsettled.svg",
        title: "A message of 32 B, beside unsettled deliveries",
        axis: "unsettled deliveries",
        once: "message",
        curves: &[(Curve::UnsettledInOrder, ", in order"), (Curve::UnsettledAtRandom, ", at random")],
    },
    Plot {
        file: "payload.svg",
        title: "A pre-settled message, by the size of its payload",
        axis: "bytes",
        once: "message",
        curves: &[(Curve::Payload, "")],
    },
];

/// A line: its name and its points.
type Line = (String, Vec<(f64, f64)>);

/// The lines of a curve: this engine's and each peer's.
fn lines(all: &[Found], curve: Curve, what: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for found in all {
        let Some(point) = found.point.filter(|point| point.curve == curve) else { continue };
        let ours = std::iter::once(("this engine", found.ours.median));
        let peers = found.peers.iter().map(|peer| (peer.name.as_str(), peer.cost.median));
        for (who, cost) in ours.chain(peers) {
            let name = format!("{who}{what}");
            let at = (point.at as f64, cost);
            match lines.iter_mut().find(|line| line.0 == name) {
                Some(line) => line.1.push(at),
                None => lines.push((name, vec![at])),
            }
        }
    }
    lines
}

/// The least and the most of what is given, with some room around.
fn span(numbers: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (least, most) =
        numbers.fold((f64::MAX, f64::MIN), |(least, most), number| (least.min(number), most.max(number)));
    least / 1.5..most * 1.5
}

/// The same with room for the legend above.
fn tall_span(numbers: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let span = span(numbers);
    let room = (span.end / span.start).powf(0.35);
    span.start..span.end * room
}

fn draw(plot: &Plot, lines: &[Line], path: &Path) -> Result<(), Box<dyn Error>> {
    let points = || lines.iter().flat_map(|line| &line.1);
    let area = SVGBackend::new(path, (800, 480)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(plot.title, ("sans-serif", 18))
        .margin(15)
        .margin_right(30)
        .x_label_area_size(50)
        .y_label_area_size(85)
        .build_cartesian_2d(
            span(points().map(|point| point.0)).log_scale(),
            tall_span(points().map(|point| point.1)).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc(format!("{}, logarithmic", plot.axis))
        .y_desc(format!("ns for each {}, logarithmic", plot.once))
        .x_label_formatter(&|value| number(*value))
        .y_label_formatter(&|value| number(*value))
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .bold_line_style(RGBColor(200, 200, 200))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (name, points) in lines {
        // Of two lines of the same one, the second is lighter.
        let lighter = name.ends_with("at random");
        let colour = colour(name).mix(if lighter { 0.55 } else { 1.0 });
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(("sans-serif", 14))
        .background_style(WHITE.mix(0.8))
        .draw()?;
    area.present()?;
    Ok(())
}

/// Writes a file for each plot of which there are points enough.
pub fn plot(all: &[Found], out: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut paths = Vec::new();
    for plot in &PLOTS {
        let mut drawn = Vec::new();
        for (curve, what) in plot.curves {
            drawn.extend(lines(all, *curve, what).into_iter().filter(|line| line.1.len() > 2));
        }
        if !drawn.is_empty() {
            let path = out.join(plot.file);
            draw(plot, &drawn, &path)?;
            paths.push(path);
        }
    }
    Ok(paths)
}
