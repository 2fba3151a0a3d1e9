use core::{cmp::Ordering, time::Duration};

use proptest::prelude::*;

use crate::types::{
    Channel, DeliveryNumber, Double, DurationError, Float, Handle, MessageFormat, Milliseconds, Seconds,
    SequenceNo, Serial, TransferNumber,
};

#[test]
fn serial_numbers_compare_across_the_wrap() {
    let last = Serial::new(u32::MAX);
    assert_eq!(last.next(), Serial::new(0));
    assert_eq!(Serial::new(0).minus(1), last);
    assert_eq!(last.next().since(last), 1);
    assert_eq!(last.since(last.next()), u32::MAX);
    assert_eq!(last.partial_cmp(&Serial::new(5)), Some(Ordering::Less));
    assert_eq!(Serial::new(5).offset_from(last), 6);
    assert_eq!(last.offset_from(Serial::new(5)), -6);
}

#[test]
fn serial_numbers_half_the_circle_apart_have_no_order() {
    for start in [0, 1, (1 << 31) - 1, 1 << 31, u32::MAX] {
        let (zero, half) = (Serial::new(start), Serial::new(start).plus(1 << 31));
        assert_eq!((zero.partial_cmp(&half), half.partial_cmp(&zero)), (None, None), "{start}");
        assert_eq!((zero.offset_from(half), half.offset_from(zero)), (i32::MIN, i32::MIN), "{start}");
        assert_eq!(zero.partial_cmp(&half.minus(1)), Some(Ordering::Less), "{start}");
        assert_eq!(zero.partial_cmp(&half.plus(1)), Some(Ordering::Greater), "{start}");
    }
}

proptest! {
    /// RFC 1982, 3.1 and 3.2.
    #[test]
    fn serial_number_plus_less_than_half_the_circle_is_later(start: u32, n in 1..=u32::MAX >> 1) {
        let start = Serial::new(start);
        let later = start.plus(n);
        prop_assert_eq!(start.partial_cmp(&later), Some(Ordering::Less));
        prop_assert_eq!(later.partial_cmp(&start), Some(Ordering::Greater));
        prop_assert_eq!((later.since(start), later.minus(n)), (n, start));
        prop_assert_eq!(i64::from(later.offset_from(start)), i64::from(n));
        prop_assert_eq!(i64::from(start.offset_from(later)), -i64::from(n));
    }
}

macro_rules! sequence_numbers {
    ($($name:ident)*) => {$(
        let last = $name::new(u32::MAX);
        assert_eq!((last.next().get(), last.plus(3).get(), $name::new(0).minus(2).get()), (0, 2, u32::MAX - 1));
        assert_eq!((last.next().since(last), last.offset_from($name::new(1))), (1, -2));
        assert!(last < last.next() && last.partial_cmp(&last.plus(1 << 31)).is_none());
        assert_eq!((u32::from($name::from(7_u32)), alloc::format!("{}", $name::new(7))), (7, "7".into()));
    )*};
}

#[test]
fn sequence_numbers_are_serial_numbers() {
    sequence_numbers!(SequenceNo DeliveryNumber TransferNumber);
}

macro_rules! plain_numbers {
    ($($name:ident($inner:ty))*) => {$(
        assert_eq!(<$inner>::from($name::from(7 as $inner)), $name::new(7).get());
        assert_eq!($name::MAX.get(), <$inner>::MAX);
        assert_eq!(alloc::format!("{:>3}", $name::new(7)), "  7");
    )*};
}

#[test]
fn plain_numbers_convert_both_ways() {
    plain_numbers!(Channel(u16) Handle(u32) Seconds(u32) Milliseconds(u32) MessageFormat(u32));
}

#[test]
fn durations_round_up_and_stop_at_the_bound() {
    const MAX: u64 = u32::MAX as u64;
    let millis_max = Duration::from_millis(MAX);
    let nano = Duration::from_nanos(1);
    for (duration, expected) in [
        (Duration::ZERO, Some(0)),
        (nano, Some(1)),
        (Duration::from_micros(999), Some(1)),
        (Duration::from_millis(1), Some(1)),
        (Duration::from_millis(1) + nano, Some(2)),
        (Duration::from_secs(30), Some(30_000)),
        (millis_max - nano, Some(u32::MAX)),
        (millis_max, Some(u32::MAX)),
        (millis_max + nano, None),
        (Duration::MAX, None),
    ] {
        let error = DurationError { duration, max: millis_max };
        assert_eq!(Milliseconds::try_from(duration), expected.map(Milliseconds::new).ok_or(error));
        assert_eq!(Milliseconds::saturating_from(duration).get(), expected.unwrap_or(u32::MAX));
    }
    let seconds_max = Duration::from_secs(MAX);
    for (duration, expected) in [
        (Duration::ZERO, Some(0)),
        (nano, Some(1)),
        (Duration::from_secs(1), Some(1)),
        (Duration::from_millis(1_001), Some(2)),
        (seconds_max, Some(u32::MAX)),
        (seconds_max + nano, None),
        (Duration::MAX, None),
    ] {
        let error = DurationError { duration, max: seconds_max };
        assert_eq!(Seconds::try_from(duration), expected.map(Seconds::new).ok_or(error));
        assert_eq!(Seconds::saturating_from(duration).get(), expected.unwrap_or(u32::MAX));
    }
    assert_eq!(Duration::from(Milliseconds::MAX), millis_max);
    assert_eq!(Duration::from(Seconds::MAX), seconds_max);
}

#[test]
fn floats_keep_their_bits() {
    let nan = Float::from_bits(0x7fc0_0001);
    assert_eq!(nan, Float::new(nan.get()));
    assert_ne!(nan, Float::new(f32::NAN));
    assert_ne!(Double::new(0.0), Double::new(-0.0));
    for number in [0.0, -0.0, 1.5, f32::MIN_POSITIVE, f32::MAX, f32::NEG_INFINITY] {
        assert_eq!(f32::from(Float::from(number)).to_bits(), number.to_bits());
        let number = f64::from(number);
        assert_eq!(f64::from(Double::from(number)).to_bits(), number.to_bits());
    }
    assert_eq!(alloc::format!("{} {:.2}", Float::new(1.5), Double::new(-2.0)), "1.5 -2.00");
}
