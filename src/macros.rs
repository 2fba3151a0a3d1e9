//! Tables that read like the standard's XML: `composites!`, `restricted!`, `archetypes!` and `transitions!`.
//! `setters!` is for settings.
//!
//! One list defines the type, its encoding, its decoding, its docs and the facts that the tests compare with the
//! standard.

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

/// Composite types (1.4): described lists with a descriptor and fields in order.
///
/// A field is `name: Type;` for an optional one (`Option<Type>`), or carries `mandatory`, `default EXPR`
/// (both plain `Type`), `multiple` or `multiple_mandatory` (both `Multiple<Type>`).
///
/// `, secret` behind the section leaves `Debug` to be written by hand, since fields can hold secrets.
///
/// `Name | NameRef<'a> = ...` makes a second struct of the same table, which borrows from the encoded bytes. A `|` in a
/// field's row is followed by the type that the field has there.
macro_rules! composites {
    ($(
        $(#[$meta:meta])*
        $name:ident $(| $(#[$borrowed_meta:meta])* $vis:vis $borrowed:ident<$lt:lifetime>)? = $symbol:literal ($code:literal) in $section:literal $(, $secret:ident)? {
            $(
                $(#[$field_meta:meta])*
                $field:ident: $ty:ty $(| $lent:ty)? $(, $kind:ident $($default:expr)?)?;
            )*
        }
    )*) => {$(
        $(#[$meta])*
        #[doc = concat!("\n\nSection ", $section, ", descriptor `", $symbol, "` (`", stringify!($code), "`).")]
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: composites!(@type $ty $(, $kind $($default)?)?),)*
        }

        composites!(@debug $name [$($secret)?] { $($field)* });

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

            const KNOWN: &'static $crate::codec::Known = &(stringify!($name), Self::CODE, Self::SYMBOL);

            /// Decodes the list of the fields at the front of `rest`, and returns the bytes behind it.
            #[inline(always)]
            pub(crate) fn decode_fields<'a>(rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                composites!(@fields $name, Self, own, rest, decoder { $($field: $ty, [$($kind $($default)?)?];)* })
            }

            /// Checks the list of the fields at the front of `rest`, and returns the bytes behind it.
            #[inline(never)]
            pub(crate) fn check_fields<'a>(rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<($crate::codec::Checked, &'a [u8])> {
                composites!(@fields $name, (), check, rest, decoder { $($field: $ty, [$($kind $($default)?)?];)* })
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
            #[inline]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                decoder.described(code, rest, Self::KNOWN, Self::decode_fields)
            }
        }

        impl<'a> $crate::codec::DecodeRef<'a> for $name {
            type Ref = $crate::codec::Checked;

            #[inline]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self::Ref, &'a [u8])> {
                decoder.described(code, rest, Self::KNOWN, Self::check_fields)
            }
        }

        composites!(@borrowed $name, [$($(#[$borrowed_meta])* $vis $borrowed<$lt>)?] {
            $($(#[$field_meta])* $field: $ty, [$(| $lent)?] [$($kind $($default)?)?];)*
        });

        impl $crate::codec::Encode for $name {
            #[inline]
            fn encode(&self, encoder: &mut $crate::codec::Encoder<'_>) {
                #[allow(unused_mut, reason = "a composite without fields writes none")]
                let mut list = encoder.composite(Self::CODE);
                $(composites!(@encode list, encoder, self.$field $(, $kind $($default)?)?);)*
                list.end(encoder);
            }
        }
    )*};

    (@debug $name:ident [] { $($field:ident)* }) => {
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))*.finish()
            }
        }
    };
    (@debug $name:ident [secret] { $($field:ident)* }) => {};

    (@borrowed $name:ident, [] { $($fields:tt)* }) => {};
    (@borrowed $name:ident, [$(#[$meta:meta])* $vis:vis $borrowed:ident<$lt:lifetime>] {
        $($(#[$field_meta:meta])* $field:ident: $ty:ty, [$($lent:tt)*] [$($kind:tt)*];)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis struct $borrowed<$lt> {
            $($(#[$field_meta])* pub $field: composites!(@ref_type $ty, [$($lent)*] [$($kind)*]),)*
        }

        impl<$lt> $borrowed<$lt> {
            /// Decodes the value with this format code from the front of `rest`, and returns the bytes behind it.
            #[inline(always)]
            pub(crate) fn decode_as(code: u8, rest: &$lt [u8], decoder: &mut $crate::codec::Decoder<$lt>) -> Option<(Self, &$lt [u8])> {
                decoder.described(code, rest, $name::KNOWN, |rest, decoder| {
                    composites!(@fields $name, Self, borrow, rest, decoder { $($field: $ty, [$($kind)*];)* })
                })
            }
        }
    };

    (@fields $name:ident, $this:tt, $mode:ident, $rest:ident, $decoder:ident { $($field:ident: $ty:ty, $kind:tt;)* }) => {{
        const NAME: &str = stringify!($name);
        const MAX: usize = <$name as $crate::spec::Composite>::FIELDS.len();
        #[allow(unused_mut, reason = "a composite without fields reads none")]
        let (mut fields, after) = $crate::codec::FieldDecoder::enter($rest, $decoder, NAME, MAX)?;
        $(let $field = composites!(@field $mode, fields, $decoder, $field: $ty, $kind);)*
        $decoder.end_compound(fields.rest())?;
        Some((composites!(@made $mode, $this { $($field,)* }), after))
    }};

    (@made check, $this:tt { $($field:ident,)* }) => {{ $(let _ = $field;)* $crate::codec::Checked }};
    (@made $mode:ident, $this:tt { $($field:ident,)* }) => { $this { $($field,)* } };

    (@field $mode:ident, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [mandatory]) => {{
        let at = $fields.rest();
        match composites!(@next $mode, $fields, $decoder, $ty) {
            Some(value) => value,
            None => return $decoder.missing_field(NAME, stringify!($field), at),
        }
    }};
    (@field $mode:ident, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [multiple_mandatory]) => {{
        let at = $fields.rest();
        // 1.3: for a field both multiple and mandatory an array without entries is as invalid as null.
        match composites!(@next own, $fields, $decoder, $crate::types::Multiple<$ty>).filter(|values| !values.is_empty()) {
            Some(values) => values,
            None => return $decoder.missing_field(NAME, stringify!($field), at),
        }
    }};
    (@field own, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [multiple]) => {
        composites!(@next own, $fields, $decoder, $crate::types::Multiple<$ty>).unwrap_or_default()
    };
    (@field $mode:ident, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [multiple]) => {
        composites!(@next $mode, $fields, $decoder, $crate::types::Multiple<$ty>)
    };
    (@field check, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [default $default:expr]) => {
        composites!(@next check, $fields, $decoder, $ty)
    };
    (@field $mode:ident, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [default $default:expr]) => {
        composites!(@next $mode, $fields, $decoder, $ty).unwrap_or($default)
    };
    (@field $mode:ident, $fields:ident, $decoder:ident, $field:ident: $ty:ty, []) => {
        composites!(@next $mode, $fields, $decoder, $ty)
    };

    (@next own, $fields:ident, $decoder:ident, $ty:ty) => { $fields.optional::<$ty>($decoder)? };
    (@next $mode:ident, $fields:ident, $decoder:ident, $ty:ty) => { $fields.optional_ref::<$ty>($decoder)? };

    (@type $ty:ty) => { Option<$ty> };
    (@type $ty:ty, multiple) => { $crate::types::Multiple<$ty> };
    (@type $ty:ty, multiple_mandatory) => { $crate::types::Multiple<$ty> };
    (@type $ty:ty, $kind:ident $($default:expr)?) => { $ty };

    (@ref_type $ty:ty, [| $lent:ty] [mandatory]) => { $lent };
    (@ref_type $ty:ty, [| $lent:ty] [$($kind:tt)*]) => { Option<$lent> };
    (@ref_type $ty:ty, [] [$kind:ident $($default:expr)?]) => { $ty };
    (@ref_type $ty:ty, [] []) => { Option<$ty> };

    (@default) => { None };
    (@default default $default:expr) => { $default };
    (@default $kind:ident) => { Default::default() };

    (@presence) => { $crate::spec::Presence::Optional };
    (@presence mandatory) => { $crate::spec::Presence::Mandatory };
    (@presence multiple) => { $crate::spec::Presence::Multiple };
    (@presence multiple_mandatory) => { $crate::spec::Presence::MandatoryMultiple };
    (@presence default $default:expr) => { $crate::spec::Presence::Default(stringify!($default)) };

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
