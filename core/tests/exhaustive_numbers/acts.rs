//! The spaces that are walked through, and which commands make sense in a state.

use std::time::Duration;

use inorder::{OnFailure, OnGap, Options, Seq, SequencerOptions, SourceOptions};

use crate::account::Fate;
use crate::world::World;

/// All times are few of these, in microseconds, so that much is due at one instant.
pub(crate) const UNIT: u64 = 1_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) gap: OnGap,
    pub(crate) timeout: Option<u64>,
    pub(crate) warning: Option<u64>,
    pub(crate) ordered: bool,
    pub(crate) policy: OnFailure,
    pub(crate) capacity: usize,
    /// What is given up comes out in its place.
    pub(crate) losses_come_out: bool,
    /// The first number is the first seen.
    pub(crate) starts_at_first: bool,
    /// Results are taken by somebody who says when.
    pub(crate) taking: bool,
    /// How many numbers there are.
    pub(crate) numbers: Seq,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Offer {
        seq: Seq,
    },
    Complete {
        seq: Seq,
        is_ok: bool,
    },
    Cancel {
        seq: Seq,
    },
    Lend,
    Released,
    Undelivered,
    End,
    Revoke,
    Fence,
    /// Time goes on to what is due next.
    Due,
    /// Time goes on by a unit, and nothing is due.
    Wait,
}

fn units(count: Option<u64>) -> Option<Duration> {
    count.map(|count| Duration::from_micros(count * UNIT))
}

impl Setup {
    pub(crate) fn options(&self) -> Options {
        let Self { capacity, ordered, policy, .. } = *self;
        Options::new()
            .concurrency(2.min(capacity))
            .capacity(capacity)
            .ordered(ordered)
            .on_failure(policy)
    }

    pub(crate) fn source(&self) -> SourceOptions {
        let mut numbers = SequencerOptions::new().gap(self.gap);
        if let Some(timeout) = units(self.timeout) {
            numbers = numbers.gap_timeout(timeout);
        }
        if let Some(warning) = units(self.warning) {
            numbers = numbers.gap_warning(warning);
        }
        if self.starts_at_first {
            numbers = numbers.start_at_first();
        }
        let source = SourceOptions::new().sequenced_with(numbers).acknowledged(true);
        source.losses_come_out(self.losses_come_out)
    }
}

/// All setups of a policy for gaps.
pub(crate) fn setups(gap: OnGap) -> Vec<Setup> {
    let wanted = std::env::var("INORDER_NUMBERS").ok();
    let numbers = wanted.map_or(3, |text| text.parse().expect("INORDER_NUMBERS is a number"));
    let times: &[(Option<u64>, Option<u64>)] = match gap {
        OnGap::Wait => &[(None, None), (None, Some(1))],
        OnGap::Skip | OnGap::Fail => &[(None, Some(0)), (Some(1), Some(1)), (Some(2), Some(1))],
        other => panic!("{other:?} is new"),
    };
    let mut setups = Vec::new();
    for (timeout, warning) in times.iter().copied() {
        for (ordered, policy) in
            [(true, OnFailure::Fail), (true, OnFailure::Emit), (false, OnFailure::Fail)]
        {
            for capacity in [1, 2, 3] {
                let taking = policy == OnFailure::Fail;
                let losses_come_out = timeout.is_some() || gap != OnGap::Skip;
                let starts_at_first = timeout.is_none() && warning.is_none();
                setups.push(Setup {
                    gap,
                    timeout,
                    warning,
                    ordered,
                    policy,
                    capacity,
                    losses_come_out,
                    starts_at_first,
                    taking,
                    numbers,
                });
            }
        }
    }
    setups
}

pub(crate) fn of(world: &World) -> Vec<Act> {
    let (account, d) = (&world.account, &world.dispatcher);
    let mut acts = Vec::new();
    for seq in 0..world.setup.numbers {
        if !account.has_ended {
            acts.push(Act::Offer { seq });
        }
        match account.fate(seq) {
            Fate::Running { is_told } => {
                acts.extend([true, false].map(|is_ok| Act::Complete { seq, is_ok }));
                if !is_told {
                    acts.push(Act::Cancel { seq });
                }
            }
            Fate::Early | Fate::Queued => acts.push(Act::Cancel { seq }),
            Fate::Absent
            | Fate::Settled { .. }
            | Fate::Dead
            | Fate::Lent { .. }
            | Fate::Left
            | Fate::Lost => {}
        }
    }
    if account.lent.is_some() {
        acts.extend([Act::Released, Act::Undelivered]);
    }
    if d.can_lend(world.source) {
        acts.push(Act::Lend);
    }
    if !account.has_ended {
        acts.push(Act::End);
    }
    if !account.is_revoked {
        acts.push(Act::Revoke);
    }
    if !account.is_fenced && !account.is_drained {
        acts.push(Act::Fence);
    }
    if let Some(due) = d.poll_timeout() {
        acts.push(Act::Due);
        if due.since(world.now) > UNIT {
            acts.push(Act::Wait);
        }
    }
    acts
}
