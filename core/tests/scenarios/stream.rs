//! Scenarios of streams.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
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
use super::seen::{show_blocked, show_stats};
use super::words::Words;
use super::world::{Task, VirtualClock, World};
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

/// A stream of results, whatever its key.
trait Results {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<String, Failure<String>>>>;
    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    fn stats(&self) -> Stats;
    fn why_blocked(&self) -> Option<Blocked>;
}

impl<H, F, K, L> Results for Pin<Box<InOrder<Source, H, F, K, Fallible, VirtualClock, L>>>
where
    H: FnMut(Item) -> F,
    F: Future<Output = Result<String, String>>,
    K: Key<Item>,
    L: Letters<Item, Result<String, String>>,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<String, Failure<String>>>> {
        self.as_mut().poll_next(cx)
    }

    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        InOrder::poll_progress(self.as_mut(), cx)
    }

    fn stats(&self) -> Stats {
        InOrder::stats(self)
    }

    fn why_blocked(&self) -> Option<Blocked> {
        InOrder::why_blocked(self)
    }
}

/// A stream under test, and the takes that wait.
pub(crate) struct Streamed {
    world: Rc<World>,
    feed: Rc<RefCell<Feed>>,
    results: Rc<RefCell<Option<Box<dyn Results>>>>,
    wanted: Rc<Cell<u64>>,
    task: Rc<Task>,
}

impl Streamed {
    pub(crate) fn new(
        world: &Rc<World>,
        options: Options,
        header: &Words<'_>,
    ) -> Result<Self, OptionsError> {
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
        let results = Rc::new(RefCell::new(Some(results)));
        let wanted = Rc::<Cell<u64>>::default();
        let emits = !matches!(header.get("on_failure"), None | Some("fail"));
        let task =
            world.spawn(drive(Rc::clone(world), Rc::clone(&results), Rc::clone(&wanted), emits));
        Ok(Self { world: Rc::clone(world), feed, results, wanted, task })
    }
}

/// Gives a stream what the header says beyond its options.
fn boxed<H, F, K>(
    world: &Rc<World>,
    results: InOrder<Source, H, F, K>,
    header: &Words<'_>,
) -> Result<Box<dyn Results>, OptionsError>
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
    let Some(how) = header.get("dead_letter") else {
        results.check()?;
        return Ok(Box::new(Box::pin(results)));
    };
    let (world, waits) = (Rc::clone(world), how == "async");
    let results = results.dead_letter(Item::clone, move |failure: Arc<Failure<String, Item>>| {
        let world = Rc::clone(&world);
        async move { receive(&world, &failure, waits).await }
    });
    results.check()?;
    Ok(Box::new(Box::pin(results)))
}

/// Answers the takes in turn; without any, lets the stream work on.
async fn drive(
    world: Rc<World>,
    results: Rc<RefCell<Option<Box<dyn Results>>>>,
    wanted: Rc<Cell<u64>>,
    emits: bool,
) {
    poll_fn(|cx| {
        while wanted.get() > 0 {
            let next = match results.borrow_mut().as_mut() {
                Some(results) => results.poll_next(cx),
                None => Poll::Ready(None),
            };
            let Poll::Ready(next) = next else { return Poll::<()>::Pending };
            wanted.set(wanted.get() - 1);
            match next {
                None => world.log.note(Kind::End, "end"),
                Some(Err(failure)) if !emits => {
                    let error = error_of(&failure.kind);
                    world.log.note(Kind::Raised, format!("raised error={error}"));
                }
                Some(result) => world.log.note(Kind::Result, format!("result {}", shown(&result))),
            }
        }
        if let Some(results) = results.borrow_mut().as_mut() {
            let _: Poll<()> = results.poll_progress(cx);
        }
        Poll::Pending
    })
    .await;
}

impl Subject for Streamed {
    fn act(&mut self, command: &str, words: &Words<'_>) {
        if self.world.handlers.act(command, words) {
            return;
        }
        match command {
            "feed" => self.feed.borrow_mut().push(Item::of(words)),
            "finish" => self.feed.borrow_mut().finish(),
            "take" => {
                let count = words.plain.first().map_or(1, |count| count.parse().expect("a number"));
                self.wanted.set(self.wanted.get() + count);
                self.task.wake();
            }
            "cancel_take" => self.wanted.set(self.wanted.get() - 1),
            "leave" => {
                let results = self.results.take();
                drop(results);
                self.world.log.note(Kind::Left, "left");
            }
            "stats" => {
                let stats = self.results.borrow().as_ref().expect("a stream").stats();
                self.world.log.note(Kind::Stats, show_stats(&stats, words));
            }
            "why_blocked" => {
                let blocked = self.results.borrow().as_ref().expect("a stream").why_blocked();
                self.world.log.note(Kind::WhyBlocked, show_blocked(blocked.as_ref()));
            }
            _ => panic!("no step {command}"),
        }
    }
}
