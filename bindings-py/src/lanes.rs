//! Which number a key has: keys compare as in a dict, and numbers are used again.

use hashbrown::HashTable;
use inorder::{Lane, MAX_ITEMS};
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::raw::Obj;

/// The keys in use and their lanes.
#[derive(Default)]
pub(crate) struct Lanes {
    table: HashTable<u32>,
    lanes: Vec<Named>,
    free: Vec<u32>,
}

struct Named {
    key: Option<Obj>,
    hash: u64,
    /// Offers that have this lane and are not accepted yet.
    claims: u32,
    /// The core has items of it.
    is_live: bool,
}

/// How far the search for a key has come.
pub(crate) enum Claim {
    Done(Lane),
    /// This key has the same hash: is it equal? The state cannot ask, since the answer is Python code.
    Compare(Obj),
    /// There are as many keys as there can be.
    NoRoom,
}

/// The hash that is kept of a Python hash: mixed, because that of a whole number is itself.
pub(crate) fn mix(hash: isize) -> u64 {
    let product = (hash as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

impl Lanes {
    /// Finds the lane of a key, or takes one for it, and claims it for an offer. `known`: what was compared already.
    pub(crate) fn claim(
        &mut self,
        hash: u64,
        key: &Bound<'_, PyAny>,
        known: &[(Obj, bool)],
    ) -> Claim {
        let py = key.py();
        for &number in self.table.iter_hash(hash) {
            let lane = &mut self.lanes[number as usize];
            let Some(other) = lane.key.as_ref().filter(|_| lane.hash == hash) else { continue };
            let compared =
                known.iter().find(|(compared, _)| compared.is(other)).map(|(_, equal)| *equal);
            match if other.is(key) { Some(true) } else { compared } {
                Some(true) => {
                    lane.claims += 1;
                    return lane_of(number);
                }
                Some(false) => {}
                None => return Claim::Compare(other.clone_ref(py)),
            }
        }
        let key = Some(key.clone().unbind());
        let number = match self.free.pop() {
            Some(number) => {
                self.lanes[number as usize] = Named { key, hash, claims: 1, is_live: false };
                number
            }
            None if self.lanes.len() < MAX_ITEMS => {
                self.lanes.push(Named { key, hash, claims: 1, is_live: false });
                self.lanes.len() as u32 - 1
            }
            None => return Claim::NoRoom,
        };
        let lanes = &self.lanes;
        self.table.insert_unique(hash, number, |other| lanes[*other as usize].hash);
        lane_of(number)
    }

    /// Says that the offer which claimed a lane was accepted.
    pub(crate) fn enter(&mut self, lane: Lane) {
        let named = &mut self.lanes[lane.number() as usize];
        named.claims -= 1;
        named.is_live = true;
    }

    /// Says that the offer which claimed a lane will not be accepted. Gives the key back that is no longer needed.
    pub(crate) fn disclaim(&mut self, lane: Lane) -> Option<Obj> {
        self.lanes[lane.number() as usize].claims -= 1;
        self.forget_unused(lane)
    }

    /// Says that the core has nothing more of a lane. Gives the key back that is no longer needed.
    pub(crate) fn idle(&mut self, lane: Lane) -> Option<Obj> {
        self.lanes[lane.number() as usize].is_live = false;
        self.forget_unused(lane)
    }

    /// The key of a lane in use.
    pub(crate) fn key(&self, lane: Lane) -> Option<&Obj> {
        self.lanes.get(lane.number() as usize)?.key.as_ref()
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.lanes.iter().try_for_each(|lane| visit.call(&lane.key))
    }

    /// Takes the keys out, for the garbage collector. The numbers stay.
    pub(crate) fn clear(&mut self) -> Vec<Obj> {
        self.lanes.iter_mut().filter_map(|lane| lane.key.take()).collect()
    }

    fn forget_unused(&mut self, lane: Lane) -> Option<Obj> {
        let number = lane.number();
        let named = &mut self.lanes[number as usize];
        if named.is_live || named.claims > 0 {
            return None;
        }
        if let Ok(entry) = self.table.find_entry(named.hash, |other| *other == number) {
            entry.remove();
        }
        self.free.push(number);
        named.key.take()
    }
}

fn lane_of(number: u32) -> Claim {
    Lane::new(number).map_or(Claim::NoRoom, Claim::Done)
}
