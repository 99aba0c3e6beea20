//! What a driver knows of an item and of a source.

use inorder::{Handle, RunKind, Seq, Time, Why};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Accepted,
    Running(RunKind),
    /// To be tried or handed over again.
    Between,
    /// An attempt ended, and nothing was said of another.
    Ended,
}

#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) handle: Handle,
    pub(crate) source: usize,
    pub(crate) seq: Seq,
    pub(crate) lane: Option<u32>,
    pub(crate) life: Life,
    /// The number of the last attempt, be it one to hand over.
    pub(crate) attempt: u32,
    pub(crate) tries: u32,
    pub(crate) started: bool,
    pub(crate) fate: Option<Why>,
    /// Its last attempt ended with a result.
    pub(crate) is_well: bool,
    /// It failed in some way, at some time.
    pub(crate) is_bad: bool,
    /// Cancelled while it did not run.
    pub(crate) is_cancelled: bool,
    /// It got too old while it did not run.
    pub(crate) is_expired: bool,
    pub(crate) is_skipped: bool,
    pub(crate) is_halted: bool,
    pub(crate) is_completed: bool,
    pub(crate) is_lent: bool,
    pub(crate) has_left: bool,
    /// When its retry is due.
    pub(crate) due: Option<Time>,
    /// When it gets too old.
    pub(crate) deadline: Option<Time>,
}

impl Known {
    /// Whether it is handed over, or was.
    pub(crate) fn is_handed(&self) -> bool {
        self.attempt > 1 << 31
    }

    /// Whether it was told of something that is no timeout, or has left.
    pub(crate) fn is_given_up(&self, told: Option<Why>) -> bool {
        let is_timeout = matches!(told, Some(Why::AttemptTimeout));
        self.has_left || told.is_some() && !is_timeout
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    pub(crate) ended: bool,
    pub(crate) taking: bool,
    pub(crate) starved: bool,
    pub(crate) revoked: bool,
    pub(crate) fenced: bool,
    /// When it will be fenced: first of all that is due then.
    pub(crate) revoke_due: Option<Time>,
    pub(crate) stopped: bool,
    pub(crate) has_failed: bool,
    pub(crate) last_out: Option<Seq>,
    /// From there on nothing comes out: something failed there.
    pub(crate) cut: Option<Seq>,
    /// Another source failed.
    pub(crate) given_back: bool,
    /// Nothing of it is left, and it is forgotten.
    pub(crate) is_drained: bool,
}
