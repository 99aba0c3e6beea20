//! Streams from which results are taken: what the faces of streams have in common.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use inorder::{Blocked, Stats};

use super::Subject;
use super::handler::Item;
use super::log::Kind;
use super::seen::{show_blocked, show_stats};
use super::stream::Feed;
use super::words::Words;
use super::world::{Task, World};

/// A stream, whatever its types: what comes out is a line, or the name of the error that ended it.
pub(crate) trait Taken {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<String, String>>>;
    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    fn stats(&self) -> Stats;
    fn why_blocked(&self) -> Option<Blocked>;
}

type Slot = Rc<RefCell<Option<Box<dyn Taken>>>>;

/// A stream under test, and the takes that wait.
pub(crate) struct Takes {
    world: Rc<World>,
    feed: Rc<RefCell<Feed>>,
    stream: Slot,
    wanted: Rc<Cell<u64>>,
    task: Rc<Task>,
}

impl Takes {
    pub(crate) fn new(world: &Rc<World>, feed: Rc<RefCell<Feed>>, stream: Box<dyn Taken>) -> Self {
        let (stream, wanted) = (Rc::new(RefCell::new(Some(stream))), Rc::<Cell<u64>>::default());
        let task = world.spawn(drive(Rc::clone(world), Rc::clone(&stream), Rc::clone(&wanted)));
        Self { world: Rc::clone(world), feed, stream, wanted, task }
    }
}

/// Answers the takes in turn; without any, lets the stream work on once something was asked for.
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

impl Subject for Takes {
    fn act(&mut self, command: &str, words: &Words<'_>) {
        if self.world.handlers.act(command, words) {
            return;
        }
        let log = &self.world.log;
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
                let stream = self.stream.take();
                drop(stream);
                log.note(Kind::Left, "left");
            }
            "stats" => {
                let stats = self.stream.borrow().as_ref().expect("a stream").stats();
                log.note(Kind::Stats, show_stats(&stats, words));
            }
            "why_blocked" => {
                let blocked = self.stream.borrow().as_ref().expect("a stream").why_blocked();
                log.note(Kind::WhyBlocked, show_blocked(blocked.as_ref()));
            }
            _ => panic!("no step {command}"),
        }
    }
}
