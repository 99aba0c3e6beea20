//! Builds the processor of a scenario.

use std::convert::Infallible;
use std::rc::Rc;

use inorder::builder::{Delivery, Gaps, Halts, Nobody, Receiver};
use inorder::{Builder, Failure, Gap, Options, OptionsError, Processor, Resequenced};

use super::checkpoints;
use super::handler::{Item, handle, settled};
use super::log::{Kind, error_of, output_shown, shown};
use super::processor::{Keyed, Processed};
use super::resequence::numbers;
use super::words::Words;
use super::world::{VirtualClock, World};
use super::{Subject, may_retry, retry, retry_after};

/// The name under which the steps `deliver` and `deliver_fail` settle.
pub(crate) const DELIVERY: &str = "on_result";

/// The name under which the steps `received` and `receive_fail` settle.
pub(crate) fn letter(item: &str) -> String {
    format!("dead letter of {item}")
}

type Built = Result<Box<dyn Subject>, OptionsError>;

/// A builder under way.
type Parts<H, Q, D, L, N, M> = Builder<Item, String, String, H, Q, Item, VirtualClock, D, L, N, M>;

/// A handler of scenarios.
trait Handles: FnMut(Item) -> Self::Run + 'static {
    type Run: Future<Output = Result<String, String>> + 'static;
}

impl<H, F> Handles for H
where
    H: FnMut(Item) -> F + 'static,
    F: Future<Output = Result<String, String>> + 'static,
{
    type Run = F;
}

/// Whoever gets results, receives dead letters or hears of halted keys in scenarios.
trait Delivers: Delivery<String, String, Item> + 'static {}
impl<D: Delivery<String, String, Item> + 'static> Delivers for D {}
trait Receives: Receiver<String, Item> + 'static {}
impl<L: Receiver<String, Item> + 'static> Receives for L {}
trait Hears: Halts<String, Item> + 'static {}
impl<N: Halts<String, Item> + 'static> Hears for N {}
trait Warns: Gaps<String> + 'static {}
impl<M: Gaps<String> + 'static> Warns for M {}

pub(crate) fn build(world: &Rc<World>, options: Options, header: &Words<'_>) -> Built {
    let handler = {
        let world = Rc::clone(world);
        move |item| handle(&world, item)
    };
    let mut builder = Processor::builder(handler)
        .options(options)
        .keep_items(Item::clone)
        .clock(VirtualClock(Rc::clone(world)))
        .retry_after(|error: &String| retry_after(error));
    if let Some(retry) = retry(header) {
        builder = builder.retry(retry, Item::clone);
    }
    if let Some(how) = header.get("retry_if") {
        let how = how.to_owned();
        builder = builder.retry_if(move |error, _| may_retry(Some(&how), &error));
    }
    if is_sequenced(header) {
        builder = builder.sequenced_with(numbers(header));
    }
    if header.get("checkpoints").is_some() {
        builder = builder.checkpoints();
    }
    if let Some(position) = header.get("restore") {
        let position = (position != "none").then(|| position.parse().expect("a number"));
        let done: Vec<&str> =
            header.get("restore_done").map_or(Vec::new(), |done| done.split(',').collect());
        builder = builder.restore(checkpoints::made(position, &done));
    }
    let Some(how) = header.get("on_gap") else { return with_key(world, builder, header) };
    let (world_of_gaps, is_raised) = (Rc::clone(world), how == "raise");
    let on_gap = move |gap: Gap| {
        let text = format!("on_gap first={} last={}", gap.first, gap.last);
        world_of_gaps.log.note(Kind::OnGap, text);
        if is_raised { Err("on_gap".to_owned()) } else { Ok(()) }
    };
    with_key(world, builder.on_gap(on_gap), header)
}

fn is_sequenced(header: &Words<'_>) -> bool {
    header.get("sequenced") == Some("true")
}

fn with_key<H: Handles, M: Warns>(
    world: &Rc<World>,
    builder: Parts<H, Infallible, Nobody, Nobody, Nobody, M>,
    header: &Words<'_>,
) -> Built {
    if header.get("key").is_none() {
        return with_receiver(world, builder, header);
    }
    let builder = builder.optional_key(|item: &Item| item.key.clone());
    let Some(how) = header.get("on_halt") else { return with_receiver(world, builder, header) };
    let (world_of_halts, is_raised) = (Rc::clone(world), how == "raise");
    let on_halt = move |failure: &Failure<String, Item>| {
        note(&world_of_halts, Kind::OnHalt, failure);
        if is_raised { Err("on_halt".to_owned()) } else { Ok(()) }
    };
    with_receiver(world, builder.on_halt(on_halt), header)
}

fn note(world: &World, kind: Kind, failure: &Failure<String, Item>) {
    let (attempt, item) = (failure.attempt, &failure.item.name);
    let text = format!("attempt={attempt} item={item} error={}", error_of(&failure.kind));
    world.log.note_item(kind, item, text);
}

fn with_receiver<H: Handles, Q: Keyed, D: Delivers, L: Receives, N: Hears, M: Warns>(
    world: &Rc<World>,
    builder: Parts<H, Q, D, L, N, M>,
    header: &Words<'_>,
) -> Built {
    let Some(how) = header.get("dead_letter") else {
        return with_delivery(world, builder, header);
    };
    let (world_of_letters, waits) = (Rc::clone(world), how == "async");
    let receive = async move |failure: &_| receive(&world_of_letters, failure, waits).await;
    with_delivery(world, builder.dead_letter(receive), header)
}

/// Receives a dead letter: at once, or when a step says so.
pub(crate) async fn receive(
    world: &World,
    failure: &Failure<String, Item>,
    waits: bool,
) -> Result<(), String> {
    note(world, Kind::DeadLetter, failure);
    if !waits {
        return Ok(());
    }
    settled(world, &letter(&failure.item.name)).await.map(drop)
}

fn with_delivery<H: Handles, Q: Keyed, D: Delivers, L: Receives, N: Hears, M: Warns>(
    world: &Rc<World>,
    builder: Parts<H, Q, D, L, N, M>,
    header: &Words<'_>,
) -> Built {
    let note = {
        let world = Rc::clone(world);
        move |text: String| world.log.note(Kind::OnResult, format!("on_result {text}"))
    };
    let inner = Rc::clone(world);
    match (header.get("on_result"), is_sequenced(header)) {
        (None, _) => finish(world, builder, header),
        (Some("at_once"), false) => {
            finish(world, builder.on_result(move |result: &_| note(shown(result))), header)
        }
        (Some("at_once"), true) => {
            finish(world, builder.on_output(move |output| note(output_shown(output))), header)
        }
        (Some("async"), false) => {
            let called = async move |result: &_| {
                note(shown(result));
                settled(&inner, DELIVERY).await.map(drop)
            };
            finish(world, builder.on_result_async(called), header)
        }
        (Some("async"), true) => {
            let called = async move |output: Resequenced<&_>| {
                note(output_shown(output));
                settled(&inner, DELIVERY).await.map(drop)
            };
            finish(world, builder.on_output_async(called), header)
        }
        (Some(how), _) => panic!("no on_result={how}"),
    }
}

fn finish<H: Handles, Q: Keyed, D: Delivers, L: Receives, N: Hears, M: Warns>(
    world: &Rc<World>,
    builder: Parts<H, Q, D, L, N, M>,
    header: &Words<'_>,
) -> Built {
    builder.check()?;
    let (processor, driver) = builder.build();
    world.spawn(driver);
    let fails = header.get("on_failure") == Some("fail");
    Ok(Box::new(Processed::new(world, processor, fails, is_sequenced(header))))
}
