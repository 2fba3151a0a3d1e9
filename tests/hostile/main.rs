//! Bad, hostile and merely unusual input, a row each: what is answered, what is raised, and that the rest of
//! the connection goes on. Each row is fed whole and byte by byte. The engine keeps to the letter of the standard;
//! `tests/faults` shows what it tolerates by default.
//!
//! A row is named by its id in the list of bad inputs; a small letter behind it marks another form of that input.

mod bench;
mod connections;
mod coverage;
mod flows;
mod frames;
mod headers;
mod lines;
mod links;
mod ours;
mod security;
mod sessions;
mod transfers;

use amqp_proto::testing::frames as peer;
use bench::{Case, run};

macro_rules! groups {
    ($($name:ident = $cases:expr;)*) => {
        $(
            #[test]
            fn $name() {
                run($cases);
            }
        )*

        const GROUPS: &[&[Case]] = &[$($cases),*];
    };
}

groups! {
    headers = headers::CASES;
    frames = frames::CASES;
    security = security::CASES;
    connections = connections::CASES;
    opens = connections::OPENS;
    sessions = sessions::CASES;
    links = links::CASES;
    flows = flows::CASES;
    transfers = transfers::TRANSFERS;
    dispositions = transfers::DISPOSITIONS;
    resources = connections::RESOURCES;
    ours = ours::CASES;
}

#[test]
fn every_row_has_one_case() {
    coverage::check(GROUPS);
}
