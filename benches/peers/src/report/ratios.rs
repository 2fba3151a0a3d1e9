//! The ratios of the main rows, as bars.

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use plotters::prelude::*;

use super::Found;

const WIDTH: u32 = 1000;
const BAR: u32 = 18;
const MARGIN: u32 = 60;

/// A bar: what it says beside it, and how long it is.
fn bars(all: &[Found]) -> Vec<(String, f64)> {
    let main = all.iter().filter(|found| found.main);
    let bars = main.flat_map(|found| {
        let peers = found.peers.iter().filter(|peer| !peer.name.starts_with("memcpy"));
        peers.map(|peer| (format!("{}: {}", found.work, peer.name), peer.ratio(found.ours)))
    });
    bars.collect()
}

fn draw(bars: &[(String, f64)], path: &Path) -> Result<(), Box<dyn Error>> {
    let most = bars.iter().map(|(_, ratio)| *ratio).fold(1.0, f64::max);
    let count = i32::try_from(bars.len())?;
    let area = SVGBackend::new(path, (WIDTH, count.unsigned_abs() * BAR + 2 * MARGIN)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("How many times as long as this engine a peer takes", ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(40)
        .build_cartesian_2d((0.5..most * 20.0).log_scale(), 0..count)?;
    chart.configure_mesh().disable_y_mesh().disable_y_axis().x_desc("ratio, logarithmic").draw()?;
    for (place, (label, ratio)) in (0..count).rev().zip(bars) {
        let (from, to) = (ratio.min(1.0), ratio.max(1.0));
        let colour = if *ratio < 1.0 { RED } else { BLUE };
        chart.draw_series([Rectangle::new([(from, place), (to, place + 1)], colour.mix(0.4).filled())])?;
        let text = format!("{ratio:.1}  {label}");
        chart.draw_series([Text::new(text, (to * 1.05, place + 1), ("sans-serif", 12))])?;
    }
    area.present()?;
    Ok(())
}

/// Writes `ratios.svg`, unless there is nothing to be shown.
pub fn plot(all: &[Found], out: &Path) -> Result<Option<PathBuf>, Box<dyn Error>> {
    let bars = bars(all);
    if bars.is_empty() {
        return Ok(None);
    }
    let path = out.join("ratios.svg");
    draw(&bars, &path)?;
    Ok(Some(path))
}
