//! Liveness: nothing waits for ever (FA).

mod answers;
mod half_dead;
mod unanswered;
