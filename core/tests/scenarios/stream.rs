//! Scenarios of streams.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::Stream;
use inorder::builder::{Fallible, Key, Letters};
use inorder::{Blocked, Failure, InOrder, InOrderExt, Options, OptionsError, Stats};

use super::building::receive;
use super::handler::{Item, handle};
use super::log::{Kind, error_of, shown};
use super::taken::{Taken, Takes};
use super::words::Words;
use super::world::{VirtualClock, World};
use super::{Subject, may_retry, retry, retry_after};

/// What the source has, and how far it is.
#[derive(Default)]
pub(crate) struct Feed {
    items: VecDeque<Item>,
    read: u64,
    is_finished: bool,
    waker: Option<Waker>,
}

pub(crate) struct Source {
    world: Rc<World>,
    feed: Rc<RefCell<Feed>>,
    has_told_its_end: bool,
}

impl Feed {
    pub(crate) fn push(&mut self, item: Item) {
        self.items.push_back(item);
        self.wake();
    }

    pub(crate) fn finish(&mut self) {
        self.is_finished = true;
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Source {
    pub(crate) fn new(world: &Rc<World>, feed: &Rc<RefCell<Feed>>) -> Self {
        Self { world: Rc::clone(world), feed: Rc::clone(feed), has_told_its_end: false }
    }
}

impl Stream for Source {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        let mut feed = this.feed.borrow_mut();
        let Some(item) = feed.items.pop_front() else {
            if feed.is_finished {
                this.has_told_its_end = true;
                return Poll::Ready(None);
            }
            feed.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        this.world.log.number(&item.name, feed.read);
        this.world.log.note_item(Kind::Read, &item.name, format!("item={}", item.name));
        feed.read += 1;
        Poll::Ready(Some(item))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if !self.has_told_its_end {
            self.world.log.note(Kind::SourceClosed, "source_closed");
        }
    }
}

/// A stream of results, and whether failures are among them: else one ends it.
struct Results<S> {
    stream: Pin<Box<S>>,
    emits: bool,
}

impl<H, F, K, L> Taken for Results<InOrder<Source, H, F, K, Fallible, VirtualClock, L>>
where
    H: FnMut(Item) -> F,
    F: Future<Output = Result<String, String>>,
    K: Key<Item>,
    L: Letters<Item, Result<String, String>>,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<String, String>>> {
        self.stream.as_mut().poll_next(cx).map(|next| {
            next.map(|result| match result {
                Err(failure) if !self.emits => Err(error_of(&failure.kind).to_owned()),
                result => Ok(shown(&result)),
            })
        })
    }

    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        InOrder::poll_progress(self.stream.as_mut(), cx)
    }

    fn stats(&self) -> Stats {
        self.stream.stats()
    }

    fn why_blocked(&self) -> Option<Blocked> {
        self.stream.why_blocked()
    }
}

/// A stream under test.
pub(crate) fn build(
    world: &Rc<World>,
    options: Options,
    header: &Words<'_>,
) -> Result<Box<dyn Subject>, OptionsError> {
    let feed = Rc::<RefCell<Feed>>::default();
    let source = Source::new(world, &feed);
    let handler = {
        let world = Rc::clone(world);
        move |item| handle(&world, item)
    };
    let results = if header.get("key").is_some() {
        let key = |item: &Item| item.key.clone();
        boxed(world, source.in_order_by_optional_key(options, key, handler), header)
    } else {
        boxed(world, source.in_order(options, handler), header)
    };
    // a stream that is refused leaves nothing behind
    let results = results.inspect_err(|_| world.log.forget())?;
    Ok(Box::new(Takes::new(world, feed, results)))
}

/// Gives a stream what the header says beyond its options.
fn boxed<H, F, K>(
    world: &Rc<World>,
    results: InOrder<Source, H, F, K>,
    header: &Words<'_>,
) -> Result<Box<dyn Taken>, OptionsError>
where
    H: FnMut(Item) -> F + 'static,
    F: Future<Output = Result<String, String>> + 'static,
    K: Key<Item> + 'static,
{
    let mut results = results
        .clock(VirtualClock(Rc::clone(world)))
        .retry_after(|error: &String| retry_after(error));
    if let Some(retry) = retry(header) {
        retry.check()?;
        results = results.retry(retry, Item::clone);
    }
    if let Some(how) = header.get("retry_if") {
        let how = how.to_owned();
        results = results.retry_if(move |error, _| may_retry(Some(&how), &error));
    }
    let emits = !matches!(header.get("on_failure"), None | Some("fail"));
    let Some(how) = header.get("dead_letter") else {
        results.check()?;
        return Ok(Box::new(Results { stream: Box::pin(results), emits }));
    };
    let (world, waits) = (Rc::clone(world), how == "async");
    let results = results.dead_letter(Item::clone, move |failure: Arc<Failure<String, Item>>| {
        let world = Rc::clone(&world);
        async move { receive(&world, &failure, waits).await }
    });
    results.check()?;
    Ok(Box::new(Results { stream: Box::pin(results), emits }))
}
