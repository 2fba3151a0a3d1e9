//! Liveness: nothing waits for ever (FA).
