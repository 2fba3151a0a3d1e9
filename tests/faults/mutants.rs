//! Changes to the engine that no other test noticed (FH).
