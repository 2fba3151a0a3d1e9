//! The standard's letter (FD).
