//! Builds a processor to which the callers give the numbers.

use super::builder::{Builder, Hooks};
use super::clock::MaybeClock;
use super::delivery::{Answers, OnOutput, OnOutputAsync};
use super::failure::Failure;
use super::letters::{GapCall, Gaps};
use super::resequence::{Gap, Resequenced};
use crate::{OptionsError, Seq, SequencerOptions};

#[expect(clippy::type_complexity, reason = "each callback is a parameter of its own")]
impl<T, R, E, H, Q, I, C, D, L, N, M> Builder<T, R, E, H, Q, I, C, D, L, N, M> {
    /// The callers give the numbers, beginning with this one, by [`Processor::enqueue_at`](super::Processor::enqueue_at):
    /// an item starts when all before it have arrived. What is missing is waited for.
    pub fn sequenced(self, start: Seq) -> Self {
        self.sequenced_with(SequencerOptions::new().start(start))
    }

    /// The callers give the numbers, and these say what becomes of those that do not come: an item starts when all
    /// before it have arrived or were given up. The window is the capacity of the [options](Self::options), so that these
    /// have none; numbers that [wrap](SequencerOptions::wrap) lower its default. A processor whose source counts from anew
    /// takes that for late.
    ///
    /// What is given up comes out in its place, to [`on_output`](Self::on_output) and to
    /// [`Results::with_losses`](super::Results::with_losses). Where gaps are to [fail](crate::OnGap::Fail), everything
    /// before a gap comes out, and then the processor has stopped.
    pub fn sequenced_with(mut self, numbers: SequencerOptions) -> Self {
        self.plan.numbers = Some(numbers);
        self
    }

    /// Is told of numbers that are missing, by the driver, to ask for them again: once for each gap, and
    /// [`gap_warning`](SequencerOptions::gap_warning) after something came beyond it, by default at once.
    ///
    /// It returns `()`, or a `Result`. An error stops the processor as [`OnFailure::Fail`](crate::OnFailure::Fail) does,
    /// at the first number that is missing.
    pub fn on_gap<A, G>(self, callback: G) -> Builder<T, R, E, H, Q, I, C, D, L, N, GapCall<G>>
    where
        A: Answers<E>,
        G: FnMut(Gap) -> A,
    {
        let gaps = GapCall(callback);
        self.hooked(|Hooks { clock, delivery, receiver, halts, .. }| Hooks {
            clock,
            delivery,
            receiver,
            halts,
            gaps,
        })
    }

    /// As [`on_result`](Self::on_result), and is called with each range of numbers that was given up, too, in its place.
    /// An error then stops the processor at the first of them.
    pub fn on_output<A, G>(self, callback: G) -> Builder<T, R, E, H, Q, I, C, OnOutput<G>, L, N, M>
    where
        A: Answers<E>,
        G: FnMut(Resequenced<&Result<R, Failure<E, I>>>) -> A,
    {
        self.delivery(OnOutput(callback))
    }

    /// As [`on_output`](Self::on_output), with an async closure: the next call waits until this one is over.
    pub fn on_output_async<A, G>(
        self,
        callback: G,
    ) -> Builder<T, R, E, H, Q, I, C, OnOutputAsync<G>, L, N, M>
    where
        A: Answers<E>,
        G: AsyncFnMut(Resequenced<&Result<R, Failure<E, I>>>) -> A,
    {
        self.delivery(OnOutputAsync(callback))
    }

    /// Looks whether what numbers need is given.
    pub(super) fn check_numbers(&self, capacity: usize) -> Result<(), OptionsError>
    where
        C: MaybeClock,
        M: Gaps<E>,
    {
        let needs = |name, needs| Err(OptionsError::Needs { name, needs });
        let Some(numbers) = self.plan.numbers else {
            return if M::IS_WANTED { needs("on_gap", "a sequenced processor") } else { Ok(()) };
        };
        numbers.check_source(capacity)?;
        match numbers.timed_option() {
            Some(name) if !C::HAS_TIME => needs(name, "a clock"),
            Some(_) | None => Ok(()),
        }
    }
}
