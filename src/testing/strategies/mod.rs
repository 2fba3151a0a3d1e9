//! proptest strategies for everything that goes over the wire.
//!
//! [`any`] gives the strategy of a type; types of this crate also implement proptest's own [`Arbitrary`], so that
//! `proptest::prelude::any::<Performative>()` works as well. What they make is legal, though not always sensible:
//! every field of a composite is independent of the others. Numbers and lengths favour the edges of their
//! encodings.
//!
//! [`Arbitrary`]: proptest::arbitrary::Arbitrary

mod composites;
mod message;
mod values;

pub use message::{message, section};
pub use values::value;

use alloc::boxed::Box;

use proptest::strategy::BoxedStrategy;

/// A type with a strategy that makes its values.
pub trait Generate: Sized + core::fmt::Debug {
    /// The strategy.
    fn strategy() -> BoxedStrategy<Self>;
}

/// The strategy of a type.
pub fn any<T: Generate>() -> BoxedStrategy<T> {
    T::strategy()
}

/// Implements [`Generate`] by the expression, and proptest's `Arbitrary` with it.
macro_rules! generate {
    ($($(#[$own:ident])? $name:ty => $strategy:expr;)*) => {$(
        impl $crate::testing::strategies::Generate for $name {
            fn strategy() -> proptest::strategy::BoxedStrategy<Self> {
                proptest::strategy::Strategy::boxed($strategy)
            }
        }

        generate!(@arbitrary $($own)? $name);
    )*};

    // Types that are not this crate's.
    (@arbitrary foreign $name:ty) => {};
    (@arbitrary $name:ty) => {
        impl proptest::arbitrary::Arbitrary for $name {
            type Parameters = ();
            type Strategy = proptest::strategy::BoxedStrategy<Self>;

            fn arbitrary_with((): ()) -> Self::Strategy {
                $crate::testing::strategies::any()
            }
        }
    };
}

use generate;

impl<T: Generate + 'static> Generate for Option<T> {
    fn strategy() -> BoxedStrategy<Self> {
        proptest::strategy::Strategy::boxed(proptest::option::of(any::<T>()))
    }
}

impl<T: Generate + 'static> Generate for Box<T> {
    fn strategy() -> BoxedStrategy<Self> {
        let boxed = proptest::strategy::Strategy::prop_map(any::<T>(), Self::new);
        proptest::strategy::Strategy::boxed(boxed)
    }
}
