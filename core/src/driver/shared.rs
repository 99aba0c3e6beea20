//! What a processor, its driver and its futures share.

use std::hash::{Hash, RandomState};
use std::mem;
use std::sync::{Arc, PoisonError};

use super::effects::{Effects, to_the_end};
use super::items::Items;
use super::key::Hashed;
use super::state::{Core, State};
use super::sync::{Mutex, MutexGuard};
use super::ticket::Pledge;
use crate::{Handle, Time};

/// Says by what an item is ordered.
pub(super) type KeyOf<T, Q> = Box<dyn Fn(&T) -> Option<Q> + Send + Sync>;

/// Two locks, taken in this order: the state, which tickets know too, and the items.
///
/// Neither is held over anything that a user wrote but the equality of keys with the same hash: what is to be woken or
/// dropped is put aside as an effect.
pub(super) struct Shared<T, R, E, Q: Eq + Hash, I> {
    pub(super) core: Arc<Core>,
    items: Mutex<Items<T, R, E, Q, I>>,
    calls: Calls<T, Q, I>,
    hasher: RandomState,
    pub(super) abilities: Abilities,
}

/// What is asked of an item.
pub(super) struct Calls<T, Q, I> {
    pub(super) key: Option<KeyOf<T, Q>>,
    pub(super) keep: fn(&T) -> I,
    pub(super) copy: fn(&I) -> I,
}

/// What a key can be resumed with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abilities {
    pub(super) hands_over: bool,
    pub(super) tries_again: bool,
}

impl<T, R, E, Q: Eq + Hash, I> Shared<T, R, E, Q, I> {
    pub(super) fn new(
        core: Arc<Core>,
        items: Items<T, R, E, Q, I>,
        calls: Calls<T, Q, I>,
        abilities: Abilities,
    ) -> Arc<Self> {
        let items = Mutex::new(items);
        Arc::new(Self { core, items, calls, hasher: RandomState::new(), abilities })
    }

    /// The items, for a look.
    pub(super) fn items(&self) -> MutexGuard<'_, Items<T, R, E, Q, I>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is something to begin or to stop.
    pub(super) fn has_work(&self) -> bool {
        let state = self.core.lock();
        self.items().has_work(&state)
    }

    /// Where the result of an item goes; `None` where it has left.
    pub(super) fn pledge_of(&self, handle: Handle) -> Option<Pledge<R, E, I>> {
        let state = self.core.lock();
        state.seq_of(handle)?;
        self.items().pledge_of(handle)
    }

    /// The key of an item.
    pub(super) fn key_of(&self, item: &T) -> Option<Hashed<Q>> {
        let key = self.calls.key.as_ref()?(item)?;
        Some(self.hashed(key))
    }

    pub(super) fn hashed<P: Hash>(&self, key: P) -> Hashed<P> {
        Hashed::new(&self.hasher, key)
    }

    /// What is kept of an item.
    pub(super) fn keep(&self, item: &T) -> I {
        (self.calls.keep)(item)
    }

    pub(super) fn copy(&self, kept: &I) -> I {
        (self.calls.copy)(kept)
    }

    /// Gives commands, with all that follows from them, but for the effects.
    pub(super) fn command<X>(
        &self,
        now: Time,
        effects: &mut Effects<T, R, E, Q, I>,
        commands: impl FnOnce(&mut State, &mut Items<T, R, E, Q, I>, &mut Effects<T, R, E, Q, I>) -> X,
    ) -> X {
        let mut state = self.core.lock();
        let mut items = self.items();
        state.set_now(now);
        // a ticket that was cancelled leaves the rest to the next one
        items.settle(&mut state, effects);
        let answer = commands(&mut state, &mut items, effects);
        items.settle(&mut state, effects);
        answer
    }

    /// Gives commands with all that follows, for anybody but the driver.
    pub(super) fn act<X>(
        &self,
        now: Time,
        commands: impl FnOnce(&mut State, &mut Items<T, R, E, Q, I>, &mut Effects<T, R, E, Q, I>) -> X,
    ) -> X {
        let mut act = Act { core: &self.core, effects: Effects::new() };
        self.command(now, &mut act.effects, commands)
    }
}

/// What follows from commands, done in the end: after a panic, too.
struct Act<'a, T, R, E, Q, I> {
    core: &'a Core,
    effects: Effects<T, R, E, Q, I>,
}

impl<T, R, E, Q, I> Drop for Act<'_, T, R, E, Q, I> {
    fn drop(&mut self) {
        // there is no next time for what a panic leaves
        to_the_end(|| {
            if mem::take(&mut self.effects.wakes_driver) {
                self.core.wake_driver();
            }
            self.effects.perform();
        });
    }
}
