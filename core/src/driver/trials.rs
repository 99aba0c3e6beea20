//! Trying again: where the copies of an item come from, and what its failure is asked.

use std::time::Duration;

use super::failure::FailureKind;
use crate::event::Why;
use crate::{Outcome, Run};

/// Asked of the output of an attempt that failed, or of none where its time was over.
type RetryIf<O> = Box<dyn Fn(Option<&O>, u32) -> bool + Send + Sync>;

/// Asked of the output of an attempt that failed.
type RetryAfter<O> = Box<dyn Fn(&O) -> Option<Duration> + Send + Sync>;

/// How an item is tried again. `O` is what a handler returns.
pub(super) struct Trials<T, O> {
    /// Makes the items of further attempts.
    pub(super) again: Option<fn(&T) -> T>,
    retry_if: Option<RetryIf<O>>,
    retry_after: Option<RetryAfter<O>>,
    /// Whose output is being asked: after a panic it is known by that.
    asked: Option<Run>,
}

impl<T, O> Default for Trials<T, O> {
    fn default() -> Self {
        Self { again: None, retry_if: None, retry_after: None, asked: None }
    }
}

impl<T, O> Trials<T, O> {
    /// How an output counts, of which `outcome` says whether it failed.
    #[inline]
    pub(super) fn outcome(&mut self, run: Run, output: &O, outcome: Outcome) -> Outcome {
        if outcome == Outcome::Ok || self.again.is_none() {
            return outcome;
        }
        self.ask(run, Some(output))
    }

    /// How an attempt counts whose time is over.
    pub(super) fn timed_out(&mut self, run: Run, why: Why) -> Outcome {
        if self.again.is_none() || why != Why::AttemptTimeout {
            return Outcome::FAILED;
        }
        self.ask(run, None)
    }

    /// The attempt whose output was being asked when a panic came.
    #[inline]
    pub(super) fn recover(&mut self) -> Option<Run> {
        self.asked.take()
    }

    /// Whether a panic went through what was asked.
    #[inline]
    pub(super) fn is_broken(&self) -> bool {
        self.asked.is_some()
    }

    #[cold]
    fn ask(&mut self, run: Run, output: Option<&O>) -> Outcome {
        self.asked = Some(run);
        let retry = self.retry_if.as_ref().is_none_or(|retry_if| retry_if(output, run.attempt));
        let after = match (&self.retry_after, output) {
            (Some(retry_after), Some(output)) if retry => retry_after(output),
            (_, _) => None,
        };
        self.asked = None;
        Outcome::Failed { retry, after }
    }
}

impl<T, R, E> Trials<T, Result<R, E>> {
    pub(super) fn retry_if(
        &mut self,
        predicate: impl Fn(FailureKind<&E>, u32) -> bool + Send + Sync + 'static,
    ) {
        self.retry_if = Some(Box::new(move |output: Option<&Result<R, E>>, attempt| {
            let error = output.and_then(|output| output.as_ref().err());
            predicate(error.map_or(FailureKind::AttemptTimeout, FailureKind::Handler), attempt)
        }));
    }

    pub(super) fn retry_after(
        &mut self,
        wait: impl Fn(&E) -> Option<Duration> + Send + Sync + 'static,
    ) {
        self.retry_after =
            Some(Box::new(move |output: &Result<R, E>| output.as_ref().err().and_then(&wait)));
    }
}
