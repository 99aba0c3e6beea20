//! Which commands make sense in a state.

use inorder::{Lane, Outcome, Resume, RunKind};

use crate::driver::World;
use crate::known::Life;
use crate::setups::{Extra, Setup, UNIT};

/// Items by the order in which they were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Push {
        source: usize,
        lane: Option<u32>,
    },
    End {
        source: usize,
    },
    Complete {
        item: usize,
        outcome: Outcome,
    },
    Cancel {
        item: usize,
    },
    Lend {
        source: usize,
    },
    Released {
        item: usize,
    },
    Undelivered {
        item: usize,
    },
    Taking {
        source: usize,
        taking: bool,
    },
    Resume {
        lane: Lane,
        how: Resume,
    },
    Pause {
        paused: bool,
    },
    Revoke {
        source: usize,
    },
    Fence {
        source: usize,
    },
    /// In so many units.
    Close {
        timeout: Option<u64>,
    },
    /// Time goes on to what is due next.
    Due,
    /// Time goes on by a unit, and nothing is due.
    Wait,
}

pub(crate) fn of(setup: &Setup, world: &World) -> Vec<Act> {
    let mut acts = Vec::new();
    offers(setup, world, &mut acts);
    for (item, known) in world.seen.items.iter().enumerate() {
        match known.life {
            Life::Running(RunKind::Handler) if setup.config.retry.is_some() => {
                let outcomes = [Outcome::Ok, Outcome::FAILED, Outcome::RETRY];
                acts.extend(outcomes.map(|outcome| Act::Complete { item, outcome }));
            }
            Life::Running(_) => {
                let outcomes = [Outcome::Ok, Outcome::FAILED];
                acts.extend(outcomes.map(|outcome| Act::Complete { item, outcome }));
            }
            Life::Accepted | Life::Between | Life::Ended => {}
        }
        if known.is_lent && !known.has_left {
            acts.push(Act::Released { item });
        }
    }
    for (source, id) in world.sources.iter().enumerate() {
        if world.dispatcher.can_lend(*id) {
            acts.push(Act::Lend { source });
        }
    }
    for lane in world.dispatcher.halted_lanes() {
        let hows = [Resume::Retry, Resume::Skip, Resume::DeadLetter];
        acts.extend(hows.map(|how| Act::Resume { lane, how }));
    }
    if let Some(due) = world.dispatcher.poll_timeout() {
        acts.push(Act::Due);
        if due.since(world.now) > UNIT {
            acts.push(Act::Wait);
        }
    }
    extras(setup, world, &mut acts);
    acts
}

fn offers(setup: &Setup, world: &World, acts: &mut Vec<Act>) {
    if world.seen.items.len() >= setup.items {
        return;
    }
    // lanes are alike: the second is used after the first
    let used = world.seen.items.iter().filter_map(|known| known.lane).max().map_or(0, |it| it + 1);
    for source in 0..world.sources.len() {
        for lane in setup.lanes.iter().copied() {
            let is_new = lane.is_some_and(|lane| lane > used);
            if !is_new && !world.seen.sources[source].ended {
                acts.push(Act::Push { source, lane });
            }
        }
    }
}

fn extras(setup: &Setup, world: &World, acts: &mut Vec<Act>) {
    let seen = &world.seen;
    // of one that is drained nothing is known any more, which is looked at apart
    let is_there = |source: &usize| !seen.sources[*source].is_drained;
    if matches!(setup.extra, Extra::Stops | Extra::Both) {
        let items = (0..seen.items.len()).filter(|item| seen.may_be_cancelled(&seen.items[*item]));
        acts.extend(items.map(|item| Act::Cancel { item }));
        if !seen.is_closed {
            acts.push(Act::Close { timeout: None });
        }
        if !seen.is_stopped() {
            acts.extend([Some(0), Some(2)].map(|timeout| Act::Close { timeout }));
        }
    }
    if matches!(setup.extra, Extra::Losses | Extra::Both) {
        for source in (0..world.sources.len()).filter(is_there) {
            if !seen.sources[source].revoked {
                acts.push(Act::Revoke { source });
            }
            if !seen.sources[source].fenced {
                acts.push(Act::Fence { source });
            }
        }
    }
    if setup.extra == Extra::Rest {
        for source in (0..world.sources.len()).filter(is_there) {
            let taking = !seen.sources[source].taking;
            acts.push(Act::Taking { source, taking });
            if !seen.sources[source].ended {
                acts.push(Act::End { source });
            }
        }
        let lent = |item: &usize| seen.items[*item].is_lent && !seen.items[*item].has_left;
        acts.extend((0..seen.items.len()).filter(lent).map(|item| Act::Undelivered { item }));
        acts.push(Act::Pause { paused: !seen.paused });
    }
}
