//! What a program without std has to bring itself: memory, and an end when it panics.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

const ARENA_SIZE: usize = 4 * 1024 * 1024;

/// Hands out an arena from its start to its end and takes nothing back: enough for a program that ends.
struct Arena {
    bytes: UnsafeCell<[u8; ARENA_SIZE]>,
    used: AtomicUsize,
}

// SAFETY: each byte of the arena is handed out once, by the atomic counter.
unsafe impl Sync for Arena {}

#[global_allocator]
static ARENA: Arena = Arena { bytes: UnsafeCell::new([0; ARENA_SIZE]), used: AtomicUsize::new(0) };

// SAFETY: blocks lie inside the arena, are aligned as asked, and never overlap.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Room for the worst alignment is taken with every block, so one addition settles who owns what.
        let size = layout.size() + layout.align();
        let start = self.used.fetch_add(size, Ordering::Relaxed);
        if start + size > ARENA_SIZE {
            return null_mut();
        }
        // SAFETY: `start` plus the padding plus the layout's size is within the arena, as just checked.
        unsafe {
            let block = self.bytes.get().cast::<u8>().add(start);
            block.add(block.align_offset(layout.align()))
        }
    }

    unsafe fn dealloc(&self, _block: *mut u8, _layout: Layout) {}
}

#[link(name = "c")]
unsafe extern "C" {
    safe fn abort() -> !;
}

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    abort()
}

/// The precompiled `core` names this symbol in its unwind tables. Nothing unwinds here: a panic aborts.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The ready-made `alloc` of a target that can unwind names this where it would go on unwinding. Nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    abort()
}
