//! Tables that read like the standard's XML: `standard_composites!`, `restricted!`, `archetypes!` and `transitions!`.
//! `setters!` is for settings.
//!
//! One list defines the type, its encoding, its decoding, its docs and the facts that the tests compare with the
//! standard.

#[macro_use]
mod composites;

/// Types that [`DecodeRef`](crate::codec::DecodeRef) decodes by value.
macro_rules! decoded_by_value {
    ($($name:ty),*) => {$(
        impl<'a> $crate::codec::DecodeRef<'a> for $name {
            type Ref = Self;

            #[inline(always)]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                <Self as $crate::codec::Decode>::decode_as(code, rest, decoder)
            }
        }
    )*};
}

/// Restricted types (1.4): a source type and its choices.
///
/// `closed` ones, and `closed_symbols`, refuse a value that is no choice; `open` ones, all symbols, keep it as `Other`.
/// One choice is marked `#[default]`.
macro_rules! restricted {
    ($($openness:ident {
        $(#[$meta:meta])*
        $name:ident: $source:ident in $section:literal {
            $($(#[$choice_meta:meta])* $choice:ident = $value:literal;)*
        }
    })*) => {$( restricted!(@$openness $(#[$meta])* $name: $source, $section { $($(#[$choice_meta])* $choice = $value;)* }); )*};

    (@closed $(#[$meta:meta])* $name:ident: $source:ident, $section:literal {
        $($(#[$choice_meta:meta])* $choice:ident = $value:literal;)*
    }) => {
        $(#[$meta])*
        #[doc = concat!("\n\nSection ", $section, ".")]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$choice_meta])* $choice,)*
        }

        impl $name {
            /// The choices: their names here, and their values on the wire.
            pub const CHOICES: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$choice, stringify!($choice), stringify!($value)),)*];
        }

        impl $crate::codec::Decode for $name {
            #[inline]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                match <$source as $crate::codec::Decode>::decode_as(code, rest, decoder)? {
                    $(($value, after) => Some((Self::$choice, after)),)*
                    #[allow(unreachable_patterns, reason = "both booleans may be choices")]
                    _ => decoder.fail($crate::codec::DecodeErrorKind::InvalidChoice(stringify!($name)), rest),
                }
            }
        }

        decoded_by_value!($name);

        impl $crate::codec::Encode for $name {
            #[inline]
            fn encode(&self, encoder: &mut $crate::codec::Encoder<'_>) {
                let value: $source = match self { $(Self::$choice => $value,)* };
                $crate::codec::Encode::encode(&value, encoder);
            }
        }
    };

    (@closed_symbols $(#[$meta:meta])* $name:ident: $source:ident, $section:literal {
        $($(#[$choice_meta:meta])* $choice:ident = $value:literal;)*
    }) => {
        $(#[$meta])*
        #[doc = concat!("\n\nSection ", $section, ".")]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$choice_meta])* #[doc = concat!("\n\n`", $value, "`")] $choice,)*
        }

        impl $name {
            /// The choices: their names here, and their values on the wire.
            pub const CHOICES: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$choice, stringify!($choice), $value),)*];

            /// The symbol on the wire.
            pub const fn as_str(&self) -> &str {
                match self { $(Self::$choice => $value,)* }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl $crate::codec::Decode for $name {
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                let (symbol, after) =
                    <$crate::types::Symbol as $crate::codec::DecodeRef>::decode_ref(code, rest, decoder)?;
                match symbol.as_str() {
                    $($value => Some((Self::$choice, after)),)*
                    _ => decoder.fail($crate::codec::DecodeErrorKind::InvalidChoice(stringify!($name)), rest),
                }
            }
        }

        decoded_by_value!($name);

        impl $crate::codec::Encode for $name {
            fn encode(&self, encoder: &mut $crate::codec::Encoder<'_>) {
                let symbol = match self { $(Self::$choice => const { $crate::types::Symbol::from_static($value) },)* };
                $crate::codec::Encode::encode(&symbol, encoder);
            }
        }
    };

    (@open $(#[$meta:meta])* $name:ident: $source:ident, $section:literal {
        $($(#[$choice_meta:meta])* $choice:ident = $value:literal;)*
    }) => {
        $(#[$meta])*
        #[doc = concat!("\n\nSection ", $section, ".")]
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$choice_meta])* #[doc = concat!("\n\n`", $value, "`")] $choice,)*
            /// Any other symbol.
            Other($crate::types::Symbol),
        }

        impl $name {
            /// The choices: their names here, and their values on the wire.
            pub const CHOICES: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$choice, stringify!($choice), $value),)*];

            /// The symbol on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$choice => $value,)*
                    Self::Other(symbol) => symbol.as_str(),
                }
            }
        }

        impl From<$crate::types::Symbol> for $name {
            fn from(symbol: $crate::types::Symbol) -> Self {
                match symbol.as_str() {
                    $($value => Self::$choice,)*
                    _ => Self::Other(symbol),
                }
            }
        }

        impl From<$name> for $crate::types::Symbol {
            fn from(choice: $name) -> Self {
                match choice {
                    $($name::$choice => const { Self::from_static($value) },)*
                    $name::Other(symbol) => symbol,
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&$crate::types::Escaped(self.as_str()), f)
            }
        }

        impl $crate::codec::Decode for $name {
            #[inline]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                let (symbol, rest) =
                    <$crate::types::Symbol as $crate::codec::Decode>::decode_as(code, rest, decoder)?;
                Some((symbol.into(), rest))
            }
        }

        impl<'a> $crate::codec::DecodeRef<'a> for $name {
            type Ref = $crate::types::TextRef<'a>;

            #[inline]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self::Ref, &'a [u8])> {
                <$crate::types::Symbol as $crate::codec::DecodeRef>::decode_ref(code, rest, decoder)
            }
        }

        impl $crate::codec::Encode for $name {
            fn encode(&self, encoder: &mut $crate::codec::Encoder<'_>) {
                $crate::codec::Encode::encode(&$crate::types::Symbol::from(self.clone()), encoder);
            }
        }
    };
}

/// Archetypes (1.3 `provides`): one of several composite types, told apart by the descriptor.
///
/// `[or Other]` keeps a described value of a type that the standard does not define; without it one is refused.
macro_rules! archetypes {
    ($(
        $(#[$meta:meta])*
        $name:ident = $archetype:literal { $($(#[$variant_meta:meta])* $ty:ident($inner:ty);)* } $([or $other:ident])?
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_meta])* $ty($inner),)*
            $(
                /// A type that the standard does not define, kept undecoded but for its values.
                $other(alloc::sync::Arc<$crate::types::Described>),
            )?
        }

        $(impl From<$ty> for $name {
            fn from(value: $ty) -> Self {
                Self::$ty(value.into())
            }
        })*

        impl $name {
            /// The types of this archetype: their names, numeric and symbolic descriptors.
            pub const TYPES: &'static [(&'static str, u64, &'static str)] =
                &[$((stringify!($ty), $ty::CODE, $ty::SYMBOL),)*];

            /// The name of the type within.
            pub fn type_name(&self) -> &'static str {
                match self {
                    $(Self::$ty(_) => stringify!($ty),)*
                    $(Self::$other(_) => stringify!($other),)?
                }
            }
        }

        impl $crate::codec::Decode for $name {
            #[inline]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                let (number, fields) = decoder.enter_described(code, rest, $archetype, Self::TYPES)?;
                match number {
                    $($ty::CODE => {
                        let (value, rest) = $ty::decode_fields(fields, decoder)?;
                        decoder.ascend();
                        Some((Self::$ty(value.into()), rest))
                    })*
                    _ => archetypes!(@other rest, decoder, $archetype $(, $other)?),
                }
            }
        }

        impl<'a> $crate::codec::DecodeRef<'a> for $name {
            type Ref = $crate::codec::Checked;

            #[inline]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self::Ref, &'a [u8])> {
                let (number, fields) = decoder.enter_described(code, rest, $archetype, Self::TYPES)?;
                let (checked, rest) = match number {
                    $($ty::CODE => $ty::check_fields(fields, decoder)?,)*
                    _ => {
                        decoder.ascend();
                        return $crate::codec::check::<Self>(code, rest, decoder);
                    }
                };
                decoder.ascend();
                Some((checked, rest))
            }
        }

        impl $crate::codec::Encode for $name {
            #[inline]
            fn encode(&self, encoder: &mut $crate::codec::Encoder<'_>) {
                match self {
                    $(Self::$ty(value) => $crate::codec::Encode::encode(value, encoder),)*
                    $(Self::$other(value) => $crate::codec::Encode::encode(value, encoder),)?
                }
            }
        }
    )*};

    (@other $rest:ident, $decoder:ident, $archetype:literal) => {
        $decoder.unknown_descriptor($archetype, $rest)
    };
    (@other $rest:ident, $decoder:ident, $archetype:literal, $other:ident) => {{
        let (described, rest) = $decoder.other_described($archetype, $crate::spec::DEFINED, $rest)?;
        Some((Self::$other(alloc::sync::Arc::new(described)), rest))
    }};
}

/// State machines: the states with the standard's names, and for each the triggers that it allows and the next state.
///
/// Makes the state enum with `next(trigger)`, the trigger enum, and `TABLE`, which docs and tests print and walk.
macro_rules! transitions {
    ($(
        $(#[$meta:meta])*
        $state:ident on $trigger:ident in $section:literal {
            $($from:ident = $label:literal { $($on:ident => $to:ident),* $(,)? })*
        }
        triggers { $($(#[$trigger_meta:meta])* $each:ident = $trigger_label:literal;)* }
    )*) => {$(
        $(#[$meta])*
        #[doc = concat!("\n\nSection ", $section, ".")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $state {
            $(#[doc = concat!("`", $label, "`")] $from,)*
        }

        #[doc = concat!("The triggers of [`", stringify!($state), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $trigger {
            $($(#[$trigger_meta])* $each,)*
        }

        impl $state {
            /// Every state, in the standard's order.
            pub const ALL: &'static [Self] = &[$(Self::$from,)*];

            /// Every transition: from, trigger, to.
            pub const TABLE: &'static [(Self, $trigger, Self)] =
                &[$($((Self::$from, $trigger::$on, Self::$to),)*)*];

            /// Returns the state that the trigger leads to, or `None` if it is not legal in this state.
            #[must_use]
            pub const fn next(self, trigger: $trigger) -> Option<Self> {
                match (self, trigger) {
                    $($((Self::$from, $trigger::$on) => Some(Self::$to),)*)*
                    #[allow(unreachable_patterns, reason = "a table may be complete")]
                    _ => None,
                }
            }

            /// Returns the standard's name of the state.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$from => $label,)* }
            }
        }

        impl $trigger {
            /// Every trigger.
            pub const ALL: &'static [Self] = &[$(Self::$each,)*];

            /// Returns the trigger as the standard's diagrams write it: `S:` for sent, `R:` for received.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$each => $trigger_label,)* }
            }
        }
    )*};
}

/// Methods that set a field of their name and return the settings.
macro_rules! setters {
    ($($(#[$meta:meta])* $name:ident: $ty:ty;)*) => {$(
        $(#[$meta])*
        #[must_use]
        pub fn $name(mut self, $name: $ty) -> Self {
            self.$name = $name;
            self
        }
    )*};
}

/// [`setters!`] for public fields, which have the documentation; converts into the field's type.
macro_rules! field_setters {
    ($($name:ident: $ty:ty;)*) => {$(
        #[doc = concat!("Sets [`", stringify!($name), "`](Self#structfield.", stringify!($name), ").")]
        #[must_use]
        pub fn $name(mut self, $name: $ty) -> Self {
            self.$name = $name.into();
            self
        }
    )*};
}
