//! Sources of streams: any iterable, read in a worker's step, or an asynchronous one, read by a worker of its own.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::offers::Offer;
use crate::raw::Obj;
use crate::state::State;
use crate::worker::Worker;

/// Where a stream reads.
#[derive(Default)]
pub(crate) struct Feed {
    pub(crate) kind: Option<Kind>,
    /// Somebody has asked for a result.
    pub(crate) has_begun: bool,
    /// Somebody is inside the source.
    pub(crate) is_reading: bool,
    /// The context in which it is read; the items get copies of it.
    pub(crate) context: Option<Obj>,
    /// Its exception, which comes out after everything before it.
    pub(crate) error: Option<Obj>,
    /// Who is inside an asynchronous source.
    feeder: Option<Py<Worker>>,
    /// It is to be closed, or has been.
    closing: Closing,
}

/// What kind of source it is.
pub(crate) enum Kind {
    Plain(Obj),
    Async(Obj),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Closing {
    #[default]
    No,
    /// As soon as nobody is inside.
    Asked,
    /// Somebody is inside, was told to come out, and does not.
    Stuck,
    Under,
    Over,
}

/// What the worker who reads an asynchronous source is to do.
pub(crate) enum Feeding {
    /// Ask for the next item, in this context.
    Next(Obj, Obj),
    /// Close it.
    Close(Obj, Obj),
    Nothing,
}

impl Feed {
    /// A source that was not read yet; `None`: a processor.
    pub(crate) fn new(kind: Option<Kind>) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Whether the source is closed, as far as that can be waited for.
    pub(crate) fn is_over(&self) -> bool {
        match self.closing {
            Closing::No | Closing::Stuck | Closing::Over => true,
            Closing::Asked | Closing::Under => false,
        }
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.kind {
            Some(Kind::Plain(source) | Kind::Async(source)) => visit.call(source)?,
            None => {}
        }
        visit.call(&self.context)?;
        visit.call(&self.feeder)?;
        visit.call(&self.error)
    }
}

impl State {
    /// Whether a worker may read the source now.
    #[inline]
    pub(crate) fn can_read(&self) -> bool {
        let feed = &self.feed;
        matches!(feed.kind, Some(Kind::Plain(_)))
            && !feed.is_reading
            && feed.has_begun
            && !self.is_left_alone
            && self.wants()
    }

    /// Whether a source that is not asynchronous is to be read: what was read before is begun first.
    #[inline]
    pub(crate) fn is_to_read(&self) -> bool {
        self.runs.is_empty() && self.can_read()
    }

    /// Goes inside a source that is not asynchronous: it, its context and the key function.
    pub(crate) fn begin_reading(&mut self, py: Python<'_>) -> Option<(Obj, Obj, Option<Obj>)> {
        if !self.can_read() {
            return None;
        }
        let (Some(Kind::Plain(source)), Some(context)) = (&self.feed.kind, &self.feed.context)
        else {
            return None;
        };
        self.feed.is_reading = true;
        let key = self.hooks.key.as_ref().map(|key| key.clone_ref(py));
        Some((source.clone_ref(py), context.clone_ref(py), key))
    }

    /// Whether an asynchronous source is to be read or closed now.
    pub(crate) fn can_feed(&self) -> bool {
        let feed = &self.feed;
        let is_idle = matches!(feed.kind, Some(Kind::Async(_))) && !feed.is_reading;
        is_idle && (feed.closing == Closing::Asked || (feed.has_begun && self.wants()))
    }

    /// Has the source closed, before its end.
    pub(crate) fn close_source(&mut self, py: Python<'_>) {
        if self.feed.closing != Closing::No || self.feed.kind.is_none() {
            return;
        }
        match &self.feed.kind {
            // not while it runs: whoever reads it closes it then
            Some(Kind::Plain(_)) if self.feed.is_reading => self.feed.closing = Closing::Asked,
            Some(Kind::Plain(_)) => self.close_plain(),
            Some(Kind::Async(_)) => {
                self.feed.closing = Closing::Asked;
                let feeder = self.feed.feeder.as_ref();
                self.effects.signals.extend(feeder.map(|feeder| feeder.clone_ref(py)));
            }
            None => {}
        }
    }

    fn close_plain(&mut self) {
        self.feed.closing = Closing::Over;
        if let Some(Kind::Plain(source)) = self.feed.kind.take() {
            self.effects.close = Some(source);
        }
    }

    /// Comes out of a source that is not asynchronous. `ended`: it has ended, perhaps with an error.
    pub(crate) fn end_reading(&mut self, py: Python<'_>, ended: Option<Option<Obj>>) {
        self.feed.is_reading = false;
        if let Some(error) = ended {
            self.source_ended(py, error);
        }
        if self.feed.closing == Closing::Asked {
            self.close_plain();
            self.look_after();
        }
    }

    /// What the worker who reads an asynchronous source does next.
    pub(crate) fn next_feeding(&mut self, py: Python<'_>, worker: &Py<Worker>) -> Feeding {
        if !self.can_feed() {
            return Feeding::Nothing;
        }
        let (Some(Kind::Async(source)), Some(context)) = (&self.feed.kind, &self.feed.context)
        else {
            return Feeding::Nothing;
        };
        let (source, context) = (source.clone_ref(py), context.clone_ref(py));
        self.feed.is_reading = true;
        if self.feed.closing == Closing::Asked {
            self.feed.closing = Closing::Under;
            return Feeding::Close(source, context);
        }
        self.feed.feeder = Some(worker.clone_ref(py));
        Feeding::Next(source, context)
    }

    /// The source is waited for in vain although it was told to end.
    pub(crate) fn feeder_is_stuck(&mut self) {
        if self.feed.closing == Closing::Asked {
            self.feed.closing = Closing::Stuck;
            self.look_after();
        }
    }

    /// The source has ended by itself, or with an error.
    pub(crate) fn source_ended(&mut self, py: Python<'_>, error: Option<Obj>) {
        self.came_out();
        if self.feed.closing == Closing::No || error.is_none() {
            self.feed.closing = Closing::Over;
            self.forget_source();
            self.effects.garbage.extend(std::mem::replace(&mut self.feed.error, error));
            self.core.end(self.now, self.source);
        } else {
            self.effects.garbage.extend(error);
            self.feed.closing = Closing::Asked;
        }
        self.drain(py);
    }

    /// The source has been closed.
    pub(crate) fn source_closed(&mut self) {
        self.came_out();
        self.feed.closing = Closing::Over;
        self.forget_source();
        self.look_after();
    }

    /// An item came out of an asynchronous source.
    pub(crate) fn feed_one(&mut self, py: Python<'_>, offer: Offer) {
        self.came_out();
        if self.feed.closing == Closing::Stuck {
            self.feed.closing = Closing::Asked;
        }
        self.feed_item(py, offer);
    }

    /// Takes in an item that was read. Whether more is wanted.
    #[inline]
    pub(crate) fn feed_item(&mut self, py: Python<'_>, offer: Offer) -> bool {
        let mut offer = Some(offer);
        // there was room when it was asked for; closed or cut off since, it goes
        let _: Result<(), _> = self.offer(py, &mut offer);
        if let Some(offer) = offer {
            self.drop_offer(offer);
        }
        self.wants()
    }

    #[inline]
    fn wants(&self) -> bool {
        self.core.wants(self.source) > 0
    }

    fn came_out(&mut self) {
        self.feed.is_reading = false;
        let feeder = self.feed.feeder.take();
        self.effects.garbage.extend(feeder.map(Py::into_any));
    }

    fn forget_source(&mut self) {
        if let Some(Kind::Plain(source) | Kind::Async(source)) = self.feed.kind.take() {
            self.effects.garbage.push(source);
        }
        self.effects.garbage.extend(self.feed.context.take());
    }
}
