//! Tables that read like the standard's XML: `composites!`, `restricted!`, `archetypes!` and
//! `transitions!`; and `setters!`, for settings. One list gives the type, its encoding, its decoding, its docs and what the tests compare
//! with the standard.

/// Composite types (1.4): described lists with a descriptor and fields in order.
///
/// A field is `name: Type;` for an optional one (`Option<Type>`), or carries `mandatory`, `default EXPR`
/// (both plain `Type`), `multiple` or `multiple_mandatory` (both `Multiple<Type>`).
///
/// `Name | NameRef<'a> = ...` makes a second struct of the same table, of what is borrowed when a composite is decoded
/// without making a value of it; for a field of another type there, the table has that behind a `|`.
macro_rules! composites {
    ($(
        $(#[$meta:meta])*
        $name:ident $(| $(#[$borrowed_meta:meta])* $vis:vis $borrowed:ident<$lt:lifetime>)? = $symbol:literal ($code:literal) in $section:literal {
            $(
                $(#[$field_meta:meta])*
                $field:ident: $ty:ty $(| $lent:ty)? $(, $kind:ident $($default:expr)?)?;
            )*
        }
    )*) => {$(
        $(#[$meta])*
        #[doc = concat!("\n\nSection ", $section, ", descriptor `", $symbol, "` (`", stringify!($code), "`).")]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: composites!(@type $ty $(, $kind $($default)?)?),)*
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

            /// Decodes the fields from the front of `rest`, and returns the bytes behind them.
            #[inline(always)]
            pub(crate) fn decode_fields<'a>(rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                composites!(@fields $name, Self, rest, decoder, own {
                    $($field: $ty, [] [$($kind $($default)?)?];)*
                })
            }

            /// Checks the fields at the front of `rest`, and returns the bytes behind them.
            #[inline(never)]
            pub(crate) fn check_fields<'a>(rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<($crate::codec::borrowed::Checked, &'a [u8])> {
                composites!(@fields $name, (), rest, decoder, check {
                    $($field: $ty, [] [$($kind $($default)?)?];)*
                })
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
                composites!(@enter $name, code, rest, decoder, fields);
                let (this, rest) = Self::decode_fields(fields, decoder)?;
                decoder.ascend();
                Some((this, rest))
            }
        }

        impl<'a> $crate::codec::borrowed::DecodeRef<'a> for $name {
            type Ref = $crate::codec::borrowed::Checked;

            #[inline]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self::Ref, &'a [u8])> {
                composites!(@enter $name, code, rest, decoder, fields);
                let (checked, rest) = Self::check_fields(fields, decoder)?;
                decoder.ascend();
                Some((checked, rest))
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

        impl $name {
            const FIELDS: &'static [$crate::spec::Field] = <Self as $crate::spec::Composite>::FIELDS;
        }
    )*};

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
                composites!(@enter $name, code, rest, decoder, fields);
                let (this, rest) = Self::decode_fields(fields, decoder)?;
                decoder.ascend();
                Some((this, rest))
            }

            #[inline(always)]
            fn decode_fields(rest: &$lt [u8], decoder: &mut $crate::codec::Decoder<$lt>) -> Option<(Self, &$lt [u8])> {
                composites!(@fields $name, Self, rest, decoder, borrow {
                    $($field: $ty, [$($lent)*] [$($kind)*];)*
                })
            }
        }
    };

    (@enter $name:ident, $code:ident, $rest:ident, $decoder:ident, $fields:ident) => {
        const NAME: &str = stringify!($name);
        let known = &[(NAME, $name::CODE, $name::SYMBOL)];
        let (number, $fields) = $decoder.enter_described($code, $rest, NAME, known)?;
        if number != $name::CODE {
            return $decoder.unknown_descriptor(NAME, $rest);
        }
    };

    // Each field is a variable of its own until all are there: so they need no place in memory before that.
    (@fields $name:ident, $this:tt, $rest:ident, $decoder:ident, $mode:ident {
        $($field:ident: $ty:ty, [$($lent:tt)*] [$($kind:tt)*];)*
    }) => {{
        const NAME: &str = stringify!($name);
        const BOUNDS: (usize, u32) = $crate::spec::Field::bounds($name::FIELDS);
        #[allow(unused_mut, reason = "a composite without fields reads none")]
        let (mut list, after) = $crate::codec::FieldDecoder::enter($rest, $decoder, NAME, BOUNDS.1)?;
        #[allow(unused_mut, reason = "a composite without fields reads none")]
        let mut index = 0_usize;
        $(composites!(@slot $mode, $field: $ty, [$($lent)*] [$($kind)*]);)*
        #[allow(unused_labels, reason = "a composite without fields reads none")]
        'fields: {
            $(
                if list.is_empty() {
                    if index < BOUNDS.0 {
                        return $crate::spec::missing_field($decoder, NAME, $name::FIELDS, index, list.rest());
                    }
                    break 'fields;
                }
                composites!(@take $mode, $name, list, $decoder, index, $field: $ty, [$($kind)*]);
                index = index.wrapping_add(1);
            )*
        }
        let _ = index;
        $decoder.end_compound(list.rest())?;
        Some((composites!(@this $mode, $this { $($field,)* }), after))
    }};

    (@this check, $this:tt { $($field:ident,)* }) => { $crate::codec::borrowed::Checked };
    (@this $mode:ident, $this:tt { $($field:ident,)* }) => { $this { $($field,)* } };

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

    (@slot check, $field:ident: $ty:ty, [] [$($kind:tt)*]) => {};
    (@slot own, $field:ident: $ty:ty, [] [$($kind:ident $($default:expr)?)?]) => {
        let mut $field: composites!(@type $ty $(, $kind $($default)?)?) = composites!(@default $($kind $($default)?)?);
    };
    (@slot borrow, $field:ident: $ty:ty, [$($lent:tt)*] [default $default:expr]) => {
        let mut $field: $ty = $default;
    };
    (@slot borrow, $field:ident: $ty:ty, [$($lent:tt)*] [$($kind:tt)*]) => {
        let mut $field: composites!(@ref_type $ty, [$($lent)*] [$($kind)*]) = Default::default();
    };

    (@take $mode:ident, $name:ident, $list:ident, $decoder:ident, $index:ident, $field:ident: $ty:ty, [$($kind:tt)*]) => {
        let at = $list.rest();
        let _ = at;
        let next = composites!(@next $mode, $list, $decoder, $ty, [$($kind)*]);
        composites!(@store $mode, $field, next, [$name $decoder $index at], [$($kind)*]);
    };

    (@next own, $list:ident, $decoder:ident, $ty:ty, [$($kind:tt)*]) => {
        $list.next::<composites!(@wire_type $ty, [$($kind)*])>($decoder)?
    };
    // The values have to be counted.
    (@next check, $list:ident, $decoder:ident, $ty:ty, [multiple_mandatory]) => {
        composites!(@next own, $list, $decoder, $ty, [multiple_mandatory])
    };
    (@next $mode:ident, $list:ident, $decoder:ident, $ty:ty, [$($kind:tt)*]) => {
        $list.next_ref::<composites!(@wire_type $ty, [$($kind)*])>($decoder)?
    };

    (@wire_type $ty:ty, [multiple]) => { $crate::types::Multiple<$ty> };
    (@wire_type $ty:ty, [multiple_mandatory]) => { $crate::types::Multiple<$ty> };
    (@wire_type $ty:ty, [$($kind:tt)*]) => { $ty };

    (@store $mode:ident, $field:ident, $next:ident, $place:tt, [mandatory]) => {
        match $next {
            Some(value) => composites!(@set $mode, $field, value),
            None => return composites!(@missing $place),
        }
    };
    (@store $mode:ident, $field:ident, $next:ident, $place:tt, [multiple_mandatory]) => {
        // 1.3: for a field both multiple and mandatory an array without entries is as invalid as null.
        match $next.filter(|values| !values.is_empty()) {
            Some(values) => composites!(@set $mode, $field, values),
            None => return composites!(@missing $place),
        }
    };
    (@store own, $field:ident, $next:ident, $place:tt, [$kind:ident $($default:expr)?]) => {
        if let Some(value) = $next { $field = value }
    };
    (@store borrow, $field:ident, $next:ident, $place:tt, [default $default:expr]) => {
        if let Some(value) = $next { $field = value }
    };
    (@store $mode:ident, $field:ident, $next:ident, $place:tt, [$($kind:tt)*]) => {
        composites!(@set $mode, $field, $next)
    };

    (@missing [$name:ident $decoder:ident $index:ident $at:ident]) => {
        $crate::spec::missing_field($decoder, NAME, $name::FIELDS, $index, $at)
    };

    (@set check, $field:ident, $value:ident) => {{ let _ = $value; }};
    (@set $mode:ident, $field:ident, $value:ident) => { $field = $value };

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
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                match <$source as $crate::codec::Decode>::decode_as(code, rest, decoder)? {
                    $(($value, after) => Some((Self::$choice, after)),)*
                    #[allow(unreachable_patterns, reason = "both booleans may be choices")]
                    _ => decoder.fail($crate::codec::DecodeErrorKind::InvalidChoice(stringify!($name)), rest),
                }
            }
        }

        impl<'a> $crate::codec::borrowed::DecodeRef<'a> for $name {
            type Ref = Self;

            #[inline]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                <Self as $crate::codec::Decode>::decode_as(code, rest, decoder)
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
                    $($name::$choice => const { Self::from_static($value) },)*
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
            #[inline]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                let (symbol, rest) =
                    <$crate::types::Symbol as $crate::codec::Decode>::decode_as(code, rest, decoder)?;
                Some((symbol.into(), rest))
            }
        }

        impl<'a> $crate::codec::borrowed::DecodeRef<'a> for $name {
            type Ref = $crate::types::TextRef<'a>;

            #[inline]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self::Ref, &'a [u8])> {
                <$crate::types::Symbol as $crate::codec::borrowed::DecodeRef>::decode_ref(code, rest, decoder)
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

        impl<'a> $crate::codec::borrowed::DecodeRef<'a> for $name {
            type Ref = $crate::codec::borrowed::Checked;

            #[inline]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self::Ref, &'a [u8])> {
                let (number, fields) = decoder.enter_described(code, rest, $archetype, Self::TYPES)?;
                let (checked, rest) = match number {
                    $($ty::CODE => $ty::check_fields(fields, decoder)?,)*
                    _ => {
                        let other: Option<(Self, &'a [u8])> =
                            archetypes!(@other rest, decoder, $archetype $(, $other)?);
                        return other.map(|(_, rest)| ($crate::codec::borrowed::Checked, rest));
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
        let (described, rest) = $decoder.other_described($rest)?;
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
