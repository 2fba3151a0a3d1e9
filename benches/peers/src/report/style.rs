//! What all plots have in common: a colour for everybody, and numbers as they are read.

use plotters::style::RGBColor;

const OURS: RGBColor = RGBColor(31, 78, 121);
const PEERS: [(&str, RGBColor); 5] = [
    ("Proton", RGBColor(214, 113, 36)),
    ("fe2o3", RGBColor(86, 140, 72)),
    ("serde", RGBColor(130, 175, 110)),
    ("ntex", RGBColor(140, 98, 168)),
    ("ramqp", RGBColor(190, 60, 90)),
];

/// The same colour for the same peer in every plot; this engine's for whoever is none of them.
pub fn colour(name: &str) -> RGBColor {
    PEERS.iter().find(|(begins, _)| name.starts_with(begins)).map_or(OURS, |(_, colour)| *colour)
}

/// `1234567` as `1,234,567`, and no more places behind the point than are needed.
pub fn number(value: f64) -> String {
    if value < 10.0 {
        return format!("{}", (value * 100.0).round() / 100.0);
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let shown = [0.5, 1.0, 10.0, 999.6, 12_345.0, 1_234_567.0].map(number);
        assert_eq!(shown, ["0.5", "1", "10", "1,000", "12,345", "1,234,567"]);
    }
}
