//! Scripted items and their handlers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::building::letter;
use super::log::Kind;
use super::words::Words;
use super::world::{VirtualClock, World};

/// An item, with what its handler is to do.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) key: Option<String>,
    pub(crate) seq: Option<u64>,
    end: Option<Result<String, String>>,
    after: Option<u64>,
    /// How many attempts fail, before one succeeds.
    fails: Option<u64>,
}

impl Item {
    pub(crate) fn of(words: &Words<'_>) -> Self {
        let name = words.plain[0].to_owned();
        assert!(
            words.get("key_error").is_none() && words.get("cancel").is_none(),
            "Rust cannot do that"
        );
        let after = words.number("after");
        let ok = words.get("ok").map(|value| Ok(value.to_owned()));
        let error = words.get("error").map(|error| Err(error.to_owned()));
        let end = ok.or(error).or_else(|| after.map(|_| Ok(name.clone())));
        Self {
            key: words.get("key").map(str::to_owned),
            seq: words.number("seq"),
            name,
            end,
            after,
            fails: words.number("fails"),
        }
    }
}

/// What was settled by steps, and who waits for it.
#[derive(Default)]
pub(crate) struct Handlers {
    settled: RefCell<HashMap<String, Result<String, String>>>,
    waiting: RefCell<HashMap<String, Waker>>,
    /// How often the handler of an item was called.
    attempts: RefCell<HashMap<String, u64>>,
}

impl Handlers {
    /// Lets the handler of an item end.
    pub(crate) fn settle(&self, name: &str, result: Result<String, String>) {
        self.settled.borrow_mut().insert(name.to_owned(), result);
        if let Some(waker) = self.waiting.borrow_mut().remove(name) {
            waker.wake();
        }
    }

    /// The steps `ok`, `fail`, `received` and `receive_fail`. False where it is another one.
    pub(crate) fn act(&self, command: &str, words: &Words<'_>) -> bool {
        let name = words.plain.first().copied().unwrap_or_default();
        let second = words.plain.get(1).copied();
        match command {
            "ok" => self.settle(name, Ok(second.unwrap_or(name).to_owned())),
            "fail" => self.settle(name, Err(second.expect("an error").to_owned())),
            "received" => self.settle(&letter(name), Ok(String::new())),
            "receive_fail" => {
                self.settle(&letter(name), Err(second.expect("an error").to_owned()));
            }
            _ => return false,
        }
        true
    }
}

/// Says `signal` when a handler is dropped before its end.
struct Running {
    world: Rc<World>,
    name: String,
    is_over: bool,
}

impl Running {
    fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over {
            self.world.log.note_item(Kind::Signal, &self.name, format!("item={}", self.name));
        }
    }
}

/// The handler.
pub(crate) fn handle(
    world: &Rc<World>,
    item: Item,
) -> impl Future<Output = Result<String, String>> + use<> {
    let world = Rc::clone(world);
    let attempt = {
        let mut attempts = world.handlers.attempts.borrow_mut();
        let attempt = attempts.entry(item.name.clone()).or_default();
        *attempt += 1;
        *attempt
    };
    let text = format!("attempt={attempt} item={}", item.name);
    world.log.note_item(Kind::Start, &item.name, text);
    let running = Running { world: Rc::clone(&world), name: item.name.clone(), is_over: false };
    async move {
        if let Some(span) = item.after {
            VirtualClock(Rc::clone(&world)).sleep(span).await;
        }
        let result = match item.end {
            Some(_) if item.fails.is_some_and(|fails| attempt > fails) => Ok(item.name.clone()),
            Some(end) => end,
            None => settled(&world, &item.name).await,
        };
        running.end();
        result
    }
}

/// Waits for a step that settles the item.
pub(crate) async fn settled(world: &World, name: &str) -> Result<String, String> {
    poll_fn(|cx| {
        if let Some(result) = world.handlers.settled.borrow_mut().remove(name) {
            return Poll::Ready(result);
        }
        world.handlers.waiting.borrow_mut().insert(name.to_owned(), cx.waker().clone());
        Poll::Pending
    })
    .await
}
