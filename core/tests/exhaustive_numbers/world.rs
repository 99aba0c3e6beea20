//! A dispatcher with one source, beside the account of its numbers: gives commands to both, and compares.

use inorder::{
    Arrival, Completion, Dispatcher, Event, Handle, OnFailure, Outcome, PushError, Release, Seq,
    Source, Time, What, Why,
};

use crate::account::{Account, Answer, Checked, Fate, holds};
use crate::acts::{Act, Setup, UNIT};

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) account: Account,
    pub(crate) source: Source,
    pub(crate) now: Time,
    /// Of the items, by number.
    handles: Vec<Option<Handle>>,
    lent: Option<Handle>,
    /// An offer was too far, nobody has said since that it may fit, and the window began there.
    starved: Option<Seq>,
    /// What is left was reported.
    is_stopped: bool,
}

impl World {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut dispatcher = Dispatcher::new(&setup.options()).expect("it is allowed");
        let source = dispatcher.open_source(setup.source()).expect("it is open");
        dispatcher.taking(Time::default(), source, setup.taking);
        Self {
            setup: *setup,
            dispatcher,
            account: Account::new(setup),
            source,
            now: Time::default(),
            handles: vec![None; setup.numbers as usize],
            lent: None,
            starved: None,
            is_stopped: false,
        }
    }

    pub(crate) fn form(&self) -> Vec<u64> {
        let (mut form, _) = self.dispatcher.canonical();
        self.account.add_to(&mut form);
        form.push(self.starved.map_or(0, |next| next + 1));
        form
    }

    fn handle(&self, seq: Seq) -> Result<Handle, String> {
        self.handles[seq as usize].ok_or_else(|| "broken: it was accepted".into())
    }

    fn seq_of(&self, handle: Handle) -> Result<Seq, String> {
        let at = self.handles.iter().position(|other| *other == Some(handle));
        at.map(|at| at as Seq).ok_or_else(|| "broken: it was accepted".into())
    }

    pub(crate) fn apply(&mut self, act: Act) -> Checked {
        let (now, source) = (self.now, self.source);
        match act {
            Act::Offer { seq } => self.offer(seq)?,
            Act::Complete { seq, is_ok } => self.complete(seq, is_ok)?,
            Act::Cancel { seq } => {
                let is_cancelled = self.dispatcher.cancel(now, self.handle(seq)?);
                holds(is_cancelled, "what is not settled is cancelled")?;
                if matches!(self.account.fate(seq), Fate::Running { .. }) {
                    self.account.set(seq, Fate::Running { is_told: true });
                } else {
                    self.account.settle_without_result(seq);
                }
            }
            Act::Lend => {
                let release = self.dispatcher.poll_release(source);
                self.lend(release.ok_or("broken: it can be lent")?)?;
            }
            Act::Released | Act::Undelivered => {
                let handle = self.lent.take().ok_or("broken: it is lent")?;
                let seq = self.account.lent.take().ok_or("broken: it is lent")?;
                let is_taken = if act == Act::Released {
                    self.dispatcher.released(now, handle)
                } else {
                    self.dispatcher.undelivered(now, handle)
                };
                holds(is_taken, "what is lent is taken back")?;
                self.give_back(seq, act == Act::Undelivered);
            }
            Act::End => {
                self.account.end();
                self.dispatcher.end(now, source);
            }
            Act::Revoke => {
                self.account.revoke();
                self.dispatcher.revoke(now, source, None);
            }
            Act::Fence => {
                self.account.fence();
                self.dispatcher.fence(now, source);
            }
            Act::Due => {
                let due = self.dispatcher.poll_timeout().ok_or("broken: something is due")?;
                self.go_on_to(due.max(now));
            }
            Act::Wait => self.go_on_to(Time::from_micros(now.as_micros() + UNIT)),
        }
        self.account.pass_heads();
        self.drain()?;
        self.check()
    }

    /// Stops all at once. What runs is waited for.
    pub(crate) fn stop(&mut self) -> Checked {
        self.account.end();
        self.account.pass_heads();
        self.is_stopped = true;
        self.dispatcher.close(self.now, Some(std::time::Duration::ZERO));
        self.drain()
    }

    /// A handler that is deaf ends after all was over.
    pub(crate) fn end_late(&mut self, seq: Seq) -> Checked {
        let how = self.dispatcher.complete(self.now, self.handle(seq)?, 1, Outcome::Ok);
        holds(how == Completion::Ignored, "what was reported is ignored")
    }

    fn go_on_to(&mut self, now: Time) {
        self.now = now;
        self.account.goes_on_to(now.as_micros());
        self.dispatcher.handle_timeout(now);
    }

    fn offer(&mut self, seq: Seq) -> Checked {
        let expected = self.account.offer(seq);
        let answer = match self.dispatcher.push_at(self.now, self.source, None, seq) {
            Ok(arrival) => {
                if let Arrival::Ready(handle) | Arrival::Held(handle) = arrival {
                    holds(!self.handles.contains(&Some(handle)), "a handle is given once")?;
                    self.handles[seq as usize] = Some(handle);
                    let number = self.dispatcher.seq_of(handle);
                    holds(number == Some(seq), "an item has its number")?;
                }
                match arrival {
                    Arrival::Ready(_) => Answer::Ready,
                    Arrival::Held(_) => Answer::Held,
                    Arrival::Duplicate => Answer::Duplicate,
                    Arrival::Late => Answer::Late,
                    Arrival::TooFar => Answer::TooFar,
                    Arrival::Restored => return Err("broken: nothing was restored".into()),
                }
            }
            Err(PushError::Closed) => Answer::Closed,
            Err(error) => return Err(format!("broken: {error}")),
        };
        if answer == Answer::TooFar {
            self.starved = Some(self.account.next());
        }
        holds(answer == expected, &format!("the answer is {expected:?}, not {answer:?}"))
    }

    fn complete(&mut self, seq: Seq, is_ok: bool) -> Checked {
        let Fate::Running { is_told } = self.account.fate(seq) else {
            return Err("broken: it runs".into());
        };
        let outcome = if is_ok { Outcome::Ok } else { Outcome::FAILED };
        let how = self.dispatcher.complete(self.now, self.handle(seq)?, 1, outcome);
        let expected = if is_told { Completion::Ignored } else { Completion::Settled };
        holds(how == expected, "an end is answered as it is")?;
        if self.is_stopped {
            self.account.set(seq, Fate::Left);
        } else if is_told {
            self.account.settle_without_result(seq);
        } else {
            self.account.set(seq, Fate::Settled { is_ok });
            if !is_ok && self.setup.policy == OnFailure::Fail {
                self.account.cut_off(seq, true);
            }
        }
        Ok(())
    }

    fn lend(&mut self, release: Release) -> Checked {
        let Release { handle, seq, what, .. } = release;
        let (account, ordered) = (&mut self.account, self.setup.ordered);
        holds(account.lent.is_none(), "one result at a time is lent")?;
        holds(!account.is_fenced, "nothing comes out of a lost source")?;
        holds(!account.has_failed, "nothing comes out after a failure")?;
        let is_first = account.order().first() == Some(&seq);
        holds(is_first || !ordered, "it comes out in its turn")?;
        holds(!ordered || account.last_out.is_none_or(|last| last < seq), "it comes out in order")?;
        let loss = |is_error| {
            let loss = account.loss_at(seq).filter(|it| it.is_error == is_error);
            loss.map(|it| (it.first, it.last))
        };
        let fate = account.fate(seq);
        let is_right = match what {
            What::Ok => fate == Fate::Settled { is_ok: true },
            What::Failed => fate == Fate::Settled { is_ok: false },
            What::Lost { first, last } => loss(false) == Some((first, last)),
            What::GapTimeout { first, last } => loss(true) == Some((first, last)),
            other => return Err(format!("broken: {other:?}")),
        };
        holds(is_right, "it comes out as it ended")?;
        let is_fatal = self.setup.policy == OnFailure::Fail;
        account.has_failed = what == What::Failed && is_fatal || loss(true).is_some();
        if let Fate::Settled { is_ok } = fate {
            account.set(seq, Fate::Lent { is_ok });
        }
        (account.lent, account.last_out, self.lent) = (Some(seq), Some(seq), Some(handle));
        Ok(())
    }

    fn give_back(&mut self, seq: Seq, has_failed: bool) {
        if has_failed {
            self.account.cut_off(seq, false);
        }
        match self.account.loss_at(seq) {
            Some(loss) => self.account.losses.retain(|other| *other != loss),
            None => self.account.set(seq, Fate::Left),
        }
    }

    fn drain(&mut self) -> Checked {
        loop {
            while let Some(event) = self.dispatcher.poll_event() {
                self.event(event)?;
            }
            let Some(run) = self.dispatcher.poll_dispatch() else { return Ok(()) };
            let seq = self.seq_of(run.handle)?;
            let queued = |(_, fate): &(Seq, Fate)| *fate == Fate::Queued;
            let first = self.account.all().find(queued).map(|(seq, _)| seq);
            holds(first == Some(seq), "what starts is the first that may")?;
            holds(!self.is_stopped, "nothing starts after a stop")?;
            self.account.set(seq, Fate::Running { is_told: false });
        }
    }

    fn event(&mut self, event: Event) -> Checked {
        let account = &mut self.account;
        match event {
            Event::Gap { at, first, last, .. } => {
                let told = account.warnings.iter().position(|it| *it == (first, last));
                holds(at == first && told == Some(0), "what is missing is told once, in order")?;
                account.warnings.remove(0);
                Ok(())
            }
            Event::Lost { first, last, .. } => {
                let told = account.told_lost.iter().position(|it| *it == (first, last));
                holds(told == Some(0) || self.is_stopped, "what is lost at the end is told")?;
                if told.is_some() {
                    account.told_lost.remove(0);
                }
                Ok(())
            }
            Event::Completed { handle } => {
                let seq = self.seq_of(handle)?;
                let fate = self.account.fate(seq);
                // it left before what follows is told
                let is_done = fate == Fate::Left
                    || fate == Fate::Settled { is_ok: true } && !self.setup.taking;
                holds(is_done, "what is completed is done")?;
                self.account.complete(seq)
            }
            Event::Passed { handle, why } => {
                let seq = self.seq_of(handle)?;
                holds(self.account.fate(seq) == Fate::Left, "what is passed is over")?;
                let is_right = match why {
                    Why::Cancelled => true,
                    Why::Failure => self.account.is_behind(seq),
                    Why::HandedBack => self.account.is_revoked,
                    Why::Fenced => self.account.is_fenced,
                    other @ (Why::Skipped | _) => return Err(format!("broken: {other:?}")),
                };
                self.handles[seq as usize] = None;
                holds(is_right, "what is passed has a reason")
            }
            Event::Signal { handle, .. } => {
                let seq = self.seq_of(handle)?;
                let is_told = self.account.fate(seq) == Fate::Running { is_told: true };
                holds(is_told || self.is_stopped, "what is told to end was stopped")?;
                self.account.set(seq, Fate::Running { is_told: true });
                Ok(())
            }
            Event::Left { handle, .. } => {
                holds(self.is_stopped, "only a stop leaves something")?;
                if let Ok(seq) = self.seq_of(handle) {
                    let is_gone = matches!(self.account.fate(seq), Fate::Running { .. });
                    if !is_gone {
                        self.account.set(seq, Fate::Left);
                    }
                }
                Ok(())
            }
            Event::Room { .. } => {
                self.starved = None;
                Ok(())
            }
            Event::Drained { .. } => {
                holds(!account.is_drained, "a source is drained once")?;
                account.is_drained = true;
                holds(account.inside() == 0 || self.is_stopped, "a drained source is empty")
            }
            other @ (Event::Halted { .. } | _) => Err(format!("broken: {other:?}")),
        }
    }

    /// What holds in every state at rest.
    fn check(&self) -> Checked {
        let (account, d) = (&self.account, &self.dispatcher);
        holds(account.warnings.is_empty(), "what is missing is told at once")?;
        holds(account.told_lost.is_empty(), "what is lost at the end is told at once")?;
        let count =
            |is: fn(Fate) -> bool| account.all().filter(|(_, fate)| is(*fate)).count() as u64;
        let stats = d.stats(self.now);
        let running = count(|fate| matches!(fate, Fate::Running { .. }));
        holds(stats.running == running, "what runs is counted")?;
        let queued = count(|fate| matches!(fate, Fate::Early | Fate::Queued));
        holds(stats.queued == queued, "what waits is counted")?;
        let concurrency = 2.min(self.setup.capacity) as u64;
        let may_start = count(|fate| fate == Fate::Queued) > 0 && running < concurrency;
        holds(running <= concurrency && !may_start, "what may start has started")?;
        holds(account.inside() <= self.setup.capacity, "capacity is not exceeded")?;
        holds(d.len() == account.inside(), "what is inside is counted")?;
        let lost = count(|fate| fate == Fate::Lost);
        holds(stats.lost == lost, "what was given up is counted")?;
        let due = account.due().map(|(due, _)| due);
        holds(
            d.poll_timeout().map(Time::as_micros) == due,
            "it looks at the time for what is missing",
        )?;
        holds(account.is_drained == self.is_empty(), "it says when nothing is left")?;
        if account.is_drained {
            return Ok(());
        }
        let can_lend = account.lent.is_none() && self.has_result();
        holds(d.can_lend(self.source) == can_lend, "what is held comes out")?;
        self.check_waiting()?;
        let checkpoint = d.checkpoint(self.source);
        holds(checkpoint.is_none() == account.is_fenced, "who has lost it says nothing")?;
        let Some(checkpoint) = checkpoint else { return Ok(()) };
        let runs = checkpoint.runs().flat_map(|(first, last)| first..=last);
        let found = (checkpoint.position(), runs.collect());
        let expected = account.position();
        holds(found == expected, &format!("{expected:?} is done, not {found:?}"))
    }

    fn is_empty(&self) -> bool {
        let account = &self.account;
        account.has_ended && account.inside() == 0 && account.losses.is_empty()
    }

    fn has_result(&self) -> bool {
        let account = &self.account;
        let is_there = |seq: Seq| {
            account.loss_at(seq).is_some() || matches!(account.fate(seq), Fate::Settled { .. })
        };
        let order = account.order();
        if self.setup.ordered {
            order.first().is_some_and(|head| is_there(*head))
        } else {
            order.into_iter().any(is_there)
        }
    }

    /// What it says of what it waits for, and to those who wait for it.
    fn check_waiting(&self) -> Checked {
        let (account, d) = (&self.account, &self.dispatcher);
        let blocked = d.why_blocked(self.now, self.source);
        holds(blocked.is_none() == (account.inside() == 0), "it says what it waits for")?;
        if let Some(blocked) = blocked {
            let head = account.order().first().copied().unwrap_or(account.expected);
            holds(blocked.seq == head, &format!("it waits for {head}, not {}", blocked.seq))?;
        }
        let oldest = account.all().find(|(_, fate)| fate.is_inside()).map(|(seq, _)| seq);
        let said = d.oldest(self.source);
        holds(said.is_none() == oldest.is_none(), "it knows whether something is in flight")?;
        holds(
            said.zip(oldest).is_none_or(|(said, oldest)| said <= oldest),
            "nothing older is in flight",
        )?;
        let is_there = self.starved.is_none_or(|next| next == account.next() && !account.has_ended);
        holds(is_there, "who waits is told when the window moves, and of the end")
    }
}
