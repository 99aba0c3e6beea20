//! Scenarios of streams that are put in order by number.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use inorder::builder::{MaybeClock, OnDiscards, OnGaps, SequenceKey};
use inorder::{
    Blocked, InOrderExt, OnGap, OnRestart, OptionsError, Resequence, ResequenceError, Resequenced,
    Seq, SequencerOptions, Stats,
};

use super::Subject;
use super::handler::Item;
use super::log::Kind;
use super::stream::{Feed, Source};
use super::taken::{Taken, Takes};
use super::words::Words;
use super::world::{VirtualClock, World};

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

/// The name of the error of a callback.
trait Raised {
    fn name(self) -> String;
}

impl Raised for Infallible {
    fn name(self) -> String {
        match self {}
    }
}

impl Raised for String {
    fn name(self) -> String {
        self
    }
}

impl<N, K, C, G, D> Taken for Pin<Box<Resequence<Source, N, K, C, G, D>>>
where
    N: FnMut(&Item) -> Seq,
    K: SequenceKey<Item, Key: Shown>,
    C: MaybeClock,
    G: OnGaps<K::Key, Error: Raised>,
    D: OnDiscards<Item, Error: Raised>,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<String, String>>> {
        self.as_mut().poll_next(cx).map(|next| {
            next.map(|result| match result {
                Ok(Resequenced::Item(item)) => Ok(format!("value={}", item.name)),
                Ok(Resequenced::Lost { first, last, key }) => {
                    Ok(format!("lost first={first} last={last}{}", key.shown()))
                }
                Err(ResequenceError::OnGap(error)) => Err(error.name()),
                Err(ResequenceError::OnDiscard(error)) => Err(error.name()),
                Err(error) => Err(error.sequence().expect("one of the numbers").name().to_owned()),
            })
        })
    }

    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Resequence::poll_progress(self.as_mut(), cx)
    }

    fn stats(&self) -> Stats {
        Resequence::stats(self)
    }

    fn why_blocked(&self) -> Option<Blocked> {
        Resequence::why_blocked(self)
    }
}

/// A stream under test.
pub(crate) fn build(
    world: &Rc<World>,
    header: &Words<'_>,
) -> Result<Box<dyn Subject>, OptionsError> {
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
    Ok(Box::new(Takes::new(world, feed, stream)))
}

/// With the clock of the world, and the callbacks that the header names.
fn watched<N, K>(
    stream: Resequence<Source, N, K>,
    world: &Rc<World>,
    header: &Words<'_>,
) -> Box<dyn Taken>
where
    N: FnMut(&Item) -> Seq + 'static,
    K: SequenceKey<Item, Key: Shown> + 'static,
{
    let raised = |name: &'static str| match header.get(name) {
        Some("raise") => Err(name.to_owned()),
        _ => Ok(()),
    };
    let (is_told, on_discard) = (header.get("on_discard").is_some(), raised("on_discard"));
    let (gaps, discards) = (Rc::clone(world), Rc::clone(world));
    let stream = stream.clock(VirtualClock(Rc::clone(world))).on_discard(move |item, why| {
        if is_told {
            let text = format!("on_discard item={} why={}", item.name, why.name());
            discards.log.note(Kind::OnDiscard, text);
        }
        on_discard.clone()
    });
    if header.get("on_gap").is_none() {
        return Box::new(Box::pin(stream));
    }
    let on_gap = raised("on_gap");
    Box::new(Box::pin(stream.on_gap(move |gap| {
        let text = format!("on_gap first={} last={}{}", gap.first, gap.last, gap.key.shown());
        gaps.log.note(Kind::OnGap, text);
        on_gap.clone()
    })))
}

fn options(header: &Words<'_>) -> SequencerOptions {
    let options = numbers(header);
    match header.number("capacity") {
        None => options,
        Some(capacity) => options.capacity(capacity as usize),
    }
}

/// What becomes of numbers that do not come.
pub(crate) fn numbers(header: &Words<'_>) -> SequencerOptions {
    let mut options = SequencerOptions::new();
    options = match header.get("start") {
        None => options,
        Some("first") => options.start_at_first(),
        Some(start) => options.start(start.parse().expect("a number")),
    };
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
