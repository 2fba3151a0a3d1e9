//! Secrets, names and texts (FF).
