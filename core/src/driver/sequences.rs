//! The keys of a stream that is resequenced, and the sequences as which the core knows them.

use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::{Resequencer, Sequence};

/// What items are numbered by: those of one key have a sequence of their own.
pub trait SequenceKey<T>: super::key::sealed::Sealed {
    /// The key.
    type Key: Clone + Eq + Hash;

    #[doc(hidden)]
    const KEYED: bool;

    #[doc(hidden)]
    fn key(&mut self, item: &T) -> Self::Key;
}

/// The sequences by key. They are kept until the stream ends.
pub(super) struct Sequences<Q> {
    /// By sequence, with its hash: growing calls nothing of the user's.
    keys: Vec<(u64, Q)>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl<Q> Default for Sequences<Q> {
    fn default() -> Self {
        Self { keys: Vec::new(), numbers: HashTable::new(), hasher: RandomState::new() }
    }
}

impl<Q: Clone> Sequences<Q> {
    /// The key of a sequence.
    pub(super) fn key(&self, sequence: Sequence) -> Q {
        self.keys[sequence.index()].1.clone()
    }

    /// The sequence of a key: a new one where the key is.
    pub(super) fn find<K, T>(&mut self, key: Q, resequencer: &mut Resequencer) -> Sequence
    where
        K: SequenceKey<T, Key = Q>,
        Q: Eq + Hash,
    {
        let Self { keys, numbers, hasher } = self;
        if !K::KEYED && !keys.is_empty() {
            return Sequence::new(0);
        }
        let hash = hasher.hash_one(&key);
        let is_same = |number: &u32| {
            let (other_hash, other) = &keys[*number as usize];
            *other_hash == hash && *other == key
        };
        match numbers.entry(hash, is_same, |number| keys[*number as usize].0) {
            Entry::Occupied(entry) => Sequence::new(*entry.get()),
            Entry::Vacant(entry) => {
                let sequence = resequencer.open().expect("memory ends before sequences do");
                entry.insert(sequence.number());
                keys.push((hash, key));
                sequence
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SequencerOptions;
    use crate::driver::key::{ByKey, NoKey};

    #[test]
    fn a_key_has_one_sequence() {
        type Text = ByKey<fn(&()) -> &'static str>;
        let mut resequencer = Resequencer::new(SequencerOptions::new()).unwrap();
        let mut sequences = Sequences::default();
        let mut find = |key| sequences.find::<Text, ()>(key, &mut resequencer).number();
        assert_eq!(["a", "b", "a", "c", "b"].map(&mut find), [0, 1, 0, 2, 1]);
        assert_eq!(sequences.key(Sequence::new(1)), "b");
    }

    /// All hashes are equal: keys are told apart by equality alone.
    #[derive(Clone, PartialEq, Eq)]
    struct Clash(u32);

    impl Hash for Clash {
        fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
    }

    #[test]
    fn keys_with_equal_hashes_have_sequences_of_their_own() {
        type Clashes = ByKey<fn(&()) -> Clash>;
        let mut resequencer = Resequencer::new(SequencerOptions::new()).unwrap();
        let mut sequences = Sequences::default();
        let mut find = |n| sequences.find::<Clashes, ()>(Clash(n), &mut resequencer).number();
        assert_eq!([7, 8, 7, 9, 8].map(&mut find), [0, 1, 0, 2, 1]);
    }

    #[test]
    fn without_keys_there_is_one_sequence() {
        let mut resequencer = Resequencer::new(SequencerOptions::new()).unwrap();
        let mut sequences = Sequences::default();
        for _ in 0..3 {
            assert_eq!(sequences.find::<NoKey, u32>((), &mut resequencer), Sequence::new(0));
        }
        assert_eq!(resequencer.open(), Some(Sequence::new(1)), "and no more");
    }
}
