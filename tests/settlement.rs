//! Settlement at both ends of a link (2.6.12, 2.7.5, 2.7.6, 3.3.1, 3.4).

mod common;
#[path = "hostile/lines.rs"]
mod lines;
#[path = "faults/support.rs"]
mod support;
#[path = "faults/written.rs"]
mod written;

#[path = "settlement/arriving.rs"]
mod arriving;
#[path = "settlement/arrows.rs"]
mod arrows;
#[path = "settlement/hints.rs"]
mod hints;
#[path = "settlement/outcomes.rs"]
mod outcomes;
#[path = "settlement/ranges.rs"]
mod ranges;
#[path = "settlement/scripted.rs"]
mod scripted;
#[path = "settlement/spontaneous.rs"]
mod spontaneous;
#[path = "settlement/talk.rs"]
mod talk;

use amqp_proto::testing::frames as peer;
