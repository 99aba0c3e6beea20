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

pub(super) mod sealed {
    pub trait Sealed {}
    impl Sealed for super::NoKey {}
    impl<K> Sealed for super::ByKey<K> {}
    impl<K> Sealed for super::ByOptionalKey<K> {}
}

/// The lanes of the keys in use: a key is kept once, and its lane's number used again when nothing of it is left.
pub(super) struct Lanes<Q> {
    /// By lane.
    keys: Vec<Option<Known<Q>>>,
    free: Vec<u32>,
    numbers: HashTable<u32>,
}

/// A key that has a lane.
struct Known<Q> {
    key: Hashed<Q>,
    /// An item of it is in flight.
    is_in: bool,
    /// How many offers of it wait.
    waiting: u32,
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

impl<Q> Hashed<Q> {
    pub(super) fn borrowed(&self) -> Hashed<&Q> {
        Hashed { hash: self.hash, key: &self.key }
    }
}

impl<Q> Default for Lanes<Q> {
    fn default() -> Self {
        Self { keys: Vec::new(), free: Vec::new(), numbers: HashTable::new() }
    }
}

impl<Q> Lanes<Q> {
    /// The key of a lane.
    pub(super) fn key(&self, lane: Lane) -> Option<&Q> {
        Some(&self.keys.get(lane.number() as usize)?.as_ref()?.key.key)
    }

    /// A new lane for a key that [is not found](Self::find). The key comes back where no lane is left.
    pub(super) fn add(&mut self, key: Hashed<Q>) -> Result<Lane, Hashed<Q>> {
        let Self { keys, free, numbers } = self;
        let number = free.last().copied().unwrap_or(keys.len() as u32);
        let Some(lane) = Lane::new(number) else { return Err(key) };
        let hash_of = |number: &u32| {
            keys.get(*number as usize).and_then(Option::as_ref).map_or(0, |known| known.key.hash)
        };
        numbers.insert_unique(key.hash, number, hash_of);
        if free.pop().is_none() {
            keys.push(None);
        }
        keys[number as usize] = Some(Known { key, is_in: false, waiting: 0 });
        Ok(lane)
    }

    /// An item of the lane is in flight.
    #[inline]
    pub(super) fn enter(&mut self, lane: Lane) {
        if let Some(Some(known)) = self.keys.get_mut(lane.number() as usize) {
            known.is_in = true;
        }
    }

    /// An offer of the lane waits.
    pub(super) fn expect(&mut self, lane: Lane) {
        if let Some(Some(known)) = self.keys.get_mut(lane.number() as usize) {
            known.waiting += 1;
        }
    }

    /// An offer of the lane waits no more. The key comes back, so that it can be dropped outside of a lock, where nothing
    /// of it is left.
    pub(super) fn expect_no_more(&mut self, lane: Lane) -> Option<Hashed<Q>> {
        if let Some(Some(known)) = self.keys.get_mut(lane.number() as usize) {
            known.waiting -= 1;
        }
        self.forget(lane)
    }

    /// Nothing of the lane is in flight. The key comes back, where nothing of it is left.
    pub(super) fn leave(&mut self, lane: Lane) -> Option<Hashed<Q>> {
        self.keys.get_mut(lane.number() as usize)?.as_mut()?.is_in = false;
        self.forget(lane)
    }

    /// Gives a lane's number back, where nothing of it is left.
    pub(super) fn forget(&mut self, lane: Lane) -> Option<Hashed<Q>> {
        let number = lane.number();
        let known = self
            .keys
            .get_mut(number as usize)?
            .take_if(|known| !known.is_in && known.waiting == 0)?;
        if let Ok(entry) = self.numbers.find_entry(known.key.hash, |&other| other == number) {
            entry.remove();
        }
        self.free.push(number);
        Some(known.key)
    }
}

impl<Q: Eq> Lanes<Q> {
    /// The lane of a key that has one. Nothing has changed where a panic goes through the equality of keys.
    pub(super) fn find(&self, key: &Hashed<&Q>) -> Option<Lane> {
        let is_same = |number: &u32| {
            let known = self.keys.get(*number as usize).and_then(Option::as_ref);
            known.is_some_and(|it| it.key.hash == key.hash && it.key.key == *key.key)
        };
        Lane::new(*self.numbers.find(key.hash, is_same)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intern<Q: Eq + Hash>(lanes: &mut Lanes<Q>, hasher: &RandomState, key: Q) -> Lane {
        let key = Hashed::new(hasher, key);
        let lane = match lanes.find(&key.borrowed()) {
            Some(lane) => lane,
            None => lanes.add(key).ok().unwrap(),
        };
        lanes.enter(lane);
        lane
    }

    #[test]
    fn a_key_has_one_lane_while_it_is_in_use() {
        let (mut lanes, hasher) = (Lanes::default(), RandomState::new());
        let a = intern(&mut lanes, &hasher, "a");
        let b = intern(&mut lanes, &hasher, "b");
        assert_ne!(a, b);
        assert_eq!(intern(&mut lanes, &hasher, "a"), a);
        assert_eq!(lanes.leave(a).map(|key| key.key), Some("a"));
        assert!(lanes.leave(a).is_none());
        // the number is used again, and the other key keeps its own
        assert_eq!(intern(&mut lanes, &hasher, "c"), a);
        assert_eq!(intern(&mut lanes, &hasher, "b"), b);
    }

    #[test]
    fn a_key_of_which_an_offer_waits_keeps_its_lane() {
        let (mut lanes, hasher) = (Lanes::default(), RandomState::new());
        let a = intern(&mut lanes, &hasher, "a");
        lanes.expect(a);
        assert!(lanes.leave(a).is_none());
        assert_eq!(lanes.find(&Hashed::new(&hasher, &"a")), Some(a));
        assert_eq!(lanes.expect_no_more(a).map(|key| key.key), Some("a"));
        assert_eq!(lanes.find(&Hashed::new(&hasher, &"a")), None);
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
            assert_eq!(lanes.leave(numbers[n]).map(|key| key.key), Some(Clash(n as u32)));
        }
        for n in (1..100).step_by(2) {
            assert_eq!(intern(&mut lanes, &hasher, Clash(n as u32)), numbers[n]);
        }
    }
}
