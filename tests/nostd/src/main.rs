#![no_std]
#![no_main]

extern crate alloc;

mod platform;

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let v = alloc::vec![1u8, 2, 3];
    i32::from(v.len() != 3)
}
