//! Hostile and unusual peers: one row, one case, named by its id.
//!
//! Each case feeds a server engine its input whole and octet by octet, and asserts the frames that come back, the
//! events, and that a session beside the one attacked goes on working where the connection survives.
#![allow(clippy::too_many_lines, reason = "a table is as long as it has rows")]

mod harness;
mod links;
mod sessions;
mod stream;
mod transfers;

use harness::Case;

fn cases() -> Vec<Case> {
    [stream::cases(), sessions::cases(), links::cases(), transfers::cases()].concat()
}

#[test]
fn every_case_ends_as_it_should() {
    let failed: Vec<String> = cases().iter().filter_map(|case| case.check().err()).collect();
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn ids_stand_once() {
    let mut ids: Vec<_> = cases().iter().map(|case| case.id).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
