//! How a failing run is made short and plain.

use inorder::{OnFailure, Outcome};

use crate::config::{Config, Retrying};
use crate::numbers::Numbering;
use crate::steps::{Act, Case, Step};

/// Drops steps while the run still fails and makes the others plainer, and the limits too, as long as that is of use.
pub(crate) fn shrink(mut case: Case, fails: impl Fn(&Case) -> bool) -> Case {
    loop {
        let before = case.clone();
        let of = |steps: &[Step]| Case { steps: steps.to_vec(), ..before.clone() };
        case.steps = fewer(case.steps, |steps| fails(&of(steps)));
        let plainer = limits(case.config).into_iter().map(|config| Case { config, ..case.clone() });
        let plainer: Vec<Case> = plainer.chain([without_numbers(&case)]).collect();
        if let Some(plainer) = plainer.into_iter().find(|it| *it != case && fails(it)) {
            case = plainer;
        }
        for at in 0..case.steps.len() {
            let mut all = plainer_steps(case.steps[at]).into_iter();
            while let Some(step) = all.next() {
                let old = std::mem::replace(&mut case.steps[at], step);
                if fails(&case) {
                    all = plainer_steps(step).into_iter();
                } else {
                    case.steps[at] = old;
                }
            }
        }
        if before == case {
            return case;
        }
    }
}

/// Halves first, then quarters, at last single ones.
fn fewer(mut steps: Vec<Step>, fails: impl Fn(&[Step]) -> bool) -> Vec<Step> {
    let mut size = steps.len().div_ceil(2).max(1);
    loop {
        let (mut from, before) = (0, steps.len());
        while from < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + size).min(steps.len()));
            if fails(&fewer) {
                steps = fewer;
            } else {
                from += size;
            }
        }
        if size == 1 && steps.len() == before {
            return steps;
        }
        size = size.div_ceil(2);
    }
}

/// Limits that are plainer in one thing.
fn limits(config: Config) -> Vec<Config> {
    let (concurrency, capacity) = (config.concurrency, config.capacity);
    let unseeded = config.retry.map(|retry| Retrying { seed: None, ..retry });
    let all = [
        Config { retry: None, ..config },
        Config { retry: unseeded, ..config },
        Config { timeout: None, ..config },
        Config { total_timeout: None, ..config },
        Config { ordered: true, ..config },
        Config { policy: OnFailure::Emit, ..config },
        Config { policy_without_lane: OnFailure::Fail, ..config },
        Config { concurrency: (concurrency - 1).max(1), ..config },
        Config { capacity: (capacity - 1).max(concurrency), ..config },
    ];
    all.into_iter().filter(|plainer| *plainer != config).collect()
}

/// With sources that give the numbers themselves.
fn without_numbers(case: &Case) -> Case {
    let steps = case.steps.iter().map(|step| {
        let act = if let Act::Open { keyed, acknowledged, .. } = step.act {
            Act::Open { keyed, acknowledged, numbering: None }
        } else if let Act::PushAt { source, lane, raises, .. } = step.act {
            Act::Push { source, lane, raises }
        } else {
            step.act
        };
        Step { act, ..*step }
    });
    Case { steps: steps.collect(), ..case.clone() }
}

/// Steps that are plainer in one thing.
fn plainer_steps(step: Step) -> Vec<Step> {
    let acts = plainer_acts(step.act).into_iter().map(|act| Step { act, ..step });
    let all = acts.chain([Step { after: 0, ..step }]);
    all.filter(|plainer| *plainer != step).collect()
}

fn plainer_acts(act: Act) -> Vec<Act> {
    match act {
        Act::Open { keyed, acknowledged, numbering } => {
            let mut acts = vec![
                Act::Open { keyed: false, acknowledged, numbering },
                Act::Open { keyed, acknowledged: false, numbering },
                Act::Open { keyed, acknowledged, numbering: None },
            ];
            let numberings = numbering.into_iter().flat_map(numberings).map(Some);
            acts.extend(numberings.map(|numbering| Act::Open { keyed, acknowledged, numbering }));
            acts
        }
        Act::Push { source, lane, raises } => vec![
            Act::Push { source: 0, lane, raises },
            Act::Push { source, lane: None, raises },
            Act::Push { source, lane, raises: false },
        ],
        Act::PushAt { source, lane, ahead, behind, raises } => vec![
            Act::PushAt { source: 0, lane, ahead, behind, raises },
            Act::PushAt { source, lane: None, ahead, behind, raises },
            Act::PushAt { source, lane, ahead: 0, behind, raises },
            Act::PushAt { source, lane, ahead: ahead.saturating_sub(1), behind, raises },
            Act::PushAt { source, lane, ahead, behind: 0, raises },
            Act::PushAt { source, lane, ahead, behind, raises: false },
        ],
        Act::Complete { running, outcome } => {
            let mut acts = vec![Act::Complete { running: 0, outcome }];
            if let Outcome::Failed { retry, .. } = outcome {
                let outcome = Outcome::Failed { retry, after: None };
                acts.extend([Act::Complete { running, outcome }]);
            }
            acts
        }
        Act::Take { .. } => vec![Act::Take { source: 0 }],
        Act::Lend { .. } => vec![Act::Lend { source: 0 }],
        Act::Released { .. } => vec![Act::Released { lent: 0 }],
        Act::Undelivered { .. } => vec![Act::Undelivered { lent: 0 }],
        Act::Cancel { .. } => vec![Act::Cancel { item: 0 }],
        Act::Reject { .. } => vec![Act::Reject { item: 0 }],
        Act::Stray { handle, command, .. } => vec![Act::Stray { handle, attempt: 1, command }],
        Act::End { .. } => vec![Act::End { source: 0 }],
        Act::Taking { taking, .. } => vec![Act::Taking { source: 0, taking }],
        Act::Stop { source, ahead } => {
            vec![Act::Stop { source: 0, ahead }, Act::Stop { source, ahead: 0 }]
        }
        Act::Revoke { source, timeout } => {
            vec![Act::Revoke { source: 0, timeout }, Act::Revoke { source, timeout: None }]
        }
        Act::Fence { .. } => vec![Act::Fence { source: 0 }],
        Act::Close { .. } => vec![Act::Close { timeout: None }],
        Act::Store { .. } => vec![Act::Store { source: 0 }],
        Act::Restore { source, stored, skew } => vec![
            Act::Restore { source: 0, stored, skew },
            Act::Restore { source, stored: 0, skew },
            Act::Restore { source, stored, skew: false },
        ],
        Act::Refuse
        | Act::Pause { .. }
        | Act::Limits { .. }
        | Act::Resume { .. }
        | Act::Crash
        | Act::Timeout
        | Act::Due => Vec::new(),
    }
}

fn numberings(numbering: Numbering) -> [Numbering; 5] {
    [
        Numbering { start: Some(0), ..numbering },
        Numbering { timeout: None, ..numbering },
        Numbering { warning: None, ..numbering },
        Numbering { wrap: None, ..numbering },
        Numbering { losses_come_out: true, ..numbering },
    ]
}
