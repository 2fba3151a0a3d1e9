//! Sessions and links that come and go.

use super::{FRAME, Standing};
use crate::{
    ours::churn,
    proton,
    row::{Bench, Curve, Row},
    versions,
};

fn proton_pair(links: Standing) -> proton::Pair {
    let mut pair = proton::Pair::new(FRAME, 0);
    pair.add_session(links.0);
    pair
}

fn proton_begin_end() -> Bench {
    let mut pair = proton_pair(Standing(0));
    Box::new(move |count| pair.begin_end(count))
}

fn proton_attach_detach(links: Standing) -> impl Fn() -> Bench {
    move || {
        let mut pair = proton_pair(links);
        Box::new(move |count| pair.attach_detach(count))
    }
}

fn attach_detach(links: usize) -> Row {
    let standing = Standing(links);
    Row::new(format!("attach and detach beside {links} links"), move || {
        Box::new(churn::attach_detach(standing))
    })
    .against(versions::proton(), proton_attach_detach(standing))
    .point(Curve::OpenLinks, links.max(1) as u64)
}

pub fn rows() -> Vec<Row> {
    let begin_end = Row::new("begin and end", || Box::new(churn::begin_end()))
        .against(versions::proton(), proton_begin_end)
        .main()
        .counted();
    let mut rows = vec![begin_end, attach_detach(0).main().counted()];
    rows.extend([10, 100, 1000].map(attach_detach));
    rows.push(attach_detach(10_000).main());
    rows
}
