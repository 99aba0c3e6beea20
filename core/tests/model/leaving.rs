//! The naive model: settlement, what is cut off, and how items leave.

use inorder::{Event, Handle, Lane, OnFailure, Rest, Seq, Why};

use crate::ends::is_timeout;
use crate::naive::{Cut, Item, Naive, Phase, Stage, Verdict};
use crate::numbers::Numbers;

impl Naive {
    /// Fixes the outcome of what runs. What cancels an item overrides a timeout.
    pub(crate) fn signal(&mut self, at: usize, why: Why) {
        let item = &mut self.items[at];
        match item.fate {
            None => {
                item.fate = Some(why);
                let (handle, attempt) = (item.handle, item.last_attempt());
                self.events.push(Event::Signal { handle, attempt, why });
            }
            Some(fate) if is_timeout(fate) && !is_timeout(why) => item.fate = Some(why),
            Some(_) => return,
        }
        // no time limit changes what is fixed, but for a retry that would come too late
        let item = &mut self.items[at];
        item.attempt_due = None;
        if !is_timeout(why) {
            item.deadline = None;
        }
    }

    /// Tells that a lane is idle, if nothing of it waits or is in work.
    pub(crate) fn note_lane(&mut self, lane: Option<Lane>) {
        let Some(lane) = lane else { return };
        let in_work = |item: &Item| {
            let waits = matches!(item.stage, Stage::Early | Stage::Queued);
            item.lane == Some(lane) && (waits || item.stage.holds_lane())
        };
        if !self.items.iter().any(in_work) {
            self.events.push(Event::LaneIdle { lane });
        }
    }

    pub(crate) fn settle(&mut self, at: usize, verdict: Verdict) {
        let settled = self.tick();
        let item = &mut self.items[at];
        item.stage = Stage::Settled(verdict);
        item.settled = settled;
        (item.due, item.deadline) = (None, None);
        let (handle, source, lane, attempt) = (item.handle, item.source, item.lane, item.attempt);
        match verdict {
            Verdict::Ok => self.counts.ok += 1,
            Verdict::Failed => self.counts.failed += 1,
            Verdict::Nothing(Why::Skipped) => self.counts.skipped += 1,
            Verdict::Nothing(Why::DeadLettered) => self.counts.dead_lettered += 1,
            Verdict::Nothing(_) => self.counts.cancelled += 1,
        }
        self.refresh_line();
        self.note_lane(lane);
        if self.is_stopped() {
            let rest = if attempt == 0 { Rest::NeverStarted } else { Rest::Unfinished };
            return self.leave_behind(handle, rest);
        }
        let is_lost = self.sources[source].cut == Cut::Everything;
        if !self.sources[source].taking && !is_lost {
            self.note_completed(at);
        }
        match verdict {
            _ if !self.is_before_cut(at) => self.pass(handle),
            Verdict::Failed if self.policy_of(at) == OnFailure::Fail => self.cut_off(handle),
            Verdict::Ok | Verdict::Failed => {}
            Verdict::Nothing(_) if self.config.ordered => {
                self.pass_heads(source);
                self.note_drained(source);
            }
            Verdict::Nothing(_) => self.pass(handle),
        }
    }

    /// Tells once that an item is completed, if it ended well enough.
    pub(crate) fn note_completed(&mut self, at: usize) {
        let item = &mut self.items[at];
        let is_done = matches!(item.stage, Stage::Settled(Verdict::Ok) | Stage::Lent(Verdict::Ok))
            || matches!(item.nothing(), Some(Why::Skipped | Why::DeadLettered));
        let Some(progress) = &mut self.sources[item.source].progress else { return };
        if is_done && !item.completed {
            item.completed = true;
            progress.completed.insert(item.seq);
            self.events.push(Event::Completed { handle: item.handle });
        }
    }

    /// The failure of an item, or of its delivery: nothing comes out after it.
    pub(crate) fn cut_off(&mut self, handle: Handle) {
        let at = self.find(handle).expect("it is in flight");
        let item = &self.items[at];
        let (index, seq) = (item.source, item.seq);
        let failed = item.stage == Stage::Settled(Verdict::Failed);
        self.sources[index].failed = failed.then_some(handle);
        self.cut_off_at(index, seq, Some(handle));
    }

    /// A callback failed: nothing comes out from there on, unless it is cut off before.
    pub(crate) fn stop_at(&mut self, index: usize, from: Seq) {
        // what is missing does not come any more, and nothing behind it either
        let missing = self.sources[index].numbers.as_ref().map(Numbers::expected);
        let from = missing.map_or(from, |missing| missing.min(from));
        match self.sources[index].cut {
            Cut::Nowhere => {}
            Cut::After(position) if from < position => {}
            Cut::After(_) | Cut::Unsettled | Cut::Everything => return,
        }
        self.sources[index].failed = None;
        self.cut_off_at(index, from, None);
        self.note_drained(index);
    }

    /// As the failure of an item.
    pub(crate) fn cut_off_at_gap(&mut self, index: usize, first: Seq, handle: Handle) {
        self.sources[index].failed = Some(handle);
        self.cut_off_at(index, first, Some(handle));
    }

    fn cut_off_at(&mut self, index: usize, position: Seq, failed: Option<Handle>) {
        let ordered = self.config.ordered;
        let source = &mut self.sources[index];
        source.ended = true;
        source.cut = if ordered { Cut::After(position) } else { Cut::Unsettled };
        self.tell_starved(index);
        self.bring_early(index);
        let items = self.order(index).into_iter().map(|at| self.items[at].clone());
        let behind: Vec<Item> = items
            .filter(|item| Some(item.handle) != failed && (!ordered || item.seq >= position))
            .collect();
        for item in behind {
            let at = self.find(item.handle).expect("nothing else leaves");
            match item.stage {
                Stage::Early | Stage::Queued | Stage::Backoff | Stage::HandOver | Stage::Halted => {
                    self.settle(at, Verdict::Nothing(Why::Failure));
                }
                Stage::Running | Stage::HandingOver => self.signal(at, Why::Failure),
                Stage::Settled(verdict) if ordered || matches!(verdict, Verdict::Nothing(_)) => {
                    self.pass(item.handle);
                }
                Stage::Lost if ordered => self.drop_lost(item.handle),
                Stage::Settled(_)
                | Stage::Lent(_)
                | Stage::Lost
                | Stage::LostLent
                | Stage::Detached => {}
            }
        }
        for other in self.open_sources() {
            // one that failed itself still brings out what is before its position
            if other != index && self.sources[other].cut == Cut::Nowhere {
                self.give_back(other);
            }
        }
    }

    /// What came early has its turn: no more comes of the numbers before it.
    pub(crate) fn bring_early(&mut self, source: usize) {
        let mut early: Vec<usize> = (0..self.items.len())
            .filter(|at| self.items[*at].source == source && self.items[*at].turn.is_none())
            .collect();
        early.sort_by_key(|at| self.items[*at].seq);
        for at in early {
            self.items[at].turn = Some(self.tick());
        }
    }

    // leaving

    pub(crate) fn pass_heads(&mut self, source: usize) {
        while let Some(at) = self.head(source) {
            if self.items[at].nothing().is_none() {
                return;
            }
            self.leave_untaken(self.items[at].handle);
        }
    }

    pub(crate) fn pass(&mut self, handle: Handle) {
        let at = self.find(handle).expect("it is in flight");
        let source = self.items[at].source;
        self.leave_untaken(handle);
        self.note_drained(source);
    }

    fn leave_untaken(&mut self, handle: Handle) {
        let at = self.find(handle).expect("it is in flight");
        let item = &self.items[at];
        let is_lost = self.sources[item.source].cut == Cut::Everything;
        let cut_off = if is_lost { Why::Fenced } else { Why::Failure };
        let why = item.nothing().unwrap_or(cut_off);
        if self.is_before_cut(at) {
            self.note_completed(at);
        }
        self.events.push(Event::Passed { handle, why });
        self.leave(handle);
    }

    /// Out of the release order: its unit comes back.
    pub(crate) fn leave(&mut self, handle: Handle) {
        self.counts.released += 1;
        let source = self.remove(handle).source;
        // who gives the numbers waits for the window to move
        let has_numbers = self.sources[source].numbers.is_some();
        if has_numbers || self.in_flight(source) < self.config.capacity {
            self.tell_starved(source);
        }
    }

    pub(crate) fn leave_behind(&mut self, handle: Handle, rest: Rest) {
        let at = self.find(handle).expect("it is in flight");
        let closed = (self.config.policy == OnFailure::Fail).then_some(Why::Closed);
        let why = self.items[at].nothing().or(closed);
        self.events.push(Event::Left { handle, rest, why });
        let source = self.remove(handle).source;
        self.note_drained(source);
    }

    pub(crate) fn remove(&mut self, handle: Handle) -> Item {
        let at = self.find(handle).expect("it is in flight");
        let item = self.items.remove(at);
        let source = &mut self.sources[item.source];
        if source.failed == Some(handle) {
            source.failed = None;
        }
        if let Some(numbers) = source.numbers.as_mut().filter(|_| item.stage.is_item()) {
            numbers.leave(item.seq);
        }
        item
    }

    pub(crate) fn tell_starved(&mut self, source: usize) {
        if std::mem::take(&mut self.sources[source].starved) {
            self.events.push(Event::Room { source: self.sources[source].id });
        }
    }

    pub(crate) fn note_drained(&mut self, source: usize) {
        let state = &self.sources[source];
        let is_empty = self.in_flight(source) == 0 && self.order(source).is_empty();
        if state.open && state.ended && is_empty {
            self.sources[source].open = false;
            self.events.push(Event::Drained { source: self.sources[source].id });
            self.note_over();
        }
    }

    pub(crate) fn note_over(&mut self) {
        if self.phase != Phase::Open && self.sources.iter().all(|source| !source.open) {
            self.phase = Phase::Over;
        }
    }
}
