//! What an operating system would have: an allocator, an end for panics, and where it begins.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::hint;
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::node;

const HEAP: usize = 64 * 1024;

/// Gives out its memory from the beginning to the end, and takes nothing back: a node allocates when it is made, and where
/// more is in flight than ever before, but not for each item.
#[repr(align(16))]
struct Bump {
    memory: UnsafeCell<[u8; HEAP]>,
    used: AtomicUsize,
}

#[global_allocator]
static ALLOCATOR: Bump = Bump { memory: UnsafeCell::new([0; HEAP]), used: AtomicUsize::new(0) };

// SAFETY: no byte of the memory is given out twice, and nothing else reads or writes it.
unsafe impl Sync for Bump {}

// SAFETY: what is given out is inside of the memory, aligned, and nobody else's.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let begin = |used: usize| used.next_multiple_of(layout.align());
        let end = |used: usize| begin(used).checked_add(layout.size()).filter(|end| *end <= HEAP);
        if layout.align() > align_of::<Self>() {
            return ptr::null_mut();
        }
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end) {
            // SAFETY: from there on are so many bytes of the memory.
            Ok(used) => unsafe { self.memory.get().cast::<u8>().add(begin(used)) },
            Err(_) => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    stop()
}

fn stop() -> ! {
    loop {
        hint::spin_loop();
    }
}

/// What a board's start-up code calls when memory is as it should be.
// SAFETY: nothing else has this name.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    hint::black_box(node::run());
    stop()
}
