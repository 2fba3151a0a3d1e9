//! How much one decoding may cost.

/// Bounds on the values read from one piece of input, be it a frame body or a message section.
///
/// The standard sets none; without them a few octets could nest or multiply without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Levels of lists, maps, arrays and descriptors within each other. Default 32: the standard's own types
    /// need 6, and each level costs stack.
    pub depth: u16,
    /// Values in all lists, maps and arrays together. Default 1 048 576. Outside arrays each takes at least one
    /// octet of input, and about 40 octets of memory where it becomes a [`Value`](crate::types::Value).
    pub elements: u32,
    /// Array elements that take up no octets, such as null or true, together. Default 4 096: a count of them
    /// is the only thing in the encoding that multiplies memory without paying for it in input.
    pub zero_width_elements: u32,
}

impl DecodeLimits {
    /// The default bounds.
    pub const DEFAULT: Self = Self { depth: 32, elements: 1 << 20, zero_width_elements: 4096 };
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
