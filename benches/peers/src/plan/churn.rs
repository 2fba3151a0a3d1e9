//! Sessions and links that come and go.

use super::{FRAME, Standing};
use crate::{
    ours::churn,
    proton,
    row::{Bench, Curve, Row},
    target::Target,
    versions,
};

/// The first is opened beside none, and the last beside all the others.
const MANY: usize = 10_000;

/// The time that the last of many may take, as a multiple of the first's.
const LAST: f64 = 1.5;

fn proton_begin_end(sessions: Standing) -> impl Fn() -> Bench {
    move || {
        let mut pair = proton::Pair::new(FRAME, 0);
        for _ in 0..sessions.0 {
            pair.add_session(0);
        }
        Box::new(move |count| pair.begin_end(count))
    }
}

fn proton_attach_detach(links: Standing) -> impl Fn() -> Bench {
    move || {
        let mut pair = proton::Pair::new(FRAME, 0);
        pair.add_session(links.0);
        Box::new(move |count| pair.attach_detach(count))
    }
}

fn begin_end_words(sessions: usize) -> String {
    format!("begin and end beside {sessions} sessions")
}

fn begin_end(sessions: usize) -> Row {
    let standing = Standing(sessions);
    Row::new(begin_end_words(sessions), move || Box::new(churn::begin_end(standing)))
        .against(versions::proton(), proton_begin_end(standing))
        .point(Curve::OpenSessions, sessions.max(1) as u64)
}

fn attach_detach_words(links: usize) -> String {
    format!("attach and detach beside {links} links")
}

fn attach_detach(links: usize) -> Row {
    let standing = Standing(links);
    Row::new(attach_detach_words(links), move || Box::new(churn::attach_detach(standing)))
        .against(versions::proton(), proton_attach_detach(standing))
        .point(Curve::OpenLinks, links.max(1) as u64)
}

pub fn rows() -> Vec<Row> {
    let mut rows = vec![begin_end(0).main().counted().target(Target::Nanoseconds(400.0))];
    rows.extend([10, 100, 1000].map(begin_end));
    rows.push(begin_end(MANY).main().target(Target::TimesRow(LAST, begin_end_words(0))));
    rows.push(attach_detach(0).main().counted().target(Target::Nanoseconds(900.0)));
    rows.extend([10, 100, 1000].map(attach_detach));
    rows.push(attach_detach(MANY).main().target(Target::TimesRow(LAST, attach_detach_words(0))));
    rows
}
