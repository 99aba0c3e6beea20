//! The asyncio driver of inorder.

use pyo3::prelude::*;

mod buffer;
mod call;
mod callback;
mod clock;
mod context;
mod coroutine;
mod crew;
mod deadlock;
mod ending;
mod engine;
mod face;
mod imports;
mod job;
mod lanes;
mod offers;
mod options;
mod processor;
mod raw;
mod results;
mod seeing;
mod source;
mod state;
mod stream;
mod thread;
mod ticket;
mod turn;
mod waiter;
mod worker;

/// The native half of the package.
#[pymodule(gil_used = true)]
mod _inorder {
    #[pymodule_export]
    use crate::buffer::ReorderBuffer;
    use crate::call::Call;
    #[pymodule_export]
    use crate::context::current;
    #[pymodule_export]
    use crate::processor::Processor;
    use crate::raw::install_send;
    use crate::stream::Next;
    #[pymodule_export]
    use crate::stream::{Iteration, Stream, map};
    #[pymodule_export]
    use crate::ticket::Ticket;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(py: Python<'_>) {
        install_send::<Call>(py);
        install_send::<Next>(py);
        install_send::<Ticket>(py);
    }
}
