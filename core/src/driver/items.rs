//! What a processor keeps of its items, by slot, and what becomes of it.

mod attempts;
mod deadlocks;
mod draining;

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;

use super::effects::{Effects, Trash};
use super::failure::{Failure, FailureKind, Stop, StopKind};
use super::inside::Inside;
use super::key::{Hashed, Lanes};
use super::letters::Owed;
use super::offer::{Offer, Refused, RefusedKind, Turn, TurnedAway, Waiting};
use super::resequence::Gap;
use super::state::{Core, Failed, State};
use super::stopping::{Leftover, Lost, Report, Waiters};
use super::sync::AtomicWaker;
use super::ticket::{Pledge, Promise, Ticket};
use crate::event::Why;
use crate::{Arrival, Handle, Lane, Outcome, PushError, Release, Run, Seq, Time, What};
pub(super) use attempts::{Ended, Next};
pub(super) use deadlocks::Copying;
use draining::Draining;

/// What a handler's end comes to.
pub(super) enum Output<R, E> {
    Ok(R),
    Failed(FailureKind<E>),
}

/// One item. What is taken out of it is on its way to somebody.
struct Item<T, R, E, I> {
    /// Until it is begun; where it may be tried again, until it is settled.
    payload: Option<T>,
    kept: Option<I>,
    output: Option<Output<R, E>>,
    pledge: Option<Pledge<R, E, I>>,
    seq: Seq,
    /// The number of the attempt that was begun last.
    attempt: u32,
    /// The number of the run that was begun last: one of handing over, too.
    begun: u32,
    /// Its failure is kept while its key is halted.
    is_halted: bool,
    /// Its failure is in the hands of a callback.
    is_out: bool,
}

/// What was lent, and is on its way to `on_result` or to an iteration.
pub(super) enum Lent<R, E, I> {
    Result(LentResult<R, E, I>),
    /// Numbers that were given up, or the error that they did not come.
    Gap(LentGap),
}

/// A result that was lent.
pub(super) struct LentResult<R, E, I> {
    handle: Handle,
    pub(super) seq: Seq,
    pub(super) attempt: u32,
    pub(super) result: Result<R, Failure<E, I>>,
    /// The item of a result that is no failure.
    pub(super) kept: Option<I>,
    pub(super) pledge: Option<Pledge<R, E, I>>,
    is_fatal: bool,
}

/// Numbers that were lent.
#[derive(Clone, Copy, Debug)]
pub(super) struct LentGap {
    handle: Handle,
    seq: Seq,
    pub(super) lost: Lost,
    pub(super) is_fatal: bool,
}

impl<R, E, I> Lent<R, E, I> {
    pub(super) fn handle(&self) -> Handle {
        match self {
            Self::Result(result) => result.handle,
            Self::Gap(gap) => gap.handle,
        }
    }

    /// Whether nothing comes behind it.
    pub(super) fn is_fatal(&self) -> bool {
        match self {
            Self::Result(result) => result.is_fatal,
            Self::Gap(gap) => gap.is_fatal,
        }
    }
}

/// Who gets the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takers {
    /// The tickets alone.
    Tickets,
    /// `on_result` first.
    Callback,
    /// An iteration, and at the same time the tickets.
    Iteration,
}

/// There are as many keys in use as there can be.
pub(super) struct NoLane;

/// What happens to an offer for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    OrWait,
    OrRefuse,
}

/// All items of a processor, those that wait to be accepted, and what is left over in the end.
pub(super) struct Items<T, R, E, Q, I> {
    core: Arc<Core>,
    items: Vec<Item<T, R, E, I>>,
    lanes: Lanes<Q>,
    waiting: BTreeMap<Turn, Waiting<T, R, E, I>>,
    /// Those of the offers that wait which were made by handlers or callbacks, who came first first; and their turns.
    inside: BTreeMap<u64, (Turn, Inside)>,
    /// One more than the highest number that was accepted.
    pub(super) accepted: Seq,
    /// How many offers have ever waited.
    offers: u64,
    /// Attempts to stop: the driver drops their futures.
    pub(super) signals: VecDeque<(Run, Why)>,
    /// Items whose keys were halted, of which `on_halt` is to be told.
    halts: VecDeque<Handle>,
    /// Failures of which `on_halt` is to be told, and whose items have left.
    orphans: VecDeque<(Handle, Failure<E, I>)>,
    /// Numbers that are missing, of which `on_gap` is to be told, and the position of the first.
    gaps: VecDeque<(Seq, Gap)>,
    /// Tickets of items that have left while their failure was in the hands of a callback.
    owed: Vec<Owed<R, E, I>>,
    /// Attempts to stop that nobody began.
    unbegun: Vec<Run>,
    pub(super) takers: Takers,
    pub(super) iteration: Iteration<R, E, I>,
    /// The failure that stopped the processor.
    pub(super) stop: Option<Stop<E>>,
    is_fatal: bool,
    pub(super) waiters: Waiters,
    report: Report<T, I>,
    /// What was running when all was stopped: to be copied outside of the locks, for its ticket and for the report.
    pub(super) unfinished: Vec<Leftover<R, E, I>>,
    uncopied: usize,
    pub(super) final_report: Option<Arc<Report<T, I>>>,
}

/// How far an iteration is.
pub(super) struct Iteration<R, E, I> {
    /// There is one.
    pub(super) is_open: bool,
    /// Somebody waits for the next result.
    pub(super) is_asked: bool,
    /// The result for the one who waits.
    pub(super) next: Option<Lent<R, E, I>>,
    /// The result that was handed out last, and holds its capacity.
    pub(super) last: Option<Handle>,
    pub(super) taker: Arc<AtomicWaker>,
}

impl<T, R, E, Q: Eq, I> Items<T, R, E, Q, I> {
    pub(super) fn new(core: Arc<Core>, takers: Takers, is_fatal: bool) -> Self {
        Self {
            core,
            items: Vec::new(),
            lanes: Lanes::default(),
            waiting: BTreeMap::new(),
            inside: BTreeMap::new(),
            accepted: 0,
            offers: 0,
            signals: VecDeque::new(),
            halts: VecDeque::new(),
            orphans: VecDeque::new(),
            gaps: VecDeque::new(),
            owed: Vec::new(),
            unbegun: Vec::new(),
            takers,
            iteration: Iteration {
                is_open: false,
                is_asked: false,
                next: None,
                last: None,
                taker: Arc::new(AtomicWaker::new()),
            },
            stop: None,
            is_fatal,
            waiters: Waiters::default(),
            report: Report::default(),
            unfinished: Vec::new(),
            uncopied: 0,
            final_report: None,
        }
    }

    /// Does all that follows from a command: drains, accepts those who wait, gives the tickets their results, and
    /// tells those who wait for it.
    pub(super) fn settle(&mut self, state: &mut State, effects: &mut Effects<T, R, E, Q, I>) {
        loop {
            state.drain_all(&mut Draining { items: self, effects });
            if let Some(run) = self.unbegun.pop() {
                state.stop_unbegun(run, Outcome::Cancelled);
                continue;
            }
            if state.take_room() {
                self.accept_waiting(state, effects);
                continue;
            }
            match self.takers {
                Takers::Tickets => {
                    if let Some(release) = state.release() {
                        let lent = self.lend(state, release, effects);
                        self.give_back(state, lent, Ok(()), effects);
                        continue;
                    }
                }
                Takers::Iteration if self.iteration.is_asked => {
                    if let Some(release) = state.release() {
                        let lent = self.lend(state, release, effects);
                        self.iteration.is_asked = false;
                        self.iteration.next = Some(lent);
                        effects.taker = self.iteration.taker.take();
                    } else if state.is_drained() {
                        self.iteration.is_asked = false;
                        effects.taker = self.iteration.taker.take();
                    }
                }
                Takers::Callback | Takers::Iteration => {}
            }
            if !self.inside.is_empty() && self.break_deadlock(state, effects) {
                continue;
            }
            break;
        }
        let is_over = state.is_over() && self.uncopied == 0 && self.orphans.is_empty();
        if is_over && self.final_report.is_none() {
            let mut report = mem::take(&mut self.report);
            report.finish(state.stats(Time::default()).released);
            self.final_report = Some(Arc::new(report));
            effects.wakes_driver = true;
        }
        if !self.waiters.is_empty() {
            self.waiters.tell(state.oldest(), self.final_report.is_some(), &mut effects.waiters);
        }
        effects.wakes_driver |= self.has_work(state) || state.is_due_unseen();
    }

    /// Whether there is something for the driver to do.
    pub(super) fn has_work(&self, state: &State) -> bool {
        let has_news = !self.halts.is_empty() || !self.orphans.is_empty() || !self.gaps.is_empty();
        // `on_result` is called by nobody else
        let has_result = self.takers == Takers::Callback && state.can_release();
        state.has_runs() || !self.signals.is_empty() || has_news || has_result
    }

    // offers

    /// Accepts an offer, or gives it back. To be settled.
    pub(super) fn admit(
        &mut self,
        state: &mut State,
        offer: Offer<T, I>,
        effects: &mut Effects<T, R, E, Q, I>,
    ) -> Result<Ticket<R, E, I>, TurnedAway<T, I>> {
        let pushed = match offer.seq {
            None => state.push(offer.lane).map_err(RefusedKind::from),
            Some(seq) => match state.push_at(offer.lane, seq) {
                Ok(Arrival::Ready(handle) | Arrival::Held(handle)) => Ok(handle),
                Ok(Arrival::Duplicate) => Err(RefusedKind::Duplicate),
                Ok(Arrival::Late) => Err(RefusedKind::Late),
                Ok(Arrival::TooFar) => Err(RefusedKind::TooFar),
                Ok(Arrival::Restored) => return Ok(self.done_before(seq, offer, effects)),
                Err(error) => Err(RefusedKind::from(error)),
            },
        };
        let handle = match pushed {
            Ok(handle) => handle,
            Err(kind) => return Err((offer, kind)),
        };
        if let Some(lane) = offer.lane {
            self.lanes.enter(lane);
        }
        let seq = state.seq_of(handle).expect("it was just accepted");
        self.accepted = self.accepted.max(seq + 1);
        let pledge = Promise::new();
        let item = Item {
            payload: Some(offer.item),
            kept: Some(offer.kept),
            pledge: Some(Arc::clone(&pledge)),
            seq,
            ..Item::none()
        };
        let index = handle.slot().index();
        if index < self.items.len() {
            self.items[index] = item;
        } else {
            // what stands for numbers that were given up has slots, too
            self.items.resize_with(index, Item::none);
            self.items.push(item);
        }
        Ok(Ticket { pledge, core: Arc::clone(&self.core), handle, seq })
    }

    /// The ticket of an item that the restored checkpoint has: it is done, and its result is gone.
    #[cold]
    fn done_before(
        &mut self,
        seq: Seq,
        offer: Offer<T, I>,
        effects: &mut Effects<T, R, E, Q, I>,
    ) -> Ticket<R, E, I> {
        effects.trash.push(Trash::Payload(offer.item));
        if let Some(lane) = offer.lane {
            effects.trash.extend(self.lanes.forget(lane).map(Trash::Key));
        }
        let pledge = Promise::new();
        let _: Option<_> =
            pledge.keep(Err(Failure::new(FailureKind::Restored, seq, 0, offer.kept)));
        // it has no slot, and can be cancelled no more
        let handle = Handle::from_bits(u64::MAX);
        Ticket { pledge, core: Arc::clone(&self.core), handle, seq }
    }

    pub(super) fn wait(&mut self, state: &State, waiting: Waiting<T, R, E, I>) -> Turn {
        if let Some(lane) = waiting.offer.lane {
            self.lanes.expect(lane);
        }
        self.offers += 1;
        let turn = (waiting.offer.seq.map_or(0, |seq| state.unwrapped(seq)), self.offers);
        if let Some(inside) = waiting.offer.inside {
            self.inside.insert(self.offers, (turn, inside));
        }
        self.waiting.insert(turn, waiting);
        turn
    }

    pub(super) fn give_up(&mut self, turn: Turn, effects: &mut Effects<T, R, E, Q, I>) {
        if let Some(waiting) = self.waiting.remove(&turn) {
            self.inside.remove(&turn.1);
            if let Some(lane) = waiting.offer.lane {
                effects.trash.extend(self.lanes.expect_no_more(lane).map(Trash::Key));
            }
            effects.trash.push(Trash::Waiting(waiting));
        }
    }

    /// What an offer gets that is turned away.
    pub(super) fn refuse(
        &mut self,
        state: &State,
        offer: Offer<T, I>,
        kind: RefusedKind,
        effects: &mut Effects<T, R, E, Q, I>,
    ) -> Refused<T, E> {
        effects.trash.push(Trash::Kept(offer.kept));
        if let Some(lane) = offer.lane {
            effects.trash.extend(self.lanes.forget(lane).map(Trash::Key));
        }
        let is_closed = kind == RefusedKind::Closed;
        let cause = if is_closed { self.cause(state.failed()) } else { None };
        Refused { item: offer.item, kind, cause }
    }

    /// Accepts those who wait: first come, first served; where numbers are given, the lowest first, so that one that
    /// fits goes before those that do not, and none gives up what a lower one brings.
    fn accept_waiting(&mut self, state: &mut State, effects: &mut Effects<T, R, E, Q, I>) {
        while let Some((turn, Waiting { offer, answer })) = self.waiting.pop_first() {
            let lane = offer.lane;
            match self.admit(state, offer, effects) {
                Ok(ticket) => {
                    self.inside.remove(&turn.1);
                    self.expect_no_more(lane, effects);
                    effects.answer(answer, Ok(ticket));
                    state.drain(&mut Draining { items: self, effects });
                }
                Err((offer, RefusedKind::Full | RefusedKind::TooFar)) => {
                    self.waiting.insert(turn, Waiting { offer, answer });
                    return;
                }
                Err((offer, kind)) => {
                    self.inside.remove(&turn.1);
                    self.expect_no_more(lane, effects);
                    let refused = self.refuse(state, offer, kind, effects);
                    effects.answer(answer, Err(refused));
                }
            }
        }
    }

    /// An offer of a lane waits no more.
    fn expect_no_more(&mut self, lane: Option<Lane>, effects: &mut Effects<T, R, E, Q, I>) {
        let key = lane.and_then(|lane| self.lanes.expect_no_more(lane));
        effects.trash.extend(key.map(Trash::Key));
    }

    // keys

    /// The lane of a key, which is new where it has none; it is then to be admitted, to wait or to be refused. The key
    /// comes back where it is not kept. Nothing has changed where a panic goes through the equality of keys.
    pub(super) fn intern(&mut self, key: &mut Option<Hashed<Q>>) -> Result<Option<Lane>, NoLane> {
        let Some(asked) = key else { return Ok(None) };
        if let Some(lane) = self.lanes.find(&asked.borrowed()) {
            return Ok(Some(lane));
        }
        match key.take().map(|key| self.lanes.add(key)) {
            Some(Ok(lane)) => Ok(Some(lane)),
            Some(Err(back)) => {
                *key = Some(back);
                Err(NoLane)
            }
            None => Ok(None),
        }
    }

    pub(super) fn lane_of(&self, key: &Hashed<&Q>) -> Option<Lane> {
        self.lanes.find(key)
    }

    pub(super) fn key_of(&self, lane: Lane) -> Option<&Q> {
        self.lanes.key(lane)
    }

    // results

    /// Takes what was lent out of its slot.
    pub(super) fn lend(
        &mut self,
        state: &State,
        release: Release,
        effects: &mut Effects<T, R, E, Q, I>,
    ) -> Lent<R, E, I> {
        let Release { handle, seq, attempt, what } = release;
        let is_fatal = match what {
            What::Ok | What::Lost { .. } => false,
            What::Failed => state.failed() == Some(Failed::Item(handle)),
            What::GapTimeout { .. } => true,
        };
        if is_fatal && self.stop.is_none() {
            self.stop = self.cause(state.failed());
        }
        if let What::Lost { first, last } | What::GapTimeout { first, last } = what {
            return Lent::Gap(LentGap { handle, seq, lost: Lost { first, last }, is_fatal });
        }
        let item = &mut self.items[handle.slot().index()];
        // its time was over before it was begun
        effects.trash.extend(item.payload.take().map(Trash::Payload));
        let kept = item.kept.take().expect("an item is kept until it leaves");
        let pledge = item.pledge.take();
        let output = item.output.take().expect("what is lent has its output");
        let (result, kept) = outcome(output, seq, attempt, kept);
        Lent::Result(LentResult { handle, seq, attempt, result, kept, pledge, is_fatal })
    }

    /// Gives back what was lent: a result to its ticket, or the error of `on_result`. To be settled.
    pub(super) fn give_back(
        &mut self,
        state: &mut State,
        lent: Lent<R, E, I>,
        answer: Result<(), E>,
        effects: &mut Effects<T, R, E, Q, I>,
    ) {
        let lent = match lent {
            Lent::Result(result) => result,
            Lent::Gap(gap) => return self.give_gap_back(state, gap, answer),
        };
        let LentResult { handle, seq, attempt, mut result, kept, pledge, .. } = lent;
        let kind = match answer {
            Ok(()) if state.released(handle) || !self.is_fatal => None,
            // all was stopped meanwhile
            Ok(()) => Some(FailureKind::Closed),
            Err(error) => {
                let error = Arc::new(error);
                let kind = StopKind::Error(Arc::clone(&error));
                self.stop.get_or_insert(Stop { seq, attempt, kind });
                state.undelivered(handle);
                Some(FailureKind::Stopped(error))
            }
        };
        if let Some(kind) = kind {
            let kept = match (result, kept) {
                (Ok(value), Some(kept)) => {
                    effects.trash.push(Trash::Output(Output::Ok(value)));
                    kept
                }
                (Ok(_), None) => unreachable!("a result comes with its item"),
                (Err(Failure { kind, item, .. }), _) => {
                    effects.trash.push(Trash::Kind(kind));
                    item
                }
            };
            result = Err(Failure::new(kind, seq, attempt, kept));
        } else {
            effects.trash.extend(kept.map(Trash::Kept));
        }
        if let Some(pledge) = pledge {
            effects.keep(pledge, result);
        }
    }

    /// Gives back numbers that were lent. To be settled.
    fn give_gap_back(&mut self, state: &mut State, gap: LentGap, answer: Result<(), E>) {
        let Err(error) = answer else {
            state.released(gap.handle);
            return;
        };
        let kind = StopKind::Error(Arc::new(error));
        self.stop.get_or_insert(Stop { seq: gap.seq, attempt: 0, kind });
        state.undelivered(gap.handle);
    }

    // waiting for the end

    /// Reports what was running when all was stopped, with a copy of its item unless
    /// making it panicked. To be settled.
    pub(super) fn report(
        &mut self,
        leftover: Leftover<R, E, I>,
        copy: Option<I>,
        effects: &mut Effects<T, R, E, Q, I>,
    ) {
        let Leftover { pledge, failure, is_detached } = leftover;
        let list =
            if is_detached { &mut self.report.detached } else { &mut self.report.unfinished };
        list.extend(copy.map(|copy| (failure.seq, copy)));
        self.uncopied -= 1;
        effects.keep(pledge, Err(failure));
    }
}

impl<T, R, E, Q, I> Items<T, R, E, Q, I> {
    /// The failure because of which others are closed.
    fn cause(&self, failed: Option<Failed>) -> Option<Stop<E>> {
        if self.stop.is_some() {
            return self.stop.clone();
        }
        let handle = match failed? {
            Failed::Item(handle) => handle,
            Failed::Gap { at, first, last } => {
                let kind = StopKind::GapTimeout(Lost { first, last });
                return Some(Stop { seq: at, attempt: 0, kind });
            }
        };
        let item = &self.items[handle.slot().index()];
        let Some(Output::Failed(kind)) = &item.output else { return None };
        StopKind::of(kind).map(|kind| Stop { seq: item.seq, attempt: item.attempt, kind })
    }
}

impl<T, R, E, I> Item<T, R, E, I> {
    /// Of a slot that has no item.
    const fn none() -> Self {
        Self {
            payload: None,
            kept: None,
            output: None,
            pledge: None,
            seq: 0,
            attempt: 0,
            begun: 0,
            is_halted: false,
            is_out: false,
        }
    }
}

/// What comes out for an output, and the item where it is not part of that.
fn outcome<R, E, I>(
    output: Output<R, E>,
    seq: Seq,
    attempt: u32,
    kept: I,
) -> (Result<R, Failure<E, I>>, Option<I>) {
    match output {
        Output::Ok(value) => (Ok(value), Some(kept)),
        Output::Failed(kind) => (Err(Failure::new(kind, seq, attempt, kept)), None),
    }
}

impl From<PushError> for RefusedKind {
    fn from(error: PushError) -> Self {
        match error {
            PushError::Full => Self::Full,
            PushError::Closed => Self::Closed,
            PushError::Numbering => Self::Numbering,
            // only what has a number is restored, which is an answer
            PushError::Restored => Self::Late,
        }
    }
}
