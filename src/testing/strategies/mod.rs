//! proptest strategies for everything that goes over the wire.
//!
//! [`any`] returns the strategy of a type. Types of this crate also implement proptest's own [`Arbitrary`], so that
//! `proptest::prelude::any::<Performative>()` works as well. The values are legal, but not always sensible: every field
//! of a composite is independent of the others. Numbers and lengths favour the limits of their encodings.
//!
//! [`Arbitrary`]: proptest::arbitrary::Arbitrary

mod composites;
mod message;
mod values;

pub use message::{message, section};
pub use values::value;

use alloc::boxed::Box;

use proptest::strategy::BoxedStrategy;

/// A type whose values can be generated.
pub trait Generate: Sized + core::fmt::Debug {
    /// Returns the strategy that generates values of this type.
    fn strategy() -> BoxedStrategy<Self>;
}

/// Returns the strategy that generates values of a type.
pub fn any<T: Generate>() -> BoxedStrategy<T> {
    T::strategy()
}

/// Implements [`Generate`] by the expression, and proptest's `Arbitrary` through it.
macro_rules! generate {
    ($($(#[$own:ident])? $name:ty => $strategy:expr;)*) => {$(
        impl $crate::testing::strategies::Generate for $name {
            fn strategy() -> proptest::strategy::BoxedStrategy<Self> {
                proptest::strategy::Strategy::boxed($strategy)
            }
        }

        generate!(@arbitrary $($own)? $name);
    )*};

    // `Arbitrary` is foreign, so it cannot be implemented for foreign types.
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
