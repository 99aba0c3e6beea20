//! Runs that are written down as vectors, and done again from there.

use std::fs;

use inorder::{Handle, OnFailure, Release, Source, Time, What};

use crate::config::{Config, Retrying};
use crate::pair::Pair;
use crate::recorded::{Recorded, Shared};
use crate::steps::{Act, Case, End, Step};
use crate::vectors::names::Names;
use crate::{report, run_of, trace, vectors};

/// What is in some of the runs: all steps with all their words, and the answers that are rare.
const MET: [&str; 70] = [
    " ordered=false",
    " on_failure=fail",
    " on_failure=emit",
    " on_failure=skip",
    " on_failure=dead_letter",
    " on_failure=halt_key",
    " on_failure_or=dead_letter",
    " jitter=false",
    " seed=7",
    " multiplier=1.5",
    " timeout=60000",
    " total_timeout=1",
    "> source s0 keyed",
    " acknowledged",
    " losses_told",
    " start=first",
    " gap=skip",
    " gap=fail",
    " gap_timeout=1",
    " gap_warning=0",
    " wrap=8",
    " wrap=16",
    "\nclosed\n",
    " push i0\n",
    " push i9 in=s",
    " lane=0 seq=",
    " key=raised",
    "duplicate item",
    "late item",
    "too_far item",
    "numbering item",
    "full item",
    "restored item",
    "closed item",
    " ok attempt=2",
    " ok hand_over=2",
    " failed attempt=0",
    " retry after=70000",
    " cancelled\n",
    "\nstale\n",
    "\nignored\n",
    "> complete #",
    "> cancel #",
    " undelivered #",
    "cancel item=i1 answer=true",
    "> reject ",
    "> released lost-",
    "> undelivered i",
    "lent none",
    " what=lost ",
    " what=gap_timeout ",
    "> limits concurrency=0",
    "\nerror ",
    " resume retry lane=0",
    " resume skip lane=1",
    " resume dead_letter",
    "> stop from=",
    "> revoke\n",
    " revoke timeout=0",
    " fence\n",
    " taking true",
    " end in=s1",
    " close\n",
    " close timeout=",
    " timeout\n",
    " refuse\n",
    " pause\n",
    " unpause\n",
    "\nrestore ok\n",
    "\nrestore error ",
];

fn replayed(text: &str) -> String {
    let mut out = String::new();
    vectors::run(text, &mut out);
    out
}

#[test]
fn what_is_written_down_is_the_same_run() {
    let (mut missing, mut crashes) = (MET.to_vec(), 0);
    for seed in 1..=400 {
        let record = Shared::default();
        let wrong = trace::failure(&Pair::tried, &run_of(seed), Some(record.clone()));
        assert!(wrong.is_none(), "{wrong:?}");
        let record = record.borrow();
        for text in record.earlier_lives().iter().map(String::as_str).chain([record.text()]) {
            assert_eq!(replayed(text), *text, "seed {seed}");
            missing.retain(|words| !text.contains(words));
        }
        crashes += record.earlier_lives().len();
    }
    assert!(missing.is_empty(), "too few runs: no {missing:?}");
    assert!(crashes > 0);
}

#[test]
fn a_name_is_that_of_what_got_it_last() {
    let lost = |bits| {
        let (handle, what) = (Handle::from_bits(bits), What::Lost { first: 3, last: 4 });
        Release { handle, seq: 3, attempt: 0, what }
    };
    let mut names = Names::default();
    for bits in [5, 9] {
        let text = names.outcome("lent", lost(bits));
        assert_eq!(text, "lent seq=3 attempt=0 what=lost first=3 last=4 item=lost-3");
    }
    let named = [5, 7, 9].map(|bits| names.item_name(Handle::from_bits(bits)));
    assert_eq!(named, ["#5", "#7", "lost-3"]);
}

/// What a run says first in which the model takes the limits for others.
fn told(name: &str, believed: impl Fn(Config) -> Config) -> String {
    let trial = |case: &Case, record: Option<Shared>| {
        Pair::new(case.config, record).believing(believed(case.config)).run(&case.steps, case.end)
    };
    let failing = (1..1000).map(run_of).find_map(|case| {
        let wrong = trace::failure(&trial, &case, None)?;
        Some((case, wrong))
    });
    let (case, wrong) = failing.expect("it is seen");
    let (said, path) = report(&format!("written-{name}"), &wrong, &trial, case);
    let text = fs::read_to_string(&path).expect("it was written");
    assert!(said.ends_with(&text), "{said}\n{text}");
    assert_eq!(replayed(&text), text);
    assert!(text.lines().count() <= 16, "{text}");
    text
}

#[test]
fn a_wrong_answer_is_written_down() {
    let more = |retry: Retrying| Retrying { attempts: retry.attempts + 1, ..retry };
    let text = told("answer", |config| Config { retry: config.retry.map(more), ..config });
    assert!(text.starts_with("# A run of the model, made short: written-answer."), "{text}");
    assert!(text.contains(" is wrong: complete: Settled, not Retrying\n"), "{text}");
    assert!(text.ends_with("\n> complete i0 retry\nsettled\n"), "{text}");
}

#[test]
fn a_wrong_event_is_written_down() {
    let text = told("event", |config| Config { policy: OnFailure::Skip, ..config });
    assert!(text.contains(" is wrong: events: [], not [Passed { handle: i0, why: "), "{text}");
}

#[test]
fn what_is_wrong_at_the_end_is_written_down() {
    let text = told("end", |config| Config { ordered: false, ..config });
    assert!(text.contains(" is wrong: "), "{text}");
}

#[test]
fn what_was_looked_at_is_asked_by_the_last_step() {
    let text =
        told("getter", |config| Config { timeout: config.timeout.map(|span| span * 2), ..config });
    let (before, last) = text.rsplit_once("\n> why_blocked\n").expect("it is asked");
    assert!(before.contains(" is wrong: why_blocked: "), "{text}");
    assert!(last.starts_with("why_blocked seq=0 ") && last.contains(" next_deadline="), "{text}");
}

#[test]
fn the_figure_that_was_looked_at_is_asked_by_the_last_step() {
    let text = told("figure", |config| Config { capacity: config.capacity + 1, ..config });
    assert!(text.ends_with("\n> stats capacity\nstats capacity=1\n"), "{text}");
}

#[test]
fn what_a_panic_leaves_behind_is_written_down() {
    let trial = |case: &Case, record: Option<Shared>| {
        let wrong = Pair::new(case.config, record).run(&case.steps, End::Cut);
        let is_last = |step: &Step| matches!(step.act, Act::Refuse);
        assert!(!case.steps.last().is_some_and(is_last), "on\npurpose");
        wrong
    };
    let mut case = run_of(1);
    case.steps.push(Step { after: 0, act: Act::Refuse });
    let (text, wrong) = (trace::of(&trial, &case, "This"), trace::failure(&trial, &case, None));
    assert_eq!(wrong.map(|wrong| wrong.what), Some(String::from("panicked: on\npurpose")));
    assert!(text.starts_with("# This. The last step is wrong: panicked: on purpose\n# "), "{text}");
    assert!(text.contains("\n> refuse\n"), "{text}");
    assert_eq!(replayed(&text), text);
}

fn look<T>(_: T) {}

#[test]
fn all_that_is_looked_at_can_be_asked() {
    let now = Time::from_micros(7);
    type Look = fn(&Recorded, Source, Handle);
    let looks: [(&str, Look); 19] = [
        ("wants", |d, source, _| look(d.wants(source))),
        ("wants_one", |d, source, _| look(d.wants_one(source))),
        ("is_full", |d, source, _| look(d.is_full(source))),
        ("oldest", |d, source, _| look(d.oldest(source))),
        ("gap_error", |d, source, _| look(d.gap_error(source))),
        ("failed", |d, source, _| look(d.failed(source))),
        ("head", |d, source, _| look(d.head(source))),
        ("checkpoint", |d, source, _| look(d.checkpoint(source))),
        ("can_lend", |d, source, _| look(d.can_lend(source))),
        ("why_blocked", |d, source, _| look(d.why_blocked(Time::from_micros(9), source))),
        ("seq_of", |d, _, item| look(d.seq_of(item))),
        ("lane_of", |d, _, item| look(d.lane_of(item))),
        ("halted_lanes", |d, _, _| look(d.halted_lanes())),
        ("len", |d, _, _| look(d.len())),
        ("is_empty", |d, _, _| look(d.is_empty())),
        ("poll_timeout", |d, _, _| look(d.poll_timeout())),
        ("is_closed", |d, _, _| look(d.is_closed())),
        ("is_drained", |d, _, _| look(d.is_drained())),
        ("stats queued", |d, _, _| d.asks_figure(Time::from_micros(9), "queued")),
    ];
    for (name, look) in looks {
        let record = Shared::default();
        let mut dispatcher = Recorded::new(&run_of(1).config, Some(record.clone()));
        for _ in 0..2 {
            let source = dispatcher.open_source(false, true, None).expect("it is open");
            let handle = dispatcher.push(now, source, None).expect("there is room");
            while dispatcher.poll_event().is_some() || dispatcher.poll_dispatch().is_some() {}
            look(&dispatcher, source, handle);
        }
        record.borrow_mut().end();
        let text = replayed(record.borrow().text());
        let (steps, answer) = text.trim_end().rsplit_once('\n').expect("there are steps");
        let step = steps.lines().last().expect("there are steps");
        let command = name.split(' ').next().expect("it has a first word");
        assert!(format!("{step} ").contains(&format!(" {name} ")), "{text}");
        assert!(answer.starts_with(&format!("{command} ")), "{text}");
    }
}
