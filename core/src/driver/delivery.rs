//! `on_result`: results are handed over one at a time, in order, before they go to their tickets.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use super::deadlock::{inside, tell};
use super::failure::Failure;
use super::items::{Lent, LentResult};
use super::resequence::Resequenced;
use super::shared::Shared;
use super::stopping::Lost;
use super::told::Nobody;
use crate::Time;

/// What `on_result` may return: `()`, or a `Result`.
pub trait Answers<E>: sealed::Sealed {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), E>;
}

impl<E> Answers<E> for () {
    fn into_result(self) -> Result<(), E> {
        Ok(())
    }
}

impl<E> Answers<E> for Result<(), E> {
    fn into_result(self) -> Self {
        self
    }
}

/// Who gets the results before the tickets.
pub trait Delivery<R, E, I>: sealed::Sealed {
    #[doc(hidden)]
    const IS_WANTED: bool;

    #[doc(hidden)]
    fn call(
        &mut self,
        output: Resequenced<&Result<R, Failure<E, I>>>,
    ) -> impl Future<Output = Result<(), E>>;
}

/// A closure.
#[derive(Clone, Copy)]
pub struct OnResult<G>(pub(super) G);

/// An async closure.
#[derive(Clone, Copy)]
pub struct OnResultAsync<G>(pub(super) G);

/// A closure that gets what was given up, too.
#[derive(Clone, Copy)]
pub struct OnOutput<G>(pub(super) G);

/// An async closure that gets what was given up, too.
#[derive(Clone, Copy)]
pub struct OnOutputAsync<G>(pub(super) G);

impl<R, E, I> Delivery<R, E, I> for Nobody {
    const IS_WANTED: bool = false;

    async fn call(&mut self, _: Resequenced<&Result<R, Failure<E, I>>>) -> Result<(), E> {
        Ok(())
    }
}

impl<R, E, I, A, G> Delivery<R, E, I> for OnResult<G>
where
    A: Answers<E>,
    G: FnMut(&Result<R, Failure<E, I>>) -> A,
{
    const IS_WANTED: bool = true;

    async fn call(&mut self, output: Resequenced<&Result<R, Failure<E, I>>>) -> Result<(), E> {
        match output {
            Resequenced::Item(result) => (self.0)(result).into_result(),
            Resequenced::Lost { .. } => Ok(()),
        }
    }
}

impl<R, E, I, A, G> Delivery<R, E, I> for OnResultAsync<G>
where
    A: Answers<E>,
    G: AsyncFnMut(&Result<R, Failure<E, I>>) -> A,
{
    const IS_WANTED: bool = true;

    async fn call(&mut self, output: Resequenced<&Result<R, Failure<E, I>>>) -> Result<(), E> {
        match output {
            Resequenced::Item(result) => (self.0)(result).await.into_result(),
            Resequenced::Lost { .. } => Ok(()),
        }
    }
}

impl<R, E, I, A, G> Delivery<R, E, I> for OnOutput<G>
where
    A: Answers<E>,
    G: FnMut(Resequenced<&Result<R, Failure<E, I>>>) -> A,
{
    const IS_WANTED: bool = true;

    async fn call(&mut self, output: Resequenced<&Result<R, Failure<E, I>>>) -> Result<(), E> {
        (self.0)(output).into_result()
    }
}

impl<R, E, I, A, G> Delivery<R, E, I> for OnOutputAsync<G>
where
    A: Answers<E>,
    G: AsyncFnMut(Resequenced<&Result<R, Failure<E, I>>>) -> A,
{
    const IS_WANTED: bool = true;

    async fn call(&mut self, output: Resequenced<&Result<R, Failure<E, I>>>) -> Result<(), E> {
        (self.0)(output).await.into_result()
    }
}

/// Hands over one result after the other, for ever.
pub(super) async fn deliver<T, R, E, Q, I, D>(shared: Arc<Shared<T, R, E, Q, I>>, mut delivery: D)
where
    Q: Eq + Hash,
    D: Delivery<R, E, I>,
{
    if !D::IS_WANTED {
        std::future::pending::<()>().await;
    }
    loop {
        let delivered = next(&shared).await;
        let (handle, call) = (delivered.lent().handle(), delivery.call(delivered.output()));
        let answer = inside(&shared.core, handle, call, || delivered.tell_own()).await;
        delivered.end(answer);
    }
}

/// A result in the hands of `on_result`. Dropped before the end it goes to its ticket, and after a panic is not released.
struct Delivered<'a, T, R, E, Q: Eq + Hash, I> {
    shared: &'a Shared<T, R, E, Q, I>,
    lent: Option<Lent<R, E, I>>,
}

impl<T, R, E, Q: Eq + Hash, I> Delivered<'_, T, R, E, Q, I> {
    fn lent(&self) -> &Lent<R, E, I> {
        self.lent.as_ref().expect("it is there until the end")
    }

    fn output(&self) -> Resequenced<&Result<R, Failure<E, I>>> {
        match self.lent() {
            Lent::Result(lent) => Resequenced::Item(&lent.result),
            Lent::Gap(gap) => {
                let Lost { first, last } = gap.lost;
                Resequenced::Lost { first, last, key: () }
            }
        }
    }

    #[cold]
    fn tell_own(&self) {
        let Lent::Result(lent) = self.lent() else { return };
        let LentResult { seq, attempt, result, kept, pledge, .. } = lent;
        let kept = result.as_ref().err().map(|failure| &failure.item).or(kept.as_ref());
        if let (Some(pledge), Some(kept)) = (pledge, kept) {
            tell(pledge, *seq, *attempt, self.shared.copy(kept));
        }
    }

    fn end(mut self, answer: Result<(), E>) {
        self.give_back(answer);
    }

    fn give_back(&mut self, answer: Result<(), E>) {
        let Some(lent) = self.lent.take() else { return };
        self.shared.act(Time::default(), |state, items, effects| {
            items.forget_inside(lent.handle());
            items.give_back(state, lent, answer, effects);
        });
    }
}

impl<T, R, E, Q: Eq + Hash, I> Drop for Delivered<'_, T, R, E, Q, I> {
    fn drop(&mut self) {
        if self.lent.is_some() && thread::panicking() {
            // it is not known to be delivered: all is stopped first, so that it does not count as completed
            let at_once = Some(Duration::ZERO);
            self.shared.act(Time::default(), |state, _, _| state.close(at_once));
        }
        self.give_back(Ok(()));
    }
}

/// Waits for the next result. The driver polls it whenever something happened.
async fn next<T, R, E, Q: Eq + Hash, I>(
    shared: &Shared<T, R, E, Q, I>,
) -> Delivered<'_, T, R, E, Q, I> {
    std::future::poll_fn(|_| {
        let lent = shared.act(Time::default(), |state, items, effects| {
            loop {
                let release = state.release()?;
                let lent = items.lend(state, release, effects);
                if !lent.is_fatal() {
                    return Some(lent);
                }
                // what stops the processor is no result
                items.give_back(state, lent, Ok(()), effects);
            }
        });
        lent.map_or(Poll::Pending, |lent| Poll::Ready(Delivered { shared, lent: Some(lent) }))
    })
    .await
}

impl<G> fmt::Debug for OnResult<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnResult")
    }
}

impl<G> fmt::Debug for OnResultAsync<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnResultAsync")
    }
}

impl<G> fmt::Debug for OnOutput<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnOutput")
    }
}

impl<G> fmt::Debug for OnOutputAsync<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnOutputAsync")
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<E> Sealed for Result<(), E> {}
    impl Sealed for super::Nobody {}
    impl<G> Sealed for super::OnResult<G> {}
    impl<G> Sealed for super::OnResultAsync<G> {}
    impl<G> Sealed for super::OnOutput<G> {}
    impl<G> Sealed for super::OnOutputAsync<G> {}
}
