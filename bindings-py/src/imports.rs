//! What this crate uses of Python code: looked up once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::raw::Obj;

macro_rules! imports {
    ($($name:ident: $module:literal $attribute:literal;)*) => {$(
        pub(crate) fn $name(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
            static CELL: PyOnceLock<Obj> = PyOnceLock::new();
            CELL.import(py, $module, $attribute)
        }
    )*};
}

imports! {
    get_running_loop: "asyncio" "get_running_loop";
    current_task: "asyncio" "current_task";
    all_tasks: "asyncio" "all_tasks";
    base_event_loop: "asyncio" "BaseEventLoop";
    cancelled_error: "asyncio" "CancelledError";
    invalid_state_error: "asyncio" "InvalidStateError";
    methodcaller: "operator" "methodcaller";
    monotonic: "time" "monotonic";
    asyncgen_hooks: "sys" "get_asyncgen_hooks";
    iscoroutinefunction: "inspect" "iscoroutinefunction";

    blocked: "inorder.types" "Blocked";
    failure: "inorder.types" "Failure";
    lost: "inorder.types" "Lost";
    report: "inorder.types" "Report";
    stats: "inorder.types" "Stats";
    attempt: "inorder.types" "Attempt";

    closed_error: "inorder.errors" "Closed";
    duplicate_error: "inorder.errors" "Duplicate";
    full_error: "inorder.errors" "Full";
    late_error: "inorder.errors" "Late";
    options_error: "inorder.errors" "OptionsError";
    too_far_error: "inorder.errors" "TooFar";
    deadlock_error: "inorder.errors" "Deadlock";
    wrong_loop_error: "inorder.errors" "WrongLoop";
}

/// An exception of one of the classes above.
pub(crate) fn error(class: PyResult<&Bound<'_, PyAny>>, text: &str) -> PyErr {
    match class.and_then(|class| class.call1((text,))) {
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}
