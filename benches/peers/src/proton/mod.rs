//! Qpid Proton C, as Debian ships it.

mod ffi;
mod message;
mod pair;

pub use message::Messages;
pub use pair::Pair;

/// The version of the library's headers.
pub fn version() -> String {
    // SAFETY: the function returns a static string that ends with a zero.
    unsafe { std::ffi::CStr::from_ptr(ffi::peers_version()) }.to_string_lossy().into_owned()
}
