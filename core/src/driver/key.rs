//! Keys: what a user orders by, and the lanes as which the dispatcher knows them.

use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::Lane;

/// What an item is ordered by.
pub trait Key<T>: sealed::Sealed {
    /// The key.
    type Key: Eq + Hash;

    #[doc(hidden)]
    const KEYED: bool;

    #[doc(hidden)]
    fn key(&mut self, item: &T) -> Option<Self::Key>;
}

/// No keys: every item is on its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKey;

/// The key is what a function says.
#[derive(Clone, Copy)]
pub struct ByKey<K>(pub(super) K);

/// The key is what a function says; where it says `None` the item is on its own.
#[derive(Clone, Copy)]
pub struct ByOptionalKey<K>(pub(super) K);

impl<T> Key<T> for NoKey {
    type Key = Infallible;
    const KEYED: bool = false;

    #[inline]
    fn key(&mut self, _: &T) -> Option<Infallible> {
        None
    }
}

impl<T, Q: Eq + Hash, K: FnMut(&T) -> Q> Key<T> for ByKey<K> {
    type Key = Q;
    const KEYED: bool = true;

    #[inline]
    fn key(&mut self, item: &T) -> Option<Q> {
        Some((self.0)(item))
    }
}

impl<T, Q: Eq + Hash, K: FnMut(&T) -> Option<Q>> Key<T> for ByOptionalKey<K> {
    type Key = Q;
    const KEYED: bool = true;

    #[inline]
    fn key(&mut self, item: &T) -> Option<Q> {
        (self.0)(item)
    }
}

impl<K> fmt::Debug for ByKey<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByKey")
    }
}

impl<K> fmt::Debug for ByOptionalKey<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByOptionalKey")
    }
}

pub(super) mod sealed {
    pub trait Sealed {}
    impl Sealed for super::NoKey {}
    impl<K> Sealed for super::ByKey<K> {}
    impl<K> Sealed for super::ByOptionalKey<K> {}
}

/// The lanes of the keys in use: a key is kept once, and its lane's number used again when nothing of it is left.
pub(super) struct Lanes<Q> {
    /// By lane.
    keys: Vec<Option<Hashed<Q>>>,
    free: Vec<u32>,
    numbers: HashTable<u32>,
}

/// A key with its hash, which is made outside of any lock.
pub(super) struct Hashed<Q> {
    hash: u64,
    key: Q,
}

impl<Q: Hash> Hashed<Q> {
    pub(super) fn new(hasher: &RandomState, key: Q) -> Self {
        Self { hash: hasher.hash_one(&key), key }
    }
}

impl<Q> Default for Lanes<Q> {
    fn default() -> Self {
        Self { keys: Vec::new(), free: Vec::new(), numbers: HashTable::new() }
    }
}

impl<Q> Lanes<Q> {
    /// Gives a lane's number back. The key is returned, so that it can be dropped outside of a lock.
    pub(super) fn forget(&mut self, lane: Lane) -> Option<Hashed<Q>> {
        let number = lane.number();
        let key = self.keys.get_mut(number as usize)?.take()?;
        if let Ok(entry) = self.numbers.find_entry(key.hash, |&other| other == number) {
            entry.remove();
        }
        self.free.push(number);
        Some(key)
    }
}

impl<Q: Eq> Lanes<Q> {
    /// The lane of a key, and the key back where it was known. `None` where no lane is left: then there is no room for
    /// an item either.
    pub(super) fn intern(&mut self, key: Hashed<Q>) -> (Option<Lane>, Option<Hashed<Q>>) {
        let Self { keys, free, numbers } = self;
        let hash_of = |number: &u32| keys[*number as usize].as_ref().map_or(0, |other| other.hash);
        let is_same = |number: &u32| {
            keys[*number as usize]
                .as_ref()
                .is_some_and(|other| other.hash == key.hash && other.key == key.key)
        };
        match numbers.entry(key.hash, is_same, hash_of) {
            Entry::Occupied(entry) => (Lane::new(*entry.get()), Some(key)),
            Entry::Vacant(entry) => {
                let number = free.last().copied().unwrap_or(keys.len() as u32);
                let Some(lane) = Lane::new(number) else { return (None, Some(key)) };
                entry.insert(number);
                if free.pop().is_none() {
                    keys.push(None);
                }
                keys[number as usize] = Some(key);
                (Some(lane), None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intern<Q: Eq + Hash>(lanes: &mut Lanes<Q>, hasher: &RandomState, key: Q) -> Lane {
        lanes.intern(Hashed::new(hasher, key)).0.unwrap()
    }

    #[test]
    fn a_key_has_one_lane_while_it_is_in_use() {
        let (mut lanes, hasher) = (Lanes::default(), RandomState::new());
        let a = intern(&mut lanes, &hasher, "a");
        let b = intern(&mut lanes, &hasher, "b");
        assert_ne!(a, b);
        assert_eq!(intern(&mut lanes, &hasher, "a"), a);
        assert_eq!(lanes.forget(a).map(|key| key.key), Some("a"));
        assert!(lanes.forget(a).is_none());
        // the number is used again, and the other key keeps its own
        assert_eq!(intern(&mut lanes, &hasher, "c"), a);
        assert_eq!(intern(&mut lanes, &hasher, "b"), b);
    }

    /// All hashes are equal: keys are told apart by equality alone.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Clash(u32);

    impl Hash for Clash {
        fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
    }

    #[test]
    fn keys_with_equal_hashes_have_lanes_of_their_own() {
        let (mut lanes, hasher) = (Lanes::default(), RandomState::new());
        let numbers: Vec<_> = (0..100).map(|n| intern(&mut lanes, &hasher, Clash(n))).collect();
        for n in (0..100).step_by(2) {
            assert_eq!(lanes.forget(numbers[n]).map(|key| key.key), Some(Clash(n as u32)));
        }
        for n in (1..100).step_by(2) {
            assert_eq!(intern(&mut lanes, &hasher, Clash(n as u32)), numbers[n]);
        }
    }
}
