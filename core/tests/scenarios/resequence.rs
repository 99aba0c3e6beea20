//! Scenarios of streams that are put in order by number.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use inorder::builder::{MaybeClock, SequenceKey};
use inorder::{
    Discard, Gap, InOrderExt, OnGap, OnRestart, OptionsError, Resequence, Resequenced, Seq,
    SequencerOptions, Stats,
};

use super::Subject;
use super::handler::Item;
use super::log::Kind;
use super::seen::show_stats;
use super::stream::{Feed, Source};
use super::words::Words;
use super::world::{Task, VirtualClock, World};

/// A key as it is shown: not at all where there are none.
trait Shown {
    fn shown(&self) -> String;
}

impl Shown for () {
    fn shown(&self) -> String {
        String::new()
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        format!(" key={self}")
    }
}

/// What comes out, whatever the types: a line, or the name of an error.
trait Numbered {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<String, &'static str>>>;
    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    fn stats(&self) -> Stats;
}

impl<N, K, C, G, D> Numbered for Pin<Box<Resequence<Source, N, K, C, G, D>>>
where
    N: FnMut(&Item) -> Seq,
    K: SequenceKey<Item, Key: Shown>,
    C: MaybeClock,
    G: FnMut(Gap<K::Key>),
    D: FnMut(Item, Discard),
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<String, &'static str>>> {
        self.as_mut().poll_next(cx).map(|next| {
            next.map(|result| match result {
                Ok(Resequenced::Item(item)) => Ok(format!("value={}", item.name)),
                Ok(Resequenced::Lost { first, last, key }) => {
                    Ok(format!("lost first={first} last={last}{}", key.shown()))
                }
                Err(error) => Err(error.name()),
            })
        })
    }

    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Resequence::poll_progress(self.as_mut(), cx)
    }

    fn stats(&self) -> Stats {
        Resequence::stats(self)
    }
}

type Slot = Rc<RefCell<Option<Box<dyn Numbered>>>>;

/// A stream under test, and the takes that wait.
pub(crate) struct Ordered {
    world: Rc<World>,
    feed: Rc<RefCell<Feed>>,
    stream: Slot,
    wanted: Rc<Cell<u64>>,
    task: Rc<Task>,
}

impl Ordered {
    pub(crate) fn new(world: &Rc<World>, header: &Words<'_>) -> Result<Self, OptionsError> {
        let options = options(header);
        options.check()?;
        let feed = Rc::<RefCell<Feed>>::default();
        let source = Source::new(world, &feed);
        let seq = |item: &Item| item.seq.expect("a number");
        let stream = if header.get("key").is_some() {
            let key = |item: &Item| item.key.clone().unwrap_or_default();
            watched(source.resequence_by_key(options, key, seq), world, header)
        } else {
            watched(source.resequence(options, seq), world, header)
        };
        let stream = Rc::new(RefCell::new(Some(stream)));
        let wanted = Rc::<Cell<u64>>::default();
        let task = world.spawn(drive(Rc::clone(world), Rc::clone(&stream), Rc::clone(&wanted)));
        Ok(Self { world: Rc::clone(world), feed, stream, wanted, task })
    }
}

/// With the clock of the world, and the callbacks that the header names.
fn watched<N, K>(
    stream: Resequence<Source, N, K>,
    world: &Rc<World>,
    header: &Words<'_>,
) -> Box<dyn Numbered>
where
    N: FnMut(&Item) -> Seq + 'static,
    K: SequenceKey<Item, Key: Shown> + 'static,
{
    let is_told = header.get("on_discard").is_some();
    let (gaps, discards) = (Rc::clone(world), Rc::clone(world));
    let stream = stream.clock(VirtualClock(Rc::clone(world))).on_discard(move |item, why| {
        if is_told {
            let text = format!("on_discard item={} why={}", item.name, why.name());
            discards.log.note(Kind::OnDiscard, text);
        }
    });
    if header.get("on_gap").is_none() {
        return Box::new(Box::pin(stream));
    }
    Box::new(Box::pin(stream.on_gap(move |gap| {
        let text = format!("on_gap first={} last={}{}", gap.first, gap.last, gap.key.shown());
        gaps.log.note(Kind::OnGap, text);
    })))
}

fn options(header: &Words<'_>) -> SequencerOptions {
    let mut options = SequencerOptions::new();
    options = match header.get("start") {
        None => options,
        Some("first") => options.start_at_first(),
        Some(start) => options.start(start.parse().expect("a number")),
    };
    if let Some(capacity) = header.number("capacity") {
        options = options.capacity(capacity as usize);
    }
    options = match header.get("gap") {
        None => options,
        Some("wait") => options.gap(OnGap::Wait),
        Some("skip") => options.gap(OnGap::Skip),
        Some("fail") => options.gap(OnGap::Fail),
        Some(gap) => panic!("no gap={gap}"),
    };
    if let Some(timeout) = header.number("gap_timeout") {
        options = options.gap_timeout(Duration::from_micros(timeout));
    }
    if let Some(warning) = header.number("gap_warning") {
        options = options.gap_warning(Duration::from_micros(warning));
    }
    options = match header.get("restart") {
        None => options,
        Some("ignore") => options.restart(OnRestart::Ignore),
        Some("reset") => options.restart(OnRestart::Reset),
        Some("fail") => options.restart(OnRestart::Fail),
        Some(restart) => panic!("no restart={restart}"),
    };
    match header.number("wrap") {
        None => options,
        Some(bits) => options.wrap(bits as u32),
    }
}

/// Answers the takes in turn; without any, lets the stream read on once something was asked for.
async fn drive(world: Rc<World>, stream: Slot, wanted: Rc<Cell<u64>>) {
    let mut is_started = false;
    poll_fn(|cx| {
        while wanted.get() > 0 {
            is_started = true;
            let next = match stream.borrow_mut().as_mut() {
                Some(stream) => stream.poll_next(cx),
                None => Poll::Ready(None),
            };
            let Poll::Ready(next) = next else { return Poll::<()>::Pending };
            wanted.set(wanted.get() - 1);
            match next {
                None => world.log.note(Kind::End, "end"),
                Some(Err(error)) => world.log.note(Kind::Raised, format!("raised error={error}")),
                Some(Ok(line)) => world.log.note(Kind::Result, format!("result {line}")),
            }
        }
        if let Some(stream) = stream.borrow_mut().as_mut().filter(|_| is_started) {
            let _: Poll<()> = stream.poll_progress(cx);
        }
        Poll::Pending
    })
    .await;
}

impl Subject for Ordered {
    fn act(&mut self, command: &str, words: &Words<'_>) {
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
                drop(self.stream.take());
                self.world.log.note(Kind::Left, "left");
            }
            "stats" => {
                let stats = self.stream.borrow().as_ref().expect("a stream").stats();
                self.world.log.note(Kind::Stats, show_stats(&stats, words));
            }
            _ => panic!("no step {command}"),
        }
    }
}
