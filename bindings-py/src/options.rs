//! Options: what `map` and `Processor` are told, checked.

use std::time::Duration;

use inorder::{MAX_ITEMS, OnFailure, Options, Seq};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt};

use crate::imports;
use crate::raw::Obj;
use crate::state::Hooks;

/// Options that passed.
pub(crate) struct Settings {
    pub(crate) options: Options,
    pub(crate) keyed: bool,
    /// The first number, where the caller gives them.
    pub(crate) start: Option<Seq>,
    pub(crate) hooks: Hooks,
    /// Each item gets a task of its own.
    pub(crate) is_isolated: bool,
}

/// Options as they were given, by name. `None` is as if it were not given.
pub(crate) struct Given<'py> {
    whose: &'static str,
    options: Bound<'py, PyDict>,
}

impl<'py> Given<'py> {
    /// The keyword arguments of a call.
    pub(crate) fn new(
        py: Python<'py>,
        whose: &'static str,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Self> {
        let options = options.map_or_else(|| Ok(PyDict::new(py)), PyDictMethods::copy)?;
        Ok(Self { whose, options })
    }

    /// Takes one out.
    pub(crate) fn take(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = self.options.get_item(name)?;
        if value.is_some() {
            self.options.del_item(name)?;
        }
        Ok(value.filter(|value| !value.is_none()))
    }

    /// Whether one was given.
    pub(crate) fn has(&self, name: &str) -> PyResult<bool> {
        Ok(self.options.get_item(name)?.is_some_and(|value| !value.is_none()))
    }

    /// Refuses those that are for later.
    pub(crate) fn refuse_unbuilt(&self, names: &[&str]) -> PyResult<()> {
        for name in names {
            if self.take(name)?.is_some() {
                return Err(unbuilt(self.options.py(), name));
            }
        }
        Ok(())
    }

    /// Refuses one of which only the first word is there yet.
    pub(crate) fn refuse_all_but_first(&self, name: &str, words: &[&str]) -> PyResult<()> {
        let Some(value) = self.take(name)? else { return Ok(()) };
        let given = word(name, &value, words)?;
        if words.first() == Some(&given) {
            return Ok(());
        }
        Err(unbuilt(value.py(), &format!("{name}={given:?}")))
    }

    /// Takes out and checks what `map` and `Processor` share.
    pub(crate) fn settings(&self, handler: &Bound<'py, PyAny>) -> PyResult<Settings> {
        let py = handler.py();
        if !handler.is_callable() {
            return Err(PyTypeError::new_err(format!(
                "the handler must be callable, not {}",
                handler.repr()?
            )));
        }
        self.refuse_unbuilt(&["timeout", "total_timeout", "retry", "dead_letter", "on_halt"])?;
        let mut options = Options::new();
        if let Some(value) = self.take("concurrency")? {
            options = options.concurrency(limit("concurrency", &value)?);
        }
        if let Some(value) = self.take("capacity")? {
            options = options.capacity(limit("capacity", &value)?);
        }
        if let Some(value) = self.take("ordered")? {
            options = options.ordered(flag("ordered", &value)?);
        }
        if let Some(value) = self.take("on_failure")? {
            options = options.on_failure(policy(&value)?);
        }
        options.check().map_err(|error| options_error(py, &error.to_string()))?;
        let is_isolated = match self.take("isolation")? {
            Some(value) => word("isolation", &value, &["context", "task"])? == "task",
            None => false,
        };
        let key = self.callable("key")?;
        let executor = self.take("executor")?;
        if let Some(executor) = &executor {
            check_executor(executor, handler)?;
        }
        let keyed = key.is_some();
        let hooks = Hooks {
            handler: Some(handler.clone().unbind()),
            key,
            on_result: None,
            executor: executor.map(Bound::unbind),
        };
        Ok(Settings { options, keyed, start: None, hooks, is_isolated })
    }

    /// Takes out a function.
    pub(crate) fn callable(&self, name: &str) -> PyResult<Option<Obj>> {
        match self.take(name)? {
            Some(value) if value.is_callable() => Ok(Some(value.unbind())),
            Some(value) => Err(options_error(
                value.py(),
                &format!("{name} must be callable, not {}", value.repr()?),
            )),
            None => Ok(None),
        }
    }

    /// Refuses what is left.
    pub(crate) fn finish(self) -> PyResult<()> {
        match self.options.keys().iter().next() {
            None => Ok(()),
            Some(name) => {
                let text =
                    format!("{}() got an unexpected keyword argument {}", self.whose, name.repr()?);
                Err(PyTypeError::new_err(text))
            }
        }
    }
}

/// A limit: a whole number. The core says which ones it takes.
fn limit(name: &str, value: &Bound<'_, PyAny>) -> PyResult<usize> {
    let py = value.py();
    let number = if is_number(value) { value.extract::<usize>().ok() } else { None };
    match number {
        Some(number) => Ok(number),
        None => Err(options_error(
            py,
            &format!("{name} must be from 1 to {MAX_ITEMS}, not {}", value.repr()?),
        )),
    }
}

/// True or False.
pub(crate) fn flag(name: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    match value.cast::<PyBool>() {
        Ok(flag) => Ok(flag.is_true()),
        Err(_) => Err(options_error(
            value.py(),
            &format!("{name} must be True or False, not {}", value.repr()?),
        )),
    }
}

/// A sequence number: a whole number from 0 to 2^64 - 2, so that there is one after it.
fn number(value: &Bound<'_, PyAny>) -> Option<Seq> {
    let number = if is_number(value) { value.extract().ok() } else { None };
    number.filter(|number| *number < Seq::MAX)
}

/// The number with which a sequenced processor or a buffer starts.
pub(crate) fn start(value: &Bound<'_, PyAny>) -> PyResult<Seq> {
    let py = value.py();
    if value.extract::<&str>().is_ok_and(|word| word == "first") {
        return Err(options_error(py, "start=\"first\" is not built yet"));
    }
    match number(value) {
        Some(start) => Ok(start),
        None => Err(options_error(
            py,
            &format!("start must be from 0 to 2^64 - 2, not {}", value.repr()?),
        )),
    }
}

/// The capacity of a buffer.
pub(crate) fn capacity(value: &Bound<'_, PyAny>) -> PyResult<usize> {
    limit("capacity", value)
}

/// A limit of time in seconds, at least 0; `None`: none.
pub(crate) fn timeout(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    let Some(value) = value else { return Ok(None) };
    let seconds = value.extract::<f64>().ok().filter(|seconds| {
        seconds.is_finite() && *seconds >= 0.0 && !value.is_instance_of::<PyBool>()
    });
    match seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        Some(span) => Ok(Some(span)),
        None => Err(options_error(
            value.py(),
            &format!(
                "timeout must be a finite number of seconds, at least 0, not {}",
                value.repr()?
            ),
        )),
    }
}

pub(crate) fn options_error(py: Python<'_>, text: &str) -> PyErr {
    imports::error(imports::options_error(py), text)
}

pub(crate) fn unbuilt(py: Python<'_>, name: &str) -> PyErr {
    options_error(py, &format!("{name} is not built yet"))
}

fn is_number(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>()
}

fn policy(value: &Bound<'_, PyAny>) -> PyResult<OnFailure> {
    match word("on_failure", value, &["fail", "emit", "skip", "dead_letter", "halt_key"])? {
        "fail" => Ok(OnFailure::Fail),
        "emit" => Ok(OnFailure::Emit),
        other => Err(unbuilt(value.py(), &format!("on_failure={other:?}"))),
    }
}

fn word<'a>(name: &str, value: &Bound<'_, PyAny>, allowed: &[&'a str]) -> PyResult<&'a str> {
    let given = value.extract::<String>().ok();
    let found = given.and_then(|given| allowed.iter().find(|word| **word == given));
    match found {
        Some(word) => Ok(word),
        None => {
            let allowed: Vec<_> = allowed.iter().map(|word| format!("{word:?}")).collect();
            let text = format!("{name} must be {}, not {}", allowed.join(" or "), value.repr()?);
            Err(options_error(value.py(), &text))
        }
    }
}

fn check_executor(executor: &Bound<'_, PyAny>, handler: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = executor.py();
    if !executor.hasattr("submit")? {
        let text =
            format!("executor must be a concurrent.futures.Executor, not {}", executor.repr()?);
        return Err(options_error(py, &text));
    }
    // a module that was never imported has no instances
    let modules = py.import("sys")?.getattr("modules")?;
    let processes = modules.call_method1("get", ("concurrent.futures.process",))?;
    if !processes.is_none() && executor.is_instance(&processes.getattr("ProcessPoolExecutor")?)? {
        return Err(options_error(
            py,
            "executor must run functions in threads: no context goes to another process",
        ));
    }
    if imports::iscoroutinefunction(py)?.call1((handler,))?.is_truthy()? {
        return Err(options_error(
            py,
            "executor is for plain functions, and the handler is a coroutine function",
        ));
    }
    Ok(())
}

/// The number of an item.
pub(crate) fn seq(value: &Bound<'_, PyAny>) -> PyResult<Seq> {
    match number(value) {
        Some(seq) => Ok(seq),
        None => Err(options_error(
            value.py(),
            &format!("seq must be from 0 to 2^64 - 2, not {}", value.repr()?),
        )),
    }
}
