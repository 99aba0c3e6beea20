//! A naive account of the numbers of a source: what SEMANTICS says of each, by looking at all of them.

use inorder::{OnGap, Seq};

use crate::acts::{Setup, UNIT};

pub(crate) type Checked = Result<(), String>;

pub(crate) fn holds(is: bool, rule: &str) -> Checked {
    if is { Ok(()) } else { Err(format!("broken: {rule}")) }
}

/// What has become of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Absent,
    /// It came before its turn.
    Early,
    Queued,
    Running {
        is_told: bool,
    },
    Settled {
        is_ok: bool,
    },
    /// Nothing comes out of it.
    Dead,
    Lent {
        is_ok: bool,
    },
    Left,
    Lost,
}

impl Fate {
    /// Whether it takes a unit of capacity.
    pub(crate) const fn is_inside(self) -> bool {
        match self {
            Self::Absent | Self::Left | Self::Lost => false,
            Self::Early
            | Self::Queued
            | Self::Running { .. }
            | Self::Settled { .. }
            | Self::Dead
            | Self::Lent { .. } => true,
        }
    }
}

/// Numbers that were given up, in their place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) first: Seq,
    pub(crate) last: Seq,
    /// They did not come, and that is an error.
    pub(crate) is_error: bool,
}

/// What an offer is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Ready,
    Held,
    Duplicate,
    Late,
    TooFar,
    Closed,
}

/// A number that is missing while something is beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    at: Seq,
    since: u64,
    is_warned: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    setup: Setup,
    now: u64,
    fates: Vec<Fate>,
    /// Numbers below it have arrived, or were given up.
    pub(crate) expected: Seq,
    open: Option<Open>,
    /// What was given up and is not out.
    pub(crate) losses: Vec<Loss>,
    /// The number of what is lent, an item's or the first of a loss.
    pub(crate) lent: Option<Seq>,
    /// Accepts nothing more.
    pub(crate) has_ended: bool,
    pub(crate) is_revoked: bool,
    pub(crate) is_fenced: bool,
    pub(crate) is_drained: bool,
    /// Nothing from there on comes out; unordered nothing that was not settled.
    pub(crate) cut: Option<Seq>,
    /// A failure has come out.
    pub(crate) has_failed: bool,
    /// Numbers that came in order, and those that are completed.
    received: Vec<Seq>,
    completed: Vec<Seq>,
    /// What is to be told: numbers that are missing, and those given up at the end.
    pub(crate) warnings: Vec<(Seq, Seq)>,
    pub(crate) told_lost: Vec<(Seq, Seq)>,
    pub(crate) last_out: Option<Seq>,
}

impl Account {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            setup: *setup,
            now: 0,
            fates: vec![Fate::Absent; setup.numbers as usize + 1],
            expected: 0,
            open: None,
            losses: Vec::new(),
            lent: None,
            has_ended: false,
            is_revoked: false,
            is_fenced: false,
            is_drained: false,
            cut: None,
            has_failed: false,
            received: Vec::new(),
            completed: Vec::new(),
            warnings: Vec::new(),
            told_lost: Vec::new(),
            last_out: None,
        }
    }

    pub(crate) fn fate(&self, seq: Seq) -> Fate {
        self.fates[seq as usize]
    }

    pub(crate) fn set(&mut self, seq: Seq, fate: Fate) {
        self.fates[seq as usize] = fate;
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (Seq, Fate)> + '_ {
        (0..).zip(self.fates.iter().copied())
    }

    /// Items that take a unit of capacity.
    pub(crate) fn inside(&self) -> usize {
        self.all().filter(|(_, fate)| fate.is_inside()).count()
    }

    /// The lowest number that has not left.
    pub(crate) fn next(&self) -> Seq {
        let is_gone = |(seq, fate): &(Seq, Fate)| {
            *seq < self.expected && matches!(fate, Fate::Left | Fate::Lost)
        };
        self.all().take_while(is_gone).count() as Seq
    }

    /// The first number beyond the expected one that has arrived, if it was cancelled since, too.
    fn first_beyond(&self) -> Option<Seq> {
        let mut beyond = self.all().skip(self.expected as usize);
        beyond.find(|(_, fate)| *fate != Fate::Absent).map(|(seq, _)| seq)
    }

    // numbers

    pub(crate) fn offer(&mut self, seq: Seq) -> Answer {
        if self.has_ended {
            return Answer::Closed;
        }
        if self.setup.starts_at_first && self.fates.iter().all(|fate| *fate == Fate::Absent) {
            self.fates[..seq as usize].fill(Fate::Left);
            self.expected = seq;
        }
        let fate = self.fate(seq);
        if fate != Fate::Absent {
            return if fate.is_inside() { Answer::Duplicate } else { Answer::Late };
        }
        while seq >= self.next() + self.setup.capacity as Seq {
            let is_missing = self.next() == self.expected;
            if self.setup.gap != OnGap::Skip || !is_missing {
                return Answer::TooFar;
            }
            let last = self.first_beyond().map_or(seq - 1, |beyond| beyond.min(seq) - 1);
            self.give_up(last);
            if seq < self.next() + self.setup.capacity as Seq {
                break;
            }
            let inside = self.inside();
            self.pass_heads();
            if self.inside() < inside {
                // what has left is told first: it is to be offered again
                return Answer::TooFar;
            }
        }
        // what was given up may have been before it
        let is_next = seq == self.expected;
        self.set(seq, Fate::Early);
        self.go_on();
        if is_next { Answer::Ready } else { Answer::Held }
    }

    /// Gives the expected number up, and those after it up to this one.
    fn give_up(&mut self, last: Seq) {
        let first = self.expected;
        for seq in first..=last {
            self.set(seq, Fate::Lost);
        }
        if self.setup.losses_come_out {
            self.losses.push(Loss { first, last, is_error: false });
        } else {
            self.told_lost.push((first, last));
        }
        self.expected = last + 1;
        self.go_on();
    }

    /// Brings in order what is, and sets the timer.
    fn go_on(&mut self) {
        while self.fate(self.expected) != Fate::Absent {
            let seq = self.expected;
            self.received.push(seq);
            if self.fate(seq) == Fate::Early {
                self.set(seq, Fate::Queued);
            }
            self.expected += 1;
        }
        let at = self.expected;
        let is_missing = self.first_beyond().is_some();
        self.open = match self.open {
            _ if !is_missing => None,
            Some(open) if open.at == at => Some(open),
            _ => Some(Open { at, since: self.now, is_warned: false }),
        };
    }

    // time

    /// When it looks at the time next, and whether it gives up then.
    pub(crate) fn due(&self) -> Option<(u64, bool)> {
        let open = self.open?;
        let gives_up = self.setup.timeout.map(|units| (open.since + units * UNIT, true));
        let warns = self.setup.warning.filter(|_| !open.is_warned);
        let warns = warns.map(|units| (open.since + units * UNIT, false));
        // at one instant it gives up first
        gives_up.into_iter().chain(warns).min_by_key(|(due, gives_up)| (*due, !gives_up))
    }

    pub(crate) fn goes_on_to(&mut self, now: u64) {
        self.now = now;
        while let Some((_, gives_up)) = self.due().filter(|(due, _)| *due <= now) {
            let (first, last) =
                (self.expected, self.first_beyond().map_or(self.expected, |it| it - 1));
            if !gives_up {
                self.warnings.push((first, last));
                self.open = self.open.map(|open| Open { is_warned: true, ..open });
            } else if self.setup.gap == OnGap::Fail {
                self.fail_at_gap();
            } else {
                self.give_up(last);
            }
        }
    }

    // the end

    /// The error stands at the expected number.
    fn fail_at_gap(&mut self) {
        let Some(beyond) = self.first_beyond() else { return };
        let (first, last) = (self.expected, beyond - 1);
        self.losses.push(Loss { first, last, is_error: true });
        self.cut_off(first, true);
    }

    pub(crate) fn end(&mut self) {
        while let Some(beyond) = self.first_beyond() {
            if self.setup.gap == OnGap::Fail {
                self.fail_at_gap();
                break;
            }
            let first = self.expected;
            self.give_up(beyond - 1);
            if self.setup.losses_come_out {
                self.told_lost.push((first, beyond - 1));
            }
        }
        self.stop_looking();
    }

    fn stop_looking(&mut self) {
        (self.has_ended, self.open) = (true, None);
    }

    /// Nothing from `seq` on comes out, but for what stands there itself. What was settled before comes out unordered.
    pub(crate) fn cut_off(&mut self, seq: Seq, settled_comes_out: bool) {
        self.stop_looking();
        self.cut = Some(self.cut.map_or(seq, |cut| cut.min(seq)));
        let is_unordered = !self.setup.ordered;
        let at = self.losses.iter().position(|loss| loss.first == seq);
        let here = at.map(|at| self.losses[at]);
        self.losses.retain(|loss| {
            Some(*loss) == here
                || loss.first < seq && !is_unordered
                || is_unordered && settled_comes_out
        });
        for other in 0..self.fates.len() as Seq {
            if other == seq || other < seq && !is_unordered {
                continue;
            }
            match self.fate(other) {
                Fate::Early | Fate::Queued | Fate::Dead => self.set(other, Fate::Left),
                Fate::Settled { .. } if !(is_unordered && settled_comes_out) => {
                    self.set(other, Fate::Left);
                }
                Fate::Running { .. } => self.set(other, Fate::Running { is_told: true }),
                Fate::Absent
                | Fate::Settled { .. }
                | Fate::Lent { .. }
                | Fate::Left
                | Fate::Lost => {}
            }
        }
    }

    /// Hands back what does not run.
    pub(crate) fn revoke(&mut self) {
        self.stop_looking();
        self.is_revoked = true;
        for seq in 0..self.fates.len() as Seq {
            if matches!(self.fate(seq), Fate::Early | Fate::Queued) {
                self.settle_without_result(seq);
            }
        }
    }

    pub(crate) fn fence(&mut self) {
        self.stop_looking();
        (self.is_revoked, self.is_fenced) = (true, true);
        self.losses.retain(|loss| Some(loss.first) == self.lent);
        for seq in 0..self.fates.len() as Seq {
            match self.fate(seq) {
                Fate::Early | Fate::Queued | Fate::Dead | Fate::Settled { .. } => {
                    self.set(seq, Fate::Left);
                }
                Fate::Running { .. } => self.set(seq, Fate::Running { is_told: true }),
                Fate::Absent | Fate::Lent { .. } | Fate::Left | Fate::Lost => {}
            }
        }
    }

    /// Of an item nothing comes out: it leaves when it is the head, and at once where there is none.
    pub(crate) fn settle_without_result(&mut self, seq: Seq) {
        let is_gone = !self.setup.ordered || self.is_behind(seq) || self.is_fenced;
        self.set(seq, if is_gone { Fate::Left } else { Fate::Dead });
    }

    pub(crate) fn is_behind(&self, seq: Seq) -> bool {
        self.cut.is_some_and(|cut| !self.setup.ordered || seq >= cut)
    }

    /// Whether a loss stands at a number.
    pub(crate) fn loss_at(&self, seq: Seq) -> Option<Loss> {
        self.losses.iter().copied().find(|loss| loss.first == seq)
    }

    /// What is not out, in the order of the numbers: those that came early have no place yet, unless no more comes.
    pub(crate) fn order(&self) -> Vec<Seq> {
        let has_place = |(seq, fate): &(Seq, Fate)| {
            let is_in_order = *seq < self.expected || self.has_ended;
            self.loss_at(*seq).is_some() || fate.is_inside() && is_in_order
        };
        self.all().filter(has_place).map(|(seq, _)| seq).collect()
    }

    /// Heads of which nothing comes out leave.
    pub(crate) fn pass_heads(&mut self) {
        while self.setup.ordered {
            let Some(head) = self.order().first().copied() else { return };
            if self.fate(head) != Fate::Dead {
                return;
            }
            self.set(head, Fate::Left);
        }
    }

    // what is done

    pub(crate) fn complete(&mut self, seq: Seq) -> Checked {
        holds(!self.completed.contains(&seq), "an item is completed once")?;
        holds(!self.is_fenced, "completions are told to the owner")?;
        self.completed.push(seq);
        Ok(())
    }

    /// The highest number up to which all that was received is completed, and what is completed beyond it.
    pub(crate) fn position(&self) -> (Option<Seq>, Vec<Seq>) {
        let mut received = self.received.clone();
        received.sort_unstable();
        let done = received.iter().take_while(|seq| self.completed.contains(seq)).count();
        let beyond = received[done..].iter().copied().filter(|seq| self.completed.contains(seq));
        (done.checked_sub(1).map(|last| received[last]), beyond.collect())
    }

    /// All that the future depends on.
    pub(crate) fn add_to(&self, form: &mut Vec<u64>) {
        for fate in &self.fates {
            form.push(match fate {
                Fate::Absent => 0,
                Fate::Early => 1,
                Fate::Queued => 2,
                Fate::Running { is_told } => 3 + u64::from(*is_told),
                Fate::Settled { is_ok } => 5 + u64::from(*is_ok),
                Fate::Dead => 7,
                Fate::Lent { is_ok } => 8 + u64::from(*is_ok),
                Fate::Left => 10,
                Fate::Lost => 11,
            });
        }
        let bits = |list: &[Seq]| list.iter().fold(0, |bits, seq| bits | 1 << seq);
        form.extend([bits(&self.received), bits(&self.completed), self.expected]);
        form.extend(self.losses.iter().flat_map(|it| [it.first, it.last, it.is_error.into()]));
        let open =
            self.open.map_or([0; 3], |it| [it.at + 1, self.now - it.since, it.is_warned.into()]);
        form.extend(open);
        let one_more = |seq: Option<Seq>| seq.map_or(0, |seq| seq + 1);
        form.extend([self.lent, self.cut, self.last_out].map(one_more));
        let flags =
            [self.has_ended, self.is_revoked, self.is_fenced, self.is_drained, self.has_failed];
        form.extend(flags.map(u64::from));
    }
}
