//! All that is `unsafe` in this crate: a cell guarded by the GIL, and the calls of CPython without a safe form.

#![allow(unsafe_code)]

use std::cell::{Cell, UnsafeCell};
use std::ffi::c_ulong;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::PyClass;
use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyStopAsyncIteration, PyStopIteration};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Any Python object.
pub(crate) type Obj = Py<PyAny>;

/// `co_flags` of what `types.coroutine` made of a generator.
const CO_ITERABLE_COROUTINE: u32 = 0x100;

/// A value that is reached only with the GIL, by one piece of code at a time.
///
/// What is done with the value calls no Python and drops nothing of Python: either could come back here.
pub(crate) struct Guarded<T> {
    busy: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: `with` needs a `Python` token and `peek` is called by the garbage collector: both mean that this thread has
// the GIL, which the module needs (`gil_used = true`). What is done inside calls no Python and so never gives it away.
unsafe impl<T: Send> Sync for Guarded<T> {}

/// Makes the cell free again, also when a panic goes through.
struct Busy<'a>(&'a Cell<bool>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { busy: Cell::new(false), value: UnsafeCell::new(value) }
    }

    /// Does something with the value.
    #[inline]
    pub(crate) fn with<R>(&self, _py: Python<'_>, act: impl FnOnce(&mut T) -> R) -> R {
        assert!(!self.busy.replace(true), "the state is in use");
        let _busy = Busy(&self.busy);
        // SAFETY: nobody else has the value: `busy` was false, and the GIL is held.
        act(unsafe { &mut *self.value.get() })
    }

    /// Looks at the value, for the garbage collector; `None` while it is in use.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        if self.busy.replace(true) {
            return None;
        }
        let _busy = Busy(&self.busy);
        // SAFETY: as in `with`.
        Some(look(unsafe { &*self.value.get() }))
    }

    /// The value of a cell that nobody shares.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

/// What one step of an awaitable gave.
pub(crate) enum Sent<'py> {
    Yield(Bound<'py, PyAny>),
    Return(Bound<'py, PyAny>),
    Raise(PyErr),
}

/// Steps a coroutine, or what an `__await__` returned, as the interpreter does.
#[inline]
pub(crate) fn send<'py>(awaitable: &Bound<'py, PyAny>) -> Sent<'py> {
    let py = awaitable.py();
    let mut result = ptr::null_mut();
    // SAFETY: `awaitable` is alive, None is immortal or kept alive by the interpreter, `result` is valid for writing.
    let how = unsafe { ffi::PyIter_Send(awaitable.as_ptr(), ffi::Py_None(), &raw mut result) };
    match how {
        // SAFETY: a new reference, not null.
        ffi::PySendResult::PYGEN_NEXT => Sent::Yield(unsafe { Bound::from_owned_ptr(py, result) }),
        ffi::PySendResult::PYGEN_RETURN => {
            // SAFETY: a new reference, not null.
            Sent::Return(unsafe { Bound::from_owned_ptr(py, result) })
        }
        ffi::PySendResult::PYGEN_ERROR => Sent::Raise(PyErr::fetch(py)),
    }
}

/// What a call gave, as far as awaiting goes.
pub(crate) enum Called<'py> {
    /// To be stepped with [`send`].
    Awaitable(Bound<'py, PyAny>),
    Value(Bound<'py, PyAny>),
}

/// Finds out whether a value is to be awaited, and asks it for its iterator.
#[inline]
pub(crate) fn awaitable(value: Bound<'_, PyAny>) -> PyResult<Called<'_>> {
    // SAFETY: looks at the type of an object that is alive.
    if unsafe { ffi::PyCoro_CheckExact(value.as_ptr()) } != 0 {
        return Ok(Called::Awaitable(value));
    }
    // SAFETY: types are alive as long as their objects, their slots do not change.
    let methods = unsafe { (*ffi::Py_TYPE(value.as_ptr())).tp_as_async.as_ref() };
    if let Some(start) = methods.and_then(|methods| methods.am_await) {
        // SAFETY: the slot of the object's own type; a new reference, or null and an exception is set.
        let steps = unsafe { Bound::from_owned_ptr_or_err(value.py(), start(value.as_ptr())) }?;
        return Ok(Called::Awaitable(steps));
    }
    // SAFETY: looks at the type of an object that is alive.
    if unsafe { ffi::PyGen_CheckExact(value.as_ptr()) } != 0 {
        let flags: u32 = value.getattr("gi_code")?.getattr("co_flags")?.extract()?;
        if flags & CO_ITERABLE_COROUTINE != 0 {
            return Ok(Called::Awaitable(value));
        }
    }
    Ok(Called::Value(value))
}

/// A copy of the current context.
#[inline]
pub(crate) fn copy_current_context(py: Python<'_>) -> PyResult<Obj> {
    // SAFETY: a new reference, or null and an exception is set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }.map(Bound::unbind)
}

/// A copy of a context.
#[inline]
pub(crate) fn copy_context(py: Python<'_>, context: &Obj) -> PyResult<Obj> {
    // SAFETY: `context` is a context; a new reference, or null and an exception is set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_Copy(context.as_ptr())) }
        .map(Bound::unbind)
}

/// A context without variables.
pub(crate) fn new_context(py: Python<'_>) -> PyResult<Obj> {
    // SAFETY: a new reference, or null and an exception is set.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_New()) }.map(Bound::unbind)
}

/// Does something inside a context.
#[inline]
pub(crate) fn inside<R>(py: Python<'_>, context: &Obj, act: impl FnOnce() -> R) -> PyResult<R> {
    // SAFETY: `context` is a context; -1 means that an exception is set.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } < 0 {
        return Err(PyErr::fetch(py));
    }
    let result = act();
    // SAFETY: as above; it was entered, and everything entered since has been left.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } < 0 {
        PyErr::fetch(py).write_unraisable(py, None);
    }
    Ok(result)
}

/// An exception to be raised later, in other code. What would end that code's loop there is wrapped, as coroutines do.
pub(crate) fn to_be_raised(py: Python<'_>, error: PyErr) -> Obj {
    let ends = error.is_instance_of::<PyStopIteration>(py);
    if !ends && !error.is_instance_of::<PyStopAsyncIteration>(py) {
        return error.into_value(py).into_any();
    }
    let name = if ends { "StopIteration" } else { "StopAsyncIteration" };
    let wrapped = PyRuntimeError::new_err(format!("a function given to inorder raised {name}"));
    wrapped.set_cause(py, Some(error));
    wrapped.into_value(py).into_any()
}

/// What one step of an object that is awaited gives.
pub(crate) enum Step {
    /// Something to wait for.
    Wait(Obj),
    Return(Obj),
}

/// An object that is its own `__await__`.
pub(crate) trait Steps: PyClass {
    fn step(slf: &Bound<'_, Self>) -> PyResult<Step>;
}

/// The step as `__next__` has it: the end is an exception.
pub(crate) fn next<T: Steps>(slf: &Bound<'_, T>) -> PyResult<Obj> {
    match T::step(slf)? {
        Step::Wait(future) => Ok(future),
        Step::Return(value) => Err(stop_iteration(slf.py(), value)),
    }
}

/// Lets the interpreter step objects of a class without an exception for each result, which is what `__next__` ends
/// with: half the time of handing out a result. PyO3 has no such method.
pub(crate) fn install_send<T: Steps>(py: Python<'_>) {
    let class = py.get_type::<T>().as_type_ptr();
    // SAFETY: classes of PyO3 are heap types, whose table of async methods is a part of them; the GIL is held, and no
    // object of the class has been stepped yet.
    if let Some(methods) = unsafe { (*class).tp_as_async.as_mut() } {
        methods.am_send = Some(am_send::<T>);
    }
}

unsafe extern "C" fn am_send<T: Steps>(
    object: *mut ffi::PyObject,
    _value: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult {
    let step = || {
        Python::attach(|py| {
            // SAFETY: the interpreter keeps the object alive, and looked this function up in its class.
            let object = unsafe { Bound::from_borrowed_ptr(py, object).cast_into_unchecked::<T>() };
            match T::step(&object) {
                Ok(Step::Wait(future)) => (ffi::PySendResult::PYGEN_NEXT, future.into_ptr()),
                Ok(Step::Return(value)) => (ffi::PySendResult::PYGEN_RETURN, value.into_ptr()),
                Err(error) => {
                    error.restore(py);
                    (ffi::PySendResult::PYGEN_ERROR, ptr::null_mut())
                }
            }
        })
    };
    let (how, pointer) = catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|_| {
        Python::attach(|py| PyRuntimeError::new_err("inorder has failed in itself").restore(py));
        (ffi::PySendResult::PYGEN_ERROR, ptr::null_mut())
    });
    // SAFETY: the interpreter gives a place for the result.
    unsafe { *result = pointer };
    how
}

/// Calls Python in a destructor, which may run in the middle of anything: also while an exception is on its way.
pub(crate) fn in_destructor(act: impl FnOnce(Python<'_>)) {
    Python::attach(|py| {
        let on_its_way = PyErr::take(py);
        act(py);
        if let Some(error) = on_its_way {
            error.restore(py);
        }
    });
}

/// The number of this thread.
#[inline]
pub(crate) fn thread(_py: Python<'_>) -> c_ulong {
    // SAFETY: always allowed.
    unsafe { ffi::PyThread_get_thread_ident() }
}

/// Whether this is the only reference to an object.
#[inline]
pub(crate) fn is_unique<T>(object: &Py<T>) -> bool {
    // SAFETY: the object is alive.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) == 1 }
}

/// The exception that ends an iterator with a value.
pub(crate) fn stop_iteration(py: Python<'_>, value: Obj) -> PyErr {
    let bound = value.bind(py);
    // the interpreter would take these two apart
    if bound.is_instance_of::<PyTuple>() || bound.is_instance_of::<PyBaseException>() {
        return match py.get_type::<PyStopIteration>().call1((value,)) {
            Ok(stop) => PyErr::from_value(stop),
            Err(error) => error,
        };
    }
    PyErr::new::<PyStopIteration, _>((value,))
}
