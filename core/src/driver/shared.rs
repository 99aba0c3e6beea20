//! What a processor, its driver and its futures share.

use std::hash::{Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::effects::Effects;
use super::items::Items;
use super::key::Hashed;
use super::offer::Offer;
use super::state::{Core, State};
use crate::{Seq, Time};

/// Says by what an item is ordered.
pub(super) type KeyOf<T, Q> = Box<dyn Fn(&T) -> Option<Q> + Send + Sync>;

/// Two locks, taken in this order: the state, which tickets know too, and the items.
///
/// Neither is held over anything that a user wrote but the equality of keys with the same hash: what is to be woken or
/// dropped is put aside as an effect.
pub(super) struct Shared<T, R, E, Q: Eq + Hash, I> {
    pub(super) core: Arc<Core>,
    items: Mutex<Items<T, R, E, Q, I>>,
    key: Option<KeyOf<T, Q>>,
    hasher: RandomState,
    keep: fn(&T) -> I,
    copy: fn(&I) -> I,
}

impl<T, R, E, Q: Eq + Hash, I> Shared<T, R, E, Q, I> {
    pub(super) fn new(
        core: Arc<Core>,
        items: Items<T, R, E, Q, I>,
        key: Option<KeyOf<T, Q>>,
        keep: fn(&T) -> I,
        copy: fn(&I) -> I,
    ) -> Arc<Self> {
        Arc::new(Self {
            core,
            items: Mutex::new(items),
            key,
            hasher: RandomState::new(),
            keep,
            copy,
        })
    }

    /// The items, for a look.
    pub(super) fn items(&self) -> MutexGuard<'_, Items<T, R, E, Q, I>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is something to begin or to stop.
    pub(super) fn has_work(&self) -> bool {
        let state = self.core.lock();
        state.has_runs() || !self.items().signals.is_empty()
    }

    /// Asks of an item what is to be known before it is offered.
    pub(super) fn prepare(&self, item: T, seq: Option<Seq>) -> Offer<T, Q, I> {
        let key = self.key.as_ref().and_then(|key| key(&item));
        let key = key.map(|key| Hashed::new(&self.hasher, key));
        let kept = (self.keep)(&item);
        Offer { item, key, kept, seq }
    }

    pub(super) fn copy(&self, kept: &I) -> I {
        (self.copy)(kept)
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
        let mut effects = Effects::new();
        let answer = self.command(now, &mut effects, commands);
        if effects.wakes_driver {
            self.core.wake_driver();
        }
        effects.perform();
        answer
    }
}
