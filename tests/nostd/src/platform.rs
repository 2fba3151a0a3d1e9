//! The parts that a program without std brings itself: memory, time, a console, and an end when it panics.

use core::{
    alloc::{GlobalAlloc, Layout},
    fmt,
    mem::MaybeUninit,
    panic::PanicInfo,
    ptr::addr_of_mut,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
};

use amqp_proto::Instant;
use embedded_alloc::LlffHeap;

/// The size of the heap. An allocation beyond it ends the program.
pub const HEAP_SIZE: usize = 16 * 1024;

static mut MEMORY: [MaybeUninit<u8>; HEAP_SIZE] = [MaybeUninit::uninit(); HEAP_SIZE];

#[global_allocator]
pub static HEAP: MeteredHeap = MeteredHeap { heap: LlffHeap::empty(), peak: AtomicUsize::new(0) };

/// A heap that remembers the most bytes that were in use at a time.
pub struct MeteredHeap {
    heap: LlffHeap,
    peak: AtomicUsize,
}

impl MeteredHeap {
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

// SAFETY: both functions are those of the heap inside.
unsafe impl GlobalAlloc for MeteredHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the promises of this function, which are the same.
        let block = unsafe { self.heap.alloc(layout) };
        self.peak.fetch_max(self.heap.used(), Ordering::Relaxed);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; the block is from the heap inside.
        unsafe { self.heap.dealloc(block, layout) }
    }
}

/// Hands the memory to the heap. Called once, before anything is allocated.
pub fn init() {
    // SAFETY: nothing else refers to the memory, and the heap is initialised once.
    unsafe { HEAP.heap.init(addr_of_mut!(MEMORY) as usize, HEAP_SIZE) }
}

/// There is one thread and no interrupt, so nothing can interrupt a critical section. A device masks interrupts here.
struct OneThread;
critical_section::set_impl!(OneThread);

// SAFETY: nothing runs beside the one thread.
unsafe impl critical_section::Impl for OneThread {
    unsafe fn acquire() -> critical_section::RawRestoreState {}
    unsafe fn release(_: critical_section::RawRestoreState) {}
}

/// The milliseconds between two ticks of the timer.
const TICK: u64 = 10;
static TICKS: AtomicU32 = AtomicU32::new(0);

/// Returns the number of ticks since the start.
pub fn ticks() -> u32 {
    TICKS.load(Ordering::Relaxed)
}

/// Counts a tick, as the handler of the timer's interrupt does, and returns the time: the engine needs no more of a clock.
pub fn tick() -> Instant {
    let ticks = TICKS.fetch_add(1, Ordering::Relaxed) + 1;
    Instant::from_millis(u64::from(ticks) * TICK)
}

#[link(name = "c")]
unsafe extern "C" {
    safe fn abort() -> !;
    fn write(file: i32, bytes: *const u8, count: usize) -> isize;
}

/// Standard output, in the place of a device's serial port.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: the pointer and the length are those of the text.
        let written = unsafe { write(1, text.as_ptr(), text.len()) };
        if usize::try_from(written) == Ok(text.len()) { Ok(()) } else { Err(fmt::Error) }
    }
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
