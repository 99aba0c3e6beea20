//! The way to a violation as a vector.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::{fs, mem};

use inorder::{OnFailure, Outcome};

use crate::acts::{self, Act};
use crate::config::Config;
use crate::driver::World;
use crate::futures::Futures;
use crate::setups::{self, Setup, Size, UNIT};
use crate::vectors;
use crate::words::{begun, ended, resumed};

/// The vector, and where it is written.
pub(crate) fn written(setup: &Setup, way: &[Act], error: &str) -> String {
    let Config { concurrency, capacity, ordered, policy, .. } = setup.config;
    let order = if ordered { "ordered" } else { "unordered" };
    let name = format!("{policy:?}-{concurrency}-{capacity}-{order}-{:?}", setup.extra);
    let name = format!("states-{}.txt", name.to_lowercase());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let text = of(setup, &whole(setup, way), error);
    fs::write(&path, &text).expect("it can be written");
    format!("as a vector, {}:\n{text}", path.display())
}

/// What was commanded, with what came after it where the future of the state is what is wrong.
fn whole(setup: &Setup, way: &[Act]) -> Vec<Act> {
    let mut world = World { way: Some(Vec::new()), ..World::new(setup) };
    if way.iter().all(|act| world.apply(*act).is_ok()) {
        let (mut futures, form) = (Futures::default(), world.form());
        if futures.check(world, &form).is_err() {
            return futures.way.unwrap_or_else(|| way.to_vec());
        }
    }
    way.to_vec()
}

fn of(setup: &Setup, way: &[Act], error: &str) -> String {
    let mut text = format!(
        "# A way to what may not be: {error}\n\
         # What the core answers is below. Make it what the rules say, say here which rule that is, and name the file after it.\n\
         > {}\n",
        begun(&setup.config)
    );
    let mut world = World::new(setup);
    for source in 0..setup.sources {
        text += &format!("> source s{source} keyed acknowledged\n");
    }
    for act in way {
        text += &format!("> {}\n", step(&world, *act));
        // what is wrong is in what the vector shows
        let _ = world.apply(*act);
    }
    let mut out = String::new();
    // what no vector can show ends it
    let _ = panic::catch_unwind(AssertUnwindSafe(|| vectors::run(&text, &mut out)));
    out
}

fn step(world: &World, act: Act) -> String {
    let of = |source: usize| if source == 0 { String::new() } else { format!(" in=s{source}") };
    match act {
        Act::Push { source, lane } => {
            let lane = lane.map_or_else(String::new, |lane| format!(" lane={lane}"));
            format!("push i{}{}{lane}", world.seen.items.len(), of(source))
        }
        Act::End { source } => format!("end{}", of(source)),
        Act::Complete { item, outcome } => {
            format!("complete i{item} {}", ended(world.seen.items[item].attempt, outcome))
        }
        Act::Cancel { item } => format!("cancel i{item}"),
        Act::Lend { source } => format!("lend{}", of(source)),
        Act::Released { item } => format!("released i{item}"),
        Act::Undelivered { item } => format!("undelivered i{item}"),
        Act::Taking { source, taking } => format!("taking {taking}{}", of(source)),
        Act::Resume { lane, how } => format!("resume {} lane={}", resumed(how), lane.number()),
        Act::Pause { paused } => String::from(if paused { "pause" } else { "unpause" }),
        Act::Revoke { source } => format!("revoke timeout={}{}", 2 * UNIT, of(source)),
        Act::Fence { source } => format!("fence{}", of(source)),
        Act::Close { timeout: None } => String::from("close"),
        Act::Close { timeout: Some(units) } => format!("close timeout={}", units * UNIT),
        Act::Due => {
            let due = world.dispatcher.poll_timeout().map_or(world.now, |due| due.max(world.now));
            format!("@{} timeout", due.as_micros())
        }
        Act::Wait => format!("@{} timeout", world.now.as_micros() + UNIT),
    }
}

#[test]
fn a_vector_goes_the_same_way() {
    let (mut lot, mut met) = (1_u64, Vec::new());
    let setups = setups::POLICIES.into_iter().flat_map(|policy| setups::of(policy, Size::Small));
    for setup in setups.flat_map(|setup| [setup; 20]) {
        let mut world = World { way: Some(Vec::new()), ..World::new(&setup) };
        for _ in 0..14 {
            let acts = acts::of(&setup, &world);
            lot = lot.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let Some(act) = acts.get((lot >> 33) as usize % acts.len().max(1)) else { break };
            assert_eq!(world.apply(*act), Ok(()));
            met.push(mem::discriminant(act));
        }
        let (d, stats) = (&world.dispatcher, world.dispatcher.stats(world.now));
        let (accepted, started, ok, failed) =
            (stats.accepted, stats.started, stats.ok, stats.failed);
        let (cancelled, released) = (stats.cancelled, stats.released);
        let due = d.poll_timeout().map_or(String::from("none"), |due| due.as_micros().to_string());
        let expected = format!(
            "stats accepted={accepted} started={started} ok={ok} failed={failed} cancelled={cancelled} \
             released={released}\n> poll_timeout\npoll_timeout {due}\n> is_drained\nis_drained {}\n",
            d.is_drained()
        );
        let way = world.way.clone().expect("it is wanted");
        let asked = of(&setup, &way, "nothing")
            + "> stats accepted started ok failed cancelled released\n> poll_timeout\n> is_drained\n";
        let mut out = String::new();
        vectors::run(&asked, &mut out);
        assert!(out.ends_with(&expected), "{out}\n{expected}");
    }
    met.sort_unstable_by_key(|act| format!("{act:?}"));
    met.dedup();
    assert_eq!(met.len(), 15, "some commands did not come");
}

#[test]
fn a_way_is_written_and_done_again() {
    let setup = &setups::of(OnFailure::Skip, Size::Small)[0];
    let push = |lane| Act::Push { source: 1, lane: Some(lane) };
    let way = [push(0), push(1), Act::Complete { item: 0, outcome: Outcome::FAILED }];
    let said = written(setup, &way, "working on: every item leaves");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("states-skip-1-2-ordered-stops.txt");
    let text = fs::read_to_string(path).expect("it was written");
    assert!(said.ends_with(&text), "{said}\n{text}");
    assert!(text.starts_with("# A way to what may not be: working on: every item leaves\n# "));
    assert!(text.contains("\n> push i1 in=s1 lane=1\naccepted seq=1 item=i1\n"), "{text}");
    assert!(text.contains("\n> complete i0 failed\nsettled\n"), "{text}");
    let mut again = String::new();
    vectors::run(&text, &mut again);
    assert_eq!(again, text);
}
