//! Outcomes: nothing is lost silently, and `Ok` means that it was done (FC).
