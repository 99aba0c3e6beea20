//! What can be seen from outside: counters, what blocks, the report, failures that nobody asked for.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::engine::Engine;
use crate::imports;
use crate::raw::Obj;

impl Engine {
    /// Tells the loop of a failure that nobody asked for.
    pub(crate) fn report_failure(&self, py: Python<'_>, text: &str, error: &Obj) {
        let is_cancellation =
            imports::cancelled_error(py).and_then(|class| error.bind(py).is_instance(class));
        if is_cancellation.unwrap_or(false) {
            return;
        }
        let Ok(event_loop) = self.event_loop(py) else { return };
        let context = PyDict::new(py);
        // a loop that is collected together with this has nobody to tell
        let _: PyResult<Bound<'_, PyAny>> = context
            .set_item("message", text)
            .and_then(|()| context.set_item("exception", error))
            .and_then(|()| event_loop.call_method1("call_exception_handler", (context,)));
    }

    /// Counters and gauges.
    pub(crate) fn stats(&self, py: Python<'_>) -> PyResult<Obj> {
        if self.has_home() {
            self.read_clock(py)?;
        }
        let stats = self.state.with(py, |state| state.core.stats(state.now));
        let named = PyDict::new(py);
        macro_rules! set { ($($field:ident)*) => { $(named.set_item(stringify!($field), stats.$field)?;)* } }
        set!(accepted restored started retried timed_out ok failed skipped dead_lettered cancelled);
        set!(released ignored refused late duplicate stale lost);
        set!(queued running backing_off handing_over held halted in_flight concurrency capacity);
        named.set_item("oldest_age", stats.oldest_age.as_secs_f64())?;
        Ok(imports::stats(py)?.call((), Some(&named))?.unbind())
    }

    /// What the next release waits for.
    pub(crate) fn why_blocked(&self, py: Python<'_>) -> PyResult<Option<Obj>> {
        if self.has_home() {
            self.read_clock(py)?;
        }
        let blocked = self.state.with(py, |state| {
            let blocked = state.core.why_blocked(state.now, state.source)?;
            let head = state.core.head(state.source);
            let lane = head.and_then(|handle| state.core.lane_of(handle));
            let mut key = lane.and_then(|lane| state.lanes.key(lane)).map(|key| key.clone_ref(py));
            if key.is_none() {
                let entry = head.and_then(|handle| state.entry(handle));
                key = entry.and_then(|entry| entry.key.as_ref()).map(|key| key.clone_ref(py));
            }
            Some((blocked, key))
        });
        let Some((blocked, key)) = blocked else { return Ok(None) };
        let named = PyDict::new(py);
        named.set_item("seq", blocked.seq)?;
        named.set_item("key", key)?;
        named.set_item("attempt", blocked.attempt)?;
        named.set_item("age", blocked.age.as_secs_f64())?;
        named.set_item("waiting", blocked.waiting)?;
        named.set_item("state", blocked.state.name())?;
        Ok(Some(imports::blocked(py)?.call((), Some(&named))?.unbind()))
    }

    /// The report of what was stopped: the same one at every call.
    pub(crate) fn report(&self, py: Python<'_>) -> PyResult<Obj> {
        if let Some(report) =
            self.state.with(py, |state| state.report.as_ref().map(|report| report.clone_ref(py)))
        {
            return Ok(report);
        }
        let (released, mut reported) = self.state.with(py, |state| {
            (state.core.stats(state.now).released, std::mem::take(&mut state.reported))
        });
        let named = PyDict::new(py);
        named.set_item("released", released)?;
        let lists = [
            ("unfinished", &mut reported.unfinished),
            ("never_started", &mut reported.never_started),
            ("detached", &mut reported.detached),
        ];
        for (name, items) in lists {
            items.sort_by_key(|(seq, _)| *seq);
            named.set_item(name, PyList::new(py, items.iter().map(|(_, item)| item))?)?;
        }
        let lost = PyList::empty(py);
        for range in reported.lost {
            lost.append(imports::lost(py)?.call1(range)?)?;
        }
        named.set_item("lost", lost)?;
        let report = imports::report(py)?.call((), Some(&named))?.unbind();
        let kept = report.clone_ref(py);
        self.state.with(py, |state| state.report = Some(kept));
        Ok(report)
    }
}
