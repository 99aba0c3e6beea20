//! Attempts that were started and nobody has begun: a queue of which most often there is one in it, or none.

use std::collections::VecDeque;

use crate::Run;

/// First in, first out. The first has a place of its own, which is all that most items ever touch.
#[derive(Debug, Default)]
pub(super) struct Runs {
    first: Option<Run>,
    rest: VecDeque<Run>,
}

impl Runs {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    #[inline(always)]
    pub(super) fn push(&mut self, run: Run) {
        if self.first.is_none() {
            self.first = Some(run);
        } else {
            self.push_behind(run);
        }
    }

    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<Run> {
        let run = self.first.take()?;
        if !self.rest.is_empty() {
            self.first = self.rest.pop_front();
        }
        Some(run)
    }

    #[cold]
    fn push_behind(&mut self, run: Run) {
        self.rest.push_back(run);
    }
}
