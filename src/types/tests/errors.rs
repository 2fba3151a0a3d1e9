use alloc::{boxed::Box, string::ToString, vec};
use core::{error::Error, time::Duration};

use bytes::Bytes;

use crate::types::*;

fn boxed<T>(result: Result<T, impl Error + Send + Sync + 'static>) -> Box<dyn Error + Send + Sync> {
    result.err().unwrap().into()
}

#[test]
fn errors_display_their_cause() {
    for (error, text) in [
        (boxed(Str::try_from(Bytes::from_static(b"ab\xff"))), "invalid UTF-8 after 2 bytes of a string"),
        (boxed(Symbol::try_from("naïve")), "not ASCII after 2 bytes of a symbol"),
        (
            boxed(DeliveryTag::new(&[0; 33])),
            "33 bytes, more than the 32 that a delivery tag or a transaction id may have",
        ),
        (boxed("x".parse::<Uuid>()), "a UUID is 32 hexadecimal digits in groups of 8-4-4-4-12"),
        (
            boxed(Milliseconds::try_from(Duration::from_secs(4_294_968))),
            "4294968s is longer than 4294967.295s",
        ),
        (boxed(u32::try_from(Value::Long(1))), "expected uint, found long"),
        (boxed(Array::new(Kind::Uint, vec![Value::Null])), "an array of uint holds a value of type null"),
        (
            boxed(Array::new(Kind::Described, vec![])),
            "the descriptors of an array stand beside its items, which are plain values",
        ),
        #[cfg(feature = "std")]
        (boxed::<()>(Err(TimestampError)), "the point in time is out of range"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}
