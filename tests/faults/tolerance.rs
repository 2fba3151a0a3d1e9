//! Peers as they are: strict in what is sent, tolerant where it is safe (FE).
