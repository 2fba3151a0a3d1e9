mod arrays;
mod errors;
mod identifiers;
mod maps;
mod numbers;
mod strings;
#[cfg(feature = "std")]
mod timestamps;
mod values;
