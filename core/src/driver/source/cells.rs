//! What a stream keeps of its items, by slot.

use std::collections::VecDeque;
use std::hash::{Hash, RandomState};

use crate::driver::key::{Hashed, Lanes};
use crate::driver::spans::Notes;
use crate::driver::state::{Failed, Slots};
use crate::event::{Rest, Why};
use crate::{Handle, Lane, Run, Seq};

/// What there is of each item, by slot.
pub(super) struct Cells<T, O, Q> {
    pub(super) cells: Vec<Cell<T, O>>,
    lanes: Lanes<Q>,
    hasher: RandomState,
    pub(super) signals: VecDeque<(Run, Why)>,
    pub(super) notes: Notes,
    /// How many have left without a result since others had their turn.
    pub(super) passed: usize,
    /// What fails for good is handed over.
    pub(super) hands_over: bool,
    /// What is to be dropped when everything else is done.
    pub(super) trash: Vec<Trash<T, O, Q>>,
}

/// What a user made, and nobody needs any more.
pub(super) enum Trash<T, O, Q> {
    Cell(Cell<T, O>),
    Item(T),
    Key(Hashed<Q>),
}

pub(super) enum Cell<T, O> {
    Empty,
    /// It waits to be begun.
    Waiting(T),
    /// It was begun with a copy, and may be begun again.
    Begun(T),
    /// Its handler came to an end.
    Done(O),
    /// The time of its attempt was over, and it may be begun again, or is to be handed over.
    TimedOutKept(T),
    /// Its own time was over, and it is to be handed over.
    ExpiredKept(T),
    /// Its time was over.
    TimedOut(Why),
}

impl<T, O, Q> Default for Cells<T, O, Q> {
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            lanes: Lanes::default(),
            hasher: RandomState::new(),
            signals: VecDeque::new(),
            notes: Notes::new(),
            passed: 0,
            hands_over: false,
            trash: Vec::new(),
        }
    }
}

impl<T, O> Cell<T, O> {
    /// Why there is no output in the cell of a result that is lent.
    #[cold]
    pub(super) fn why_timed_out(self) -> Why {
        match self {
            Self::TimedOutKept(_) => Why::AttemptTimeout,
            Self::ExpiredKept(_) => Why::DeadlineExceeded,
            Self::TimedOut(why) => why,
            Self::Empty | Self::Waiting(_) | Self::Begun(_) | Self::Done(_) => {
                unreachable!("the result that is lent is in its cell")
            }
        }
    }
}

impl<T, O, Q: Eq + Hash> Cells<T, O, Q> {
    #[inline]
    pub(super) fn lane_of(&mut self, key: Q) -> Option<Lane> {
        let key = Hashed::new(&self.hasher, key);
        let lane = match self.lanes.find(&key.borrowed()) {
            Some(lane) => Some(lane),
            None => self.lanes.add(key).ok(),
        };
        if let Some(lane) = lane {
            self.lanes.enter(lane);
        }
        lane
    }
}

impl<T, O, Q> Cells<T, O, Q> {
    #[inline]
    pub(super) fn take(&mut self, handle: Handle) -> Cell<T, O> {
        std::mem::replace(&mut self.cells[handle.slot().index()], Cell::Empty)
    }

    pub(super) fn of(&self, handle: Handle) -> &Cell<T, O> {
        &self.cells[handle.slot().index()]
    }

    #[inline]
    pub(super) fn put(&mut self, handle: Handle, cell: Cell<T, O>) {
        self.cells[handle.slot().index()] = cell;
    }

    /// Lets an item wait that was begun with a copy.
    #[cold]
    pub(super) fn wait_again(&mut self, handle: Handle) {
        if let Cell::Begun(item) = self.take(handle) {
            self.put(handle, Cell::Waiting(item));
        }
    }

    /// Notes that the time of an attempt, or of an item, is over. The item is kept where it may be tried again, or handed
    /// over; else it is given back.
    pub(super) fn time_out(&mut self, handle: Handle, why: Why) -> Option<T> {
        let (Cell::Waiting(item) | Cell::Begun(item) | Cell::TimedOutKept(item)) =
            self.take(handle)
        else {
            self.put(handle, Cell::TimedOut(why));
            return None;
        };
        if why == Why::AttemptTimeout {
            self.put(handle, Cell::TimedOutKept(item));
            return None;
        }
        if self.hands_over {
            self.put(handle, Cell::ExpiredKept(item));
            return None;
        }
        self.put(handle, Cell::TimedOut(why));
        Some(item)
    }
}

impl<T, O, Q> Slots for Cells<T, O, Q> {
    fn signal(&mut self, run: Run, why: Why) {
        self.signals.push_back((run, why));
    }

    fn expired(&mut self, handle: Handle, seq: Option<Seq>) {
        self.notes.expired(seq);
        let item = self.time_out(handle, Why::DeadlineExceeded);
        self.trash.extend(item.map(Trash::Item));
    }

    // a stream cannot halt a key
    fn halted(&mut self, _: Handle) {}

    fn passed(&mut self, handle: Handle, _: Why, _: Option<Failed>) {
        let cell = self.take(handle);
        self.trash.push(Trash::Cell(cell));
        self.passed += 1;
    }

    fn left(&mut self, handle: Handle, _: Rest, _: Option<Why>, _: Option<Failed>) {
        let cell = self.take(handle);
        self.trash.push(Trash::Cell(cell));
    }

    fn lane_idle(&mut self, lane: Lane) {
        let key = self.lanes.leave(lane);
        // one that runs nothing when it is dropped can be dropped here
        if std::mem::needs_drop::<Q>() {
            self.trash.extend(key.map(Trash::Key));
        }
    }

    // a stream numbers its items itself
    fn lost(&mut self, _: Seq, _: Seq) {}

    fn gap(&mut self, _: Seq, _: Seq, _: Seq) {}
}
