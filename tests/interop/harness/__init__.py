"""The interop suite: real AMQP 1.0 implementations against this crate's example programs."""
