//! That no row is forgotten, and none stands twice.

use std::collections::BTreeSet;

use crate::bench::Case;

/// All rows whose reaction the standard names, or that it has accepted.
const NAMED: &str = "
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

/// Rows of what an open may announce (P), and rows that the standard forbids without naming the reaction or leaves
/// open: SPEC_NOTES.md says what we do.
const FURTHER: &str = "
    H11 H13
    F02 F03 F04 F05 F06 F07 F13 F14 F15 F21 F22 F23 F24 F25 F28 F29
    A02 A03 A04 A07 A09 A10 A11 A12 A13 A14 A16 A17 A18 A19 A20 A21 A22 A23 A24 A25 A27 A28 A29 A30
    C01 C02 C03 C04 C06
    P09 P11 P12 P13 P14 P22
    S01 S02 S03 S12 S13 S14 S17 S22 S24 S28
    L10 L15 L16 L17 L18 L28 L29 L31 L32 L35 L38
    W04 W06 W07 W09 W14 W17
    T01 T02 T04 T05 T06 T07 T09 T10 T11 T13 T14 T15 T16 T26 T28 T29 T30 T34 T35 T37
    D01 D02 D04 D05 D07 D12 D13 D14 D16 D17
";

/// Rows of our own.
const OWN: &str = "N01 N02 N03 N04 N05 N06 N07 N08 N09 N10 N11 N12 N13 N14 N15 N16";

/// Rows without a case, and why.
const EXCLUDED: &[(&str, &str)] = &[
    ("L05", "stealing between sessions and connections takes the whole container's view"),
    ("L21", "link recovery: the engine does not resume, so it never sends incomplete-unsettled"),
    ("L22", "link recovery: the engine does not resume"),
];

pub fn check(groups: &[&[Case]]) {
    let mut covered = BTreeSet::new();
    for case in groups.iter().copied().flatten() {
        assert!(covered.insert(case.id), "{} stands twice", case.id);
    }
    let rows: Vec<&str> = [NAMED, FURTHER, OWN].iter().flat_map(|rows| rows.split_whitespace()).collect();
    for row in &rows {
        let excluded = EXCLUDED.iter().any(|(id, why)| id == row && !why.is_empty());
        assert!(covered.contains(row) != excluded, "{row} is to have a case, or a reason why not");
    }
    for id in covered {
        let row = id.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
        assert!(rows.contains(&row), "{id} is no row");
    }
}
