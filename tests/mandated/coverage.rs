//! That no row is forgotten.

use crate::bench::Case;

/// All rows whose reaction the standard names, or that it has accepted.
const ROWS: &str = "
    H01 H02 H03 H04 H05 H06 H07 H08 H09 H12 H14 H15
    F01 F08 F09 F10 F11 F16 F18 F20 F26 F27
    A01 A05 A06 A08 A15 A26
    C07 C09 C10 C11 C13 C14 C16 C21 C22 C25
    S04 S06 S07 S08 S09 S10 S11 S15 S16 S18 S19 S20 S26 S27
    L01 L02 L03 L04 L05 L06 L07 L08 L09 L11 L13 L20 L21 L22 L24 L25 L26 L27 L33 L36 L37
    W01 W03 W05 W08 W10 W11 W12 W13 W15 W16 W18
    T08 T12 T17 T18 T22 T23 T24 T25 T27 T31 T32 T38
    D03 D06 D08 D09 D10 D11 D15
    R02 R04 R10
";

/// Rows without a case, and why.
const EXCLUDED: &[(&str, &str)] = &[
    ("L05", "stealing between sessions and connections takes the whole container's view"),
    ("L21", "link recovery: the engine does not resume, so it never sends incomplete-unsettled"),
    ("L22", "link recovery: the engine does not resume"),
    ("T32", "link recovery: the engine does not resume"),
];

pub fn check(groups: &[&[Case]]) {
    let covered: Vec<&str> = groups.iter().flat_map(|cases| cases.iter()).map(|case| case.id).collect();
    for row in ROWS.split_whitespace() {
        let excluded = EXCLUDED.iter().any(|(id, why)| *id == row && !why.is_empty());
        assert!(covered.contains(&row) != excluded, "{row} is to have a case, or a reason why not");
    }
    for id in covered {
        assert!(ROWS.split_whitespace().any(|row| row == id), "{id} is no row");
    }
}
