//! Liveness: nothing waits for ever (FA).

mod answers;
mod closes;
mod half_dead;
mod sasl_frames;
mod unanswered;
