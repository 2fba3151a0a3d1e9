//! Liveness: nothing waits for ever (FA).

mod answers;
mod closes;
mod credit;
mod finished;
mod flows;
mod half_dead;
mod progress;
mod sasl_frames;
mod turns;
mod unanswered;
