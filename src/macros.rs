//! Tables that read like the standard's XML: `composites!`, `restricted!`, `archetypes!` and
//! `transitions!`; and `setters!`, for settings. One list gives the type, its encoding, its decoding, its docs and what the tests compare
//! with the standard.

/// Composite types (1.4): described lists with a descriptor and fields in order.
///
/// A field is `name: Type;` for an optional one (`Option<Type>`), or carries `mandatory`, `default EXPR`
/// (both plain `Type`), `multiple` or `multiple_mandatory` (both `Multiple<Type>`).
macro_rules! composites {
    ($(
        $(#[$meta:meta])*
        $name:ident = $symbol:literal ($code:literal) in $section:literal {
            $($(#[$field_meta:meta])* $field:ident: $ty:ty $(, $kind:ident $($default:expr)?)?;)*
        }
    )*) => {$(
        $(#[$meta])*
        #[doc = concat!("\n\nSection ", $section, ", descriptor `", $symbol, "` (`", stringify!($code), "`).")]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: composites!(@type $ty $(, $kind)?),)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: composites!(@default $($kind $($default)?)?),)* }
            }
        }

        impl $name {
            /// The numeric descriptor.
            pub const CODE: u64 = $code;
            /// The symbolic descriptor.
            pub const SYMBOL: &'static str = $symbol;

            #[inline]
            pub(crate) fn decode_fields(
                decoder: &mut $crate::codec::Decoder<'_>,
            ) -> Result<Self, $crate::codec::DecodeError> {
                #[allow(unused_mut, reason = "a composite without fields reads none")]
                let mut list = decoder.fields(stringify!($name), Self::FIELDS.len())?;
                let this = Self {
                    $($field: composites!(@decode list, decoder, $field: $ty $(, $kind $($default)?)?),)*
                };
                list.end(decoder)?;
                Ok(this)
            }

            /// The fields on the short way, and the bytes behind them.
            // Each is a variable of its own until all are there: so they need no place in memory before that.
            #[inline(always)]
            pub(crate) fn usual_fields<'a>(
                rest: &'a [u8],
                decoder: &mut $crate::codec::Decoder<'a>,
            ) -> Option<(Self, &'a [u8])> {
                const BOUNDS: (u32, u32) = $crate::spec::Field::bounds($name::FIELDS);
                #[allow(unused_mut, reason = "a composite without fields reads none")]
                let (mut list, after) = $crate::codec::usual::Fields::enter(rest, BOUNDS.0, BOUNDS.1)?;
                let _ = &decoder;
                $(let mut $field: composites!(@type $ty $(, $kind)?) = composites!(@default $($kind $($default)?)?);)*
                #[allow(unused_labels, reason = "a composite without fields reads none")]
                'fields: {
                    $(
                        if list.is_done() {
                            break 'fields;
                        }
                        composites!(@usual list, decoder, $field: $ty $(, $kind $($default)?)?);
                    )*
                }
                if list.is_over() { Some((Self { $($field,)* }, after)) } else { None }
            }
        }

        impl $crate::spec::Composite for $name {
            const NAME: &'static str = stringify!($name);
            const SECTION: &'static str = $section;
            const CODE: u64 = $code;
            const SYMBOL: &'static str = $symbol;
            const FIELDS: &'static [$crate::spec::Field] = &[
                $($crate::spec::Field {
                    name: stringify!($field),
                    ty: stringify!($ty),
                    presence: composites!(@presence $($kind $($default)?)?),
                },)*
            ];
        }

        impl $crate::codec::Decode for $name {
            fn decode_as(
                code: u8,
                decoder: &mut $crate::codec::Decoder<'_>,
            ) -> Result<Self, $crate::codec::DecodeError> {
                decoder.described(code, stringify!($name), |descriptor, decoder| {
                    descriptor.is(Self::CODE, Self::SYMBOL).then(|| Self::decode_fields(decoder))
                })
            }

            #[inline]
            fn decode(decoder: &mut $crate::codec::Decoder<'_>) -> Result<Self, $crate::codec::DecodeError> {
                let before = decoder.place();
                if let Some((Self::CODE, rest)) = $crate::codec::usual::descriptor(before.rest())
                    && decoder.descend().is_some()
                    && let Some((this, rest)) = Self::usual_fields(rest, decoder)
                {
                    decoder.resume(before, rest);
                    return Ok(this);
                }
                decoder.generally(before)
            }

            #[inline]
            fn usual<'a>(
                rest: &'a [u8],
                decoder: &mut $crate::codec::Decoder<'a>,
            ) -> Option<(Self, &'a [u8])> {
                let Some((Self::CODE, rest)) = $crate::codec::usual::descriptor(rest) else {
                    return $crate::codec::usual::general(rest, decoder);
                };
                decoder.descend()?;
                let (this, rest) = Self::usual_fields(rest, decoder)?;
                decoder.ascend();
                Some((this, rest))
            }
        }

        impl $crate::codec::Encode for $name {
            #[inline]
            fn encode(&self, encoder: &mut $crate::codec::Encoder<'_>) {
                encoder.describe(Self::CODE);
                #[allow(unused_mut, reason = "a composite without fields writes none")]
                let mut list = encoder.list();
                $(composites!(@encode list, encoder, self.$field $(, $kind $($default)?)?);)*
                list.end(encoder);
            }
        }

        impl $name {
            const FIELDS: &'static [$crate::spec::Field] = <Self as $crate::spec::Composite>::FIELDS;
        }
    )*};

    (@type $ty:ty) => { Option<$ty> };
    (@type $ty:ty, multiple) => { $crate::types::Multiple<$ty> };
    (@type $ty:ty, multiple_mandatory) => { $crate::types::Multiple<$ty> };
    (@type $ty:ty, $kind:ident) => { $ty };

    (@default) => { None };
    (@default default $default:expr) => { $default };
    (@default $kind:ident) => { Default::default() };

    (@presence) => { $crate::spec::Presence::Optional };
    (@presence mandatory) => { $crate::spec::Presence::Mandatory };
    (@presence multiple) => { $crate::spec::Presence::Multiple };
    (@presence multiple_mandatory) => { $crate::spec::Presence::MandatoryMultiple };
    (@presence default $default:expr) => { $crate::spec::Presence::Default(stringify!($default)) };

    (@decode $list:ident, $decoder:ident, $field:ident: $ty:ty) => { $list.optional::<$ty>($decoder)? };
    (@decode $list:ident, $decoder:ident, $field:ident: $ty:ty, mandatory) => {
        $list.mandatory::<$ty>($decoder, stringify!($field))?
    };
    (@decode $list:ident, $decoder:ident, $field:ident: $ty:ty, multiple) => {
        $list.optional::<$crate::types::Multiple<$ty>>($decoder)?.unwrap_or_default()
    };
    (@decode $list:ident, $decoder:ident, $field:ident: $ty:ty, multiple_mandatory) => {
        $list.mandatory_multiple::<$ty>($decoder, stringify!($field))?
    };
    (@decode $list:ident, $decoder:ident, $field:ident: $ty:ty, default $default:expr) => {
        match $list.optional::<$ty>($decoder)? { Some(value) => value, None => $default }
    };

    (@usual $list:ident, $decoder:ident, $field:ident: $ty:ty) => {
        $field = $list.next::<$ty>($decoder)?
    };
    (@usual $list:ident, $decoder:ident, $field:ident: $ty:ty, mandatory) => {
        $field = $list.next::<$ty>($decoder)??
    };
    (@usual $list:ident, $decoder:ident, $field:ident: $ty:ty, multiple_mandatory) => {
        $field = $list.next::<$crate::types::Multiple<$ty>>($decoder)?.filter(|values| !values.is_empty())?
    };
    (@usual $list:ident, $decoder:ident, $field:ident: $ty:ty, multiple) => {
        if let Some(values) = $list.next::<$crate::types::Multiple<$ty>>($decoder)? { $field = values }
    };
    (@usual $list:ident, $decoder:ident, $field:ident: $ty:ty, default $default:expr) => {
        if let Some(value) = $list.next::<$ty>($decoder)? { $field = value }
    };

    (@encode $list:ident, $encoder:ident, $this:ident.$field:ident) => {
        match &$this.$field { Some(value) => $list.item($encoder, value), None => $list.skip() }
    };
    (@encode $list:ident, $encoder:ident, $this:ident.$field:ident, mandatory) => {
        $list.item($encoder, &$this.$field)
    };
    (@encode $list:ident, $encoder:ident, $this:ident.$field:ident, multiple_mandatory) => {
        $list.item($encoder, &$this.$field)
    };
    (@encode $list:ident, $encoder:ident, $this:ident.$field:ident, multiple) => {
        if $this.$field.is_empty() { $list.skip() } else { $list.item($encoder, &$this.$field) }
    };
    (@encode $list:ident, $encoder:ident, $this:ident.$field:ident, default $default:expr) => {
        if $this.$field == $default { $list.skip() } else { $list.item($encoder, &$this.$field) }
    };
}

/// Restricted types (1.4): a source type and its choices.
///
/// `closed` ones refuse a value that is no choice; `open` ones, all symbols, keep it as `Other`. One choice is
/// marked `#[default]`.
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
            fn decode_as(
                code: u8,
                decoder: &mut $crate::codec::Decoder<'_>,
            ) -> Result<Self, $crate::codec::DecodeError> {
                let at = decoder.offset();
                match <$source as $crate::codec::Decode>::decode_as(code, decoder)? {
                    $($value => Ok(Self::$choice),)*
                    #[allow(unreachable_patterns, reason = "both booleans may be choices")]
                    _ => Err($crate::codec::DecodeErrorKind::InvalidChoice(stringify!($name)).at(at)),
                }
            }

            #[inline]
            fn usual<'a>(
                rest: &'a [u8],
                decoder: &mut $crate::codec::Decoder<'a>,
            ) -> Option<(Self, &'a [u8])> {
                match <$source as $crate::codec::Decode>::usual(rest, decoder)? {
                    $(($value, rest) => Some((Self::$choice, rest)),)*
                    #[allow(unreachable_patterns, reason = "both booleans may be choices")]
                    _ => None,
                }
            }
        }

        impl $crate::codec::Encode for $name {
            #[inline]
            fn encode(&self, encoder: &mut $crate::codec::Encoder<'_>) {
                let value: $source = match self { $(Self::$choice => $value,)* };
                $crate::codec::Encode::encode(&value, encoder);
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
                    $($name::$choice => Self::literal($value),)*
                    $name::Other(symbol) => symbol,
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl $crate::codec::Decode for $name {
            fn decode_as(
                code: u8,
                decoder: &mut $crate::codec::Decoder<'_>,
            ) -> Result<Self, $crate::codec::DecodeError> {
                <$crate::types::Symbol as $crate::codec::Decode>::decode_as(code, decoder).map(Self::from)
            }

            #[inline]
            fn usual<'a>(
                rest: &'a [u8],
                decoder: &mut $crate::codec::Decoder<'a>,
            ) -> Option<(Self, &'a [u8])> {
                let (symbol, rest) = <$crate::types::Symbol as $crate::codec::Decode>::usual(rest, decoder)?;
                Some((symbol.into(), rest))
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
/// `[or Other]` keeps a described value with an unknown descriptor; without it one is refused.
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
                /// A type that the standard does not define, kept as it came.
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
            fn decode_as(
                code: u8,
                decoder: &mut $crate::codec::Decoder<'_>,
            ) -> Result<Self, $crate::codec::DecodeError> {
                decoder.described(code, $archetype, |descriptor, decoder| {
                    let number = match &descriptor {
                        $crate::codec::Descriptor::Code(number) => Some(*number),
                        $crate::codec::Descriptor::Symbol(symbol) => Self::TYPES
                            .iter()
                            .find(|(_, _, known)| symbol == known)
                            .map(|(_, number, _)| *number),
                        $crate::codec::Descriptor::Reserved(_) => None,
                    };
                    match number {
                        $(Some($ty::CODE) => Some($ty::decode_fields(decoder).map(|value| Self::$ty(value.into()))),)*
                        _ => archetypes!(@other descriptor, decoder $(, $other)?),
                    }
                })
            }

            #[inline]
            fn decode(decoder: &mut $crate::codec::Decoder<'_>) -> Result<Self, $crate::codec::DecodeError> {
                let before = decoder.place();
                if let Some((number, rest)) = $crate::codec::usual::descriptor(before.rest())
                    && decoder.descend().is_some()
                {
                    match number {
                        $($ty::CODE => {
                            if let Some((value, rest)) = $ty::usual_fields(rest, decoder) {
                                decoder.resume(before, rest);
                                return Ok(Self::$ty(value.into()));
                            }
                        })*
                        _ => {}
                    }
                }
                decoder.generally(before)
            }

            #[inline]
            fn usual<'a>(
                rest: &'a [u8],
                decoder: &mut $crate::codec::Decoder<'a>,
            ) -> Option<(Self, &'a [u8])> {
                match $crate::codec::usual::descriptor(rest) {
                    $(Some(($ty::CODE, rest)) => {
                        decoder.descend()?;
                        let (value, rest) = $ty::usual_fields(rest, decoder)?;
                        decoder.ascend();
                        Some((Self::$ty(value.into()), rest))
                    })*
                    _ => $crate::codec::usual::general(rest, decoder),
                }
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

    (@other $descriptor:ident, $decoder:ident) => { None };
    (@other $descriptor:ident, $decoder:ident, $other:ident) => {
        Some(<$crate::types::Value as $crate::codec::Decode>::decode($decoder).map(|value| {
            Self::$other(alloc::sync::Arc::new($crate::types::Described {
                descriptor: $descriptor.into(),
                value,
            }))
        }))
    };
}

/// State machines: the states with the standard's names, and for each the cues it knows and where they lead.
///
/// Gives the state enum with `next(cue)`, the cue enum, and `TABLE`, which docs and tests print and walk.
macro_rules! transitions {
    ($(
        $(#[$meta:meta])*
        $state:ident on $cue:ident in $section:literal {
            $($from:ident = $label:literal { $($on:ident => $to:ident),* $(,)? })*
        }
        cues { $($(#[$cue_meta:meta])* $each:ident = $cue_label:literal;)* }
    )*) => {$(
        $(#[$meta])*
        #[doc = concat!("\n\nSection ", $section, ".")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $state {
            $(#[doc = concat!("`", $label, "`")] $from,)*
        }

        #[doc = concat!("What can happen to a [`", stringify!($state), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $cue {
            $($(#[$cue_meta])* $each,)*
        }

        impl $state {
            /// Every state, in the standard's order.
            pub const ALL: &'static [Self] = &[$(Self::$from,)*];

            /// Every transition: from, cue, to.
            pub const TABLE: &'static [(Self, $cue, Self)] =
                &[$($((Self::$from, $cue::$on, Self::$to),)*)*];

            /// Where the cue leads from here, or `None` where it is not legal in this state.
            #[must_use]
            pub const fn next(self, cue: $cue) -> Option<Self> {
                match (self, cue) {
                    $($((Self::$from, $cue::$on) => Some(Self::$to),)*)*
                    #[allow(unreachable_patterns, reason = "a table may be complete")]
                    _ => None,
                }
            }

            /// The standard's name of the state.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$from => $label,)* }
            }
        }

        impl $cue {
            /// Every cue.
            pub const ALL: &'static [Self] = &[$(Self::$each,)*];

            /// The cue as the standard's diagrams write it: `S:` for sent, `R:` for received.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$each => $cue_label,)* }
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
