//! What threads meet in. In the tests that try every interleaving (`interleavings`) it is loom's, which knows of every
//! use of it.

#[cfg(not(all(test, inorder_loom)))]
pub(super) use self::real::*;
#[cfg(all(test, inorder_loom))]
pub(super) use self::tried::*;

#[cfg(not(all(test, inorder_loom)))]
mod real {
    pub(in crate::driver) use std::sync::atomic::{AtomicBool, AtomicU64};
    pub(in crate::driver) use std::sync::{Mutex, MutexGuard};

    pub(in crate::driver) use atomic_waker::AtomicWaker;
}

#[cfg(all(test, inorder_loom))]
mod tried {
    use std::sync::PoisonError;
    use std::task::Waker;

    pub(in crate::driver) use loom::sync::atomic::{AtomicBool, AtomicU64};
    pub(in crate::driver) use loom::sync::{Mutex, MutexGuard};

    /// A place for a waker, with the promises of the real one: whoever takes sees what came before the registration,
    /// and the other way round.
    #[derive(Debug, Default)]
    pub(in crate::driver) struct AtomicWaker(Mutex<Option<Waker>>);

    impl AtomicWaker {
        pub(in crate::driver) fn new() -> Self {
            Self::default()
        }

        fn replace(&self, with: Option<Waker>) -> Option<Waker> {
            std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), with)
        }

        pub(in crate::driver) fn register(&self, waker: &Waker) {
            drop(self.replace(Some(waker.clone())));
        }

        pub(in crate::driver) fn take(&self) -> Option<Waker> {
            self.replace(None)
        }

        pub(in crate::driver) fn wake(&self) {
            if let Some(waker) = self.take() {
                waker.wake();
            }
        }
    }
}
