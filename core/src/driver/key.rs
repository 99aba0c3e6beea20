//! Keys: what a user orders by, and the lanes as which the dispatcher knows them.

use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;

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

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::NoKey {}
    impl<K> Sealed for super::ByKey<K> {}
    impl<K> Sealed for super::ByOptionalKey<K> {}
}

/// The lanes of the keys in use: a key is kept once, and its lane's number used again when nothing of it is left.
pub(super) struct Lanes<Q> {
    /// By lane.
    keys: Vec<Option<(u64, Q)>>,
    free: Vec<u32>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl<Q> Default for Lanes<Q> {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            free: Vec::new(),
            numbers: HashTable::new(),
            hasher: RandomState::new(),
        }
    }
}

impl<Q> Lanes<Q> {
    /// Gives a lane's number back. The key is returned, so that it can be dropped outside of a lock.
    pub(super) fn forget(&mut self, lane: Lane) -> Option<Q> {
        let number = lane.number();
        let (hash, key) = self.keys.get_mut(number as usize)?.take()?;
        if let Ok(entry) = self.numbers.find_entry(hash, |&other| other == number) {
            entry.remove();
        }
        self.free.push(number);
        Some(key)
    }
}

impl<Q: Eq + Hash> Lanes<Q> {
    /// The lane of a key, and the key back where it was known. `None` where no lane is left: then no item is admitted
    /// either.
    pub(super) fn intern(&mut self, key: Q) -> (Option<Lane>, Option<Q>) {
        let Self { keys, free, numbers, hasher } = self;
        let hash = hasher.hash_one(&key);
        let hash_of = |number: &u32| keys[*number as usize].as_ref().map_or(0, |(hash, _)| *hash);
        let is_same = |number: &u32| {
            keys[*number as usize]
                .as_ref()
                .is_some_and(|(other_hash, other)| *other_hash == hash && *other == key)
        };
        match numbers.entry(hash, is_same, hash_of) {
            hashbrown::hash_table::Entry::Occupied(entry) => (Lane::new(*entry.get()), Some(key)),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let number = free.pop().unwrap_or(keys.len() as u32);
                let Some(lane) = Lane::new(number) else { return (None, Some(key)) };
                entry.insert(number);
                if number as usize == keys.len() {
                    keys.push(None);
                }
                keys[number as usize] = Some((hash, key));
                (Some(lane), None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_lane_while_it_is_in_use() {
        let mut lanes = Lanes::default();
        let (a, _) = lanes.intern("a".to_owned());
        let (b, _) = lanes.intern("b".to_owned());
        assert_ne!(a, b);
        assert_eq!(lanes.intern("a".to_owned()).0, a);
        assert_eq!(lanes.forget(a.unwrap()), Some("a".to_owned()));
        assert_eq!(lanes.forget(a.unwrap()), None);
        // the number is used again, and the other key keeps its own
        assert_eq!(lanes.intern("c".to_owned()).0, a);
        assert_eq!(lanes.intern("b".to_owned()).0, b);
    }

    /// All hashes are equal: keys are told apart by equality alone.
    #[derive(PartialEq, Eq)]
    struct Clash(u32);

    impl Hash for Clash {
        fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
    }

    #[test]
    fn keys_with_equal_hashes_have_lanes_of_their_own() {
        let mut lanes = Lanes::default();
        let numbers: Vec<_> = (0..100).map(|n| lanes.intern(Clash(n)).0.unwrap()).collect();
        for (n, lane) in (0..100).zip(&numbers).step_by(2) {
            assert!(lanes.forget(*lane).is_some_and(|key| key == Clash(n)));
        }
        for (n, lane) in (0..100).zip(&numbers).skip(1).step_by(2) {
            assert_eq!(lanes.intern(Clash(n)).0, Some(*lane));
        }
    }
}
