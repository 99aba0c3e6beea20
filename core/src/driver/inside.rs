//! Whose handler, hand-over or `on_result` this thread is polling: what waits in there may wait for itself.

use std::cell::RefCell;
use std::ptr;
use std::sync::Arc;

use super::state::Core;
use crate::{Handle, Run};

/// The item that is being worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inside {
    pub(super) handle: Handle,
}

/// What is being polled, each within the one before: a handler may drive another processor. `Core`s are known by where
/// they are, which does not change while they are polled.
type Frames = RefCell<Vec<(usize, Inside)>>;

thread_local! {
    static FRAMES: Frames = const { RefCell::new(Vec::new()) };
}

/// Being inside, until it is dropped.
#[must_use = "it ends at once"]
pub(super) struct Entered(());

impl Inside {
    /// What the processor with this core polls on this thread, if anything.
    pub(super) fn of(core: &Arc<Core>) -> Option<Self> {
        let place = place(core);
        let find = |frames: &Frames| {
            frames.borrow().iter().find(|(core, _)| *core == place).map(|(_, inside)| *inside)
        };
        // without the thread's memory, as in the destructors of others, nothing is known
        FRAMES.try_with(find).ok().flatten()
    }

    pub(super) fn enter(self, core: &Arc<Core>) -> Entered {
        let frame = (place(core), self);
        let _: Result<(), _> = FRAMES.try_with(|frames| frames.borrow_mut().push(frame));
        Entered(())
    }
}

impl From<Run> for Inside {
    fn from(run: Run) -> Self {
        Self { handle: run.handle }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let _: Result<_, _> = FRAMES.try_with(|frames| frames.borrow_mut().pop());
    }
}

fn place(core: &Arc<Core>) -> usize {
    ptr::from_ref::<Core>(core).addr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::state::State;
    use crate::{Options, SourceOptions};

    fn core() -> Arc<Core> {
        Arc::new(Core::new(State::new(&Options::new(), SourceOptions::new())))
    }

    #[test]
    fn each_processor_finds_its_own_until_it_is_left() {
        let (outer, inner) = (core(), core());
        let at = |bits| Inside { handle: Handle::from_bits(bits) };
        let entered = at(1).enter(&outer);
        {
            let _entered = at(2).enter(&inner);
            assert_eq!([&outer, &inner].map(Inside::of), [Some(at(1)), Some(at(2))]);
            std::thread::scope(|scope| {
                scope.spawn(|| assert_eq!(Inside::of(&outer), None, "another thread"));
            });
        }
        assert_eq!([&outer, &inner].map(Inside::of), [Some(at(1)), None]);
        drop(entered);
        assert_eq!(Inside::of(&outer), None);
    }

    #[test]
    fn a_panic_leaves_it() {
        let core = core();
        let inside = Inside { handle: Handle::from_bits(0) };
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _entered = inside.enter(&core);
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panic.is_err() && Inside::of(&core).is_none());
    }
}
