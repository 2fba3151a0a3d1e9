//! The tables of composite types: [`composites!`](crate::composites) for everybody's, `standard_composites!` for the
//! standard's.

/// Defines composite types of your own (1.4): described lists with a descriptor and fields in order.
///
/// A field is `name: Type;` for an optional one (`Option<Type>`), or carries `mandatory`, `default VALUE`
/// (both plain `Type`), `multiple` or `multiple_mandatory` (both [`Multiple<Type>`](crate::types::Multiple)).
/// A type of a field implements [`Encode`](crate::codec::Encode) and [`Decode`](crate::codec::Decode), and
/// [`Element`](crate::codec::Element) if the field is multiple; composites of your own can be types of fields too.
///
/// Each type gets `Clone`, `PartialEq`, `Debug`, `Default`, [`Composite`](crate::spec::Composite), `Encode` and `Decode`.
/// `Encode` writes the numeric descriptor, and leaves out fields that are null or have their default. `Decode` takes the
/// symbolic descriptor too, and refuses other descriptors, missing mandatory fields, and more fields than the type has.
///
/// 1.5: the upper half of a numeric descriptor is a domain, an id that IANA has assigned to an enterprise.
///
/// ```
/// use amqp_proto::{codec::{DecodeLimits, from_bytes, to_vec}, spec::Composite, types::{Str, Symbol}};
///
/// amqp_proto::composites! {
///     /// A place on the earth.
///     #[derive(Eq)]
///     pub struct Place = "example:place:list" (0x0000_7ed9_0000_0001) in "our manual, 3.2" {
///         /// Millionths of a degree.
///         latitude: i32, mandatory;
///         /// Millionths of a degree.
///         longitude: i32, mandatory;
///         /// Metres above the sea.
///         altitude: i32, default 0;
///         /// Its name, if it has one.
///         name: Str;
///         /// Names of groups that it belongs to.
///         groups: Symbol, multiple;
///     }
/// }
///
/// let place = Place { latitude: 52_520_000, longitude: 13_405_000, name: Some("Berlin".into()), ..Place::default() };
/// let bytes = to_vec(&place);
/// assert_eq!(from_bytes(&bytes.into(), DecodeLimits::DEFAULT), Ok(place));
/// assert_eq!(Place::FIELDS.len(), 5);
/// ```
#[macro_export]
macro_rules! composites {
    // Types of anybody's.
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident = $symbol:literal ($code:literal) $(in $section:literal)? {
            $($(#[$field_meta:meta])* $field:ident: $ty:ty $(, $kind:ident $($default:expr)?)?;)*
        }
    )*) => {$(
        $crate::composites!(@struct
            [
                $(#[$meta])*
                #[doc = concat!("\n\nDescriptor `", $symbol, "` (`", stringify!($code), "`)", $(", ", $section,)? ".")]
                #[derive(Clone, Debug, PartialEq)]
            ]
            [$vis] $name = $symbol ($code) [concat!($($section)?)] {
                $($(#[$field_meta])* $field: $ty, [$($kind $($default)?)?];)*
            }
        );

        impl $crate::codec::Decode for $name {
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                const FIELDS: usize = <$name as $crate::spec::Composite>::FIELDS.len();
                #[allow(unused_variables, reason = "a composite without fields reads none")]
                decoder.composite(code, rest, (stringify!($name), $code, $symbol), FIELDS, |fields, decoder| {
                    Some(Self {
                        $($field: $crate::composites!(@decode fields, decoder, $name, $field: $ty, [$($kind $($default)?)?]),)*
                    })
                })
            }
        }
    )*};

    // The parts that all have.
    (@struct [$($attributes:tt)*] [$vis:vis] $name:ident = $symbol:literal ($code:literal) [$section:expr] {
        $($(#[$field_meta:meta])* $field:ident: $ty:ty, [$($kind:ident $($default:expr)?)?];)*
    }) => {
        $($attributes)*
        $vis struct $name {
            $($(#[$field_meta])* pub $field: $crate::composites!(@field_type $ty $(, $kind $($default)?)?),)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $crate::composites!(@default $($kind $($default)?)?),)* }
            }
        }

        impl $name {
            /// The numeric descriptor.
            pub const CODE: u64 = $code;
            /// The symbolic descriptor.
            pub const SYMBOL: &'static str = $symbol;
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
                    presence: $crate::composites!(@presence $($kind $($default)?)?),
                },)*
            ];
        }

        impl $crate::codec::Encode for $name {
            #[inline]
            fn encode(&self, encoder: &mut $crate::codec::Encoder<'_>) {
                #[allow(unused_mut, reason = "a composite without fields writes none")]
                let mut list = encoder.composite($code);
                $($crate::composites!(@encode list, encoder, self.$field $(, $kind $($default)?)?);)*
                list.end(encoder);
            }
        }
    };

    (@decode $fields:ident, $decoder:ident, $name:ident, $field:ident: $ty:ty, [mandatory]) => {
        $fields.mandatory::<$ty>($decoder, stringify!($name), stringify!($field))?
    };
    (@decode $fields:ident, $decoder:ident, $name:ident, $field:ident: $ty:ty, [multiple_mandatory]) => {
        $fields.mandatory_multiple::<$ty>($decoder, stringify!($name), stringify!($field))?
    };
    (@decode $fields:ident, $decoder:ident, $name:ident, $field:ident: $ty:ty, [multiple]) => {
        $fields.optional::<$crate::types::Multiple<$ty>>($decoder)?.unwrap_or_default()
    };
    (@decode $fields:ident, $decoder:ident, $name:ident, $field:ident: $ty:ty, [default $default:expr]) => {
        $fields.optional::<$ty>($decoder)?.unwrap_or($default)
    };
    (@decode $fields:ident, $decoder:ident, $name:ident, $field:ident: $ty:ty, []) => {
        $fields.optional::<$ty>($decoder)?
    };

    (@field_type $ty:ty) => { Option<$ty> };
    (@field_type $ty:ty, multiple) => { $crate::types::Multiple<$ty> };
    (@field_type $ty:ty, multiple_mandatory) => { $crate::types::Multiple<$ty> };
    (@field_type $ty:ty, $kind:ident $($default:expr)?) => { $ty };

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

/// Composite types of the standard, as [`composites!`](crate::composites) has them, which are also decoded without making
/// values.
///
/// `, secret` behind the section leaves `Debug` to be written by hand, since fields can hold secrets.
///
/// `Name | NameRef<'a> = ...` makes a second struct of the same table, which borrows from the encoded bytes. A `|` in a
/// field's row is followed by the type that the field has there.
macro_rules! standard_composites {
    ($(
        $(#[$meta:meta])*
        $name:ident $(| $(#[$borrowed_meta:meta])* $vis:vis $borrowed:ident<$lt:lifetime>)? = $symbol:literal ($code:literal) in $section:literal $(, $secret:ident)? {
            $(
                $(#[$field_meta:meta])*
                $field:ident: $ty:ty $(| $lent:ty)? $(, $kind:ident $($default:expr)?)?;
            )*
        }
    )*) => {$(
        composites!(@struct
            [
                $(#[$meta])*
                #[doc = concat!("\n\nSection ", $section, ", descriptor `", $symbol, "` (`", stringify!($code), "`).")]
                #[derive(Clone, PartialEq, Eq)]
            ]
            [pub] $name = $symbol ($code) [$section] {
                $($(#[$field_meta])* $field: $ty, [$($kind $($default)?)?];)*
            }
        );

        standard_composites!(@debug $name [$($secret)?] { $($field)* });

        impl $name {
            const KNOWN: &'static $crate::codec::Known = &(stringify!($name), Self::CODE, Self::SYMBOL);

            /// Decodes the list of the fields at the front of `rest`, and returns the bytes behind it.
            #[inline(always)]
            pub(crate) fn decode_fields<'a>(rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<(Self, &'a [u8])> {
                standard_composites!(@fields $name, Self, own, rest, decoder { $($field: $ty, [$($kind $($default)?)?];)* })
            }

            /// Checks the list of the fields at the front of `rest`, and returns the bytes behind it.
            #[inline(never)]
            pub(crate) fn check_fields<'a>(rest: &'a [u8], decoder: &mut $crate::codec::Decoder<'a>) -> Option<($crate::codec::Checked, &'a [u8])> {
                standard_composites!(@fields $name, (), check, rest, decoder { $($field: $ty, [$($kind $($default)?)?];)* })
            }
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

        standard_composites!(@borrowed $name, [$($(#[$borrowed_meta])* $vis $borrowed<$lt>)?] {
            $($(#[$field_meta])* $field: $ty, [$(| $lent)?] [$($kind $($default)?)?];)*
        });
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
            $($(#[$field_meta])* pub $field: standard_composites!(@ref_type $ty, [$($lent)*] [$($kind)*]),)*
        }

        impl<$lt> $borrowed<$lt> {
            /// Decodes the value with this format code from the front of `rest`, and returns the bytes behind it.
            #[inline(always)]
            pub(crate) fn decode_as(code: u8, rest: &$lt [u8], decoder: &mut $crate::codec::Decoder<$lt>) -> Option<(Self, &$lt [u8])> {
                decoder.described(code, rest, $name::KNOWN, |rest, decoder| {
                    standard_composites!(@fields $name, Self, borrow, rest, decoder { $($field: $ty, [$($kind)*];)* })
                })
            }
        }
    };

    (@fields $name:ident, $this:tt, $mode:ident, $rest:ident, $decoder:ident { $($field:ident: $ty:ty, $kind:tt;)* }) => {{
        const NAME: &str = stringify!($name);
        const MAX: usize = <$name as $crate::spec::Composite>::FIELDS.len();
        #[allow(unused_mut, reason = "a composite without fields reads none")]
        let (mut fields, after) = $crate::codec::FieldDecoder::enter($rest, $decoder, NAME, MAX)?;
        $(let $field = standard_composites!(@field $mode, fields, $decoder, $field: $ty, $kind);)*
        $decoder.end_compound(fields.rest())?;
        Some((standard_composites!(@made $mode, $this { $($field,)* }), after))
    }};

    (@made check, $this:tt { $($field:ident,)* }) => {{ $(let _ = $field;)* $crate::codec::Checked }};
    (@made $mode:ident, $this:tt { $($field:ident,)* }) => { $this { $($field,)* } };

    (@field $mode:ident, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [mandatory]) => {{
        let at = $fields.rest();
        match standard_composites!(@next $mode, $fields, $decoder, $ty) {
            Some(value) => value,
            None => return $decoder.missing_field(NAME, stringify!($field), at),
        }
    }};
    (@field $mode:ident, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [multiple_mandatory]) => {
        $fields.mandatory_multiple::<$ty>($decoder, NAME, stringify!($field))?
    };
    (@field own, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [multiple]) => {
        standard_composites!(@next own, $fields, $decoder, $crate::types::Multiple<$ty>).unwrap_or_default()
    };
    (@field $mode:ident, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [multiple]) => {
        standard_composites!(@next $mode, $fields, $decoder, $crate::types::Multiple<$ty>)
    };
    (@field check, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [default $default:expr]) => {
        standard_composites!(@next check, $fields, $decoder, $ty)
    };
    (@field $mode:ident, $fields:ident, $decoder:ident, $field:ident: $ty:ty, [default $default:expr]) => {
        standard_composites!(@next $mode, $fields, $decoder, $ty).unwrap_or($default)
    };
    (@field $mode:ident, $fields:ident, $decoder:ident, $field:ident: $ty:ty, []) => {
        standard_composites!(@next $mode, $fields, $decoder, $ty)
    };

    (@next own, $fields:ident, $decoder:ident, $ty:ty) => { $fields.optional::<$ty>($decoder)? };
    (@next $mode:ident, $fields:ident, $decoder:ident, $ty:ty) => { $fields.optional_ref::<$ty>($decoder)? };

    (@ref_type $ty:ty, [| $lent:ty] [mandatory]) => { $lent };
    (@ref_type $ty:ty, [| $lent:ty] [$($kind:tt)*]) => { Option<$lent> };
    (@ref_type $ty:ty, [] [$kind:ident $($default:expr)?]) => { $ty };
    (@ref_type $ty:ty, [] []) => { Option<$ty> };
}
