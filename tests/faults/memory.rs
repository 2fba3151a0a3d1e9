//! Memory: what a peer can make us hold is counted as it is held (FB).
