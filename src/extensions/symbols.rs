//! Names as constants.

/// Declares symbols as public constants, each with its text in its documentation.
macro_rules! symbols {
    ($($(#[$meta:meta])* $name:ident = $text:literal;)*) => {$(
        $(#[$meta])*
        #[doc = concat!("\n\n`", $text, "`")]
        pub const $name: Symbol = Symbol::from_static($text);
    )*};
}
