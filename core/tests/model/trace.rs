//! A failing run as a vector: what was said to the dispatcher, and what it answers.

use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use crate::recorded::Shared;
use crate::shrink::shrink;
use crate::steps::{Case, End};
use crate::vectors;

/// Where a run went wrong, and how.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) place: String,
    pub(crate) what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// What tries a run, and writes down what it does if that is wanted.
pub(crate) trait Trial: Fn(&Case, Option<Shared>) -> Result<(), Wrong> {}

impl<T: Fn(&Case, Option<Shared>) -> Result<(), Wrong>> Trial for T {}

/// The disagreement or the panic of a run.
pub(crate) fn failure(trial: &impl Trial, case: &Case, record: Option<Shared>) -> Option<Wrong> {
    match panic::catch_unwind(AssertUnwindSafe(|| trial(case, record))) {
        Ok(result) => result.err(),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or(payload.downcast_ref::<&str>().copied());
            let what = format!("panicked: {}", text.unwrap_or("without a text"));
            Some(Wrong { place: String::from("at a command"), what })
        }
    }
}

/// A failing run as short and plain as it gets.
pub(crate) fn shortest(trial: &impl Trial, case: Case) -> Case {
    let fails = |case: &Case| failure(trial, case, None).is_some();
    let short = shrink(case, fails);
    // what ends it as steps like others: most of them can be dropped
    let record = Shared::default();
    let _ = failure(trial, &short, Some(record.clone()));
    let steps = record.borrow().steps.clone();
    let cut = Case { steps, end: End::Cut, ..short.clone() };
    if fails(&cut) { shrink(cut, fails) } else { short }
}

/// The vector of a run that fails. Which run it is, `title` says.
pub(crate) fn of(trial: &impl Trial, case: &Case, title: &str) -> String {
    let record = Shared::default();
    let wrong = failure(trial, case, Some(record.clone()));
    let mut record = record.borrow_mut();
    record.end();
    let what = wrong.map_or_else(String::new, |wrong| record.named(&wrong.what));
    let what = what.replace('\n', " ");
    let text = format!(
        "# {title}. The last step is wrong: {what}\n\
         # What the core answers is below. Make it what the rules say, say here which rule that is, and name the file after it.\n\
         {}",
        record.text()
    );
    let mut out = String::new();
    // what made the run panic does it again: then this ends there
    let _ = panic::catch_unwind(AssertUnwindSafe(|| vectors::run(&text, &mut out)));
    out
}
