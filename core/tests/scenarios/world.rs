//! Virtual time, and an executor that runs until nothing is ready.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use inorder::{Clock, Time};

use super::handler::Handlers;
use super::log::Log;

/// Everything a scenario takes place in.
pub(crate) struct World {
    now: Cell<u64>,
    sleepers: RefCell<Vec<(u64, Waker)>>,
    tasks: RefCell<Vec<Rc<Task>>>,
    pub(crate) handlers: Handlers,
    pub(crate) log: Log,
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// One task, polled when its flag is set.
pub(crate) struct Task {
    work: RefCell<Option<Work>>,
    flag: Arc<Flag>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl World {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            now: Cell::new(0),
            sleepers: RefCell::default(),
            tasks: RefCell::default(),
            handlers: Handlers::default(),
            log: Log::default(),
        })
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + 'static) -> Rc<Task> {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let task = Rc::new(Task { work: RefCell::new(Some(Box::pin(work))), flag });
        self.tasks.borrow_mut().push(Rc::clone(&task));
        task
    }

    /// Runs until no flag is set.
    pub(crate) fn run(&self) {
        loop {
            let tasks = self.tasks.borrow().clone();
            let woken: Vec<_> = tasks
                .into_iter()
                .filter(|task| task.flag.0.swap(false, Ordering::SeqCst))
                .collect();
            if woken.is_empty() {
                self.tasks.borrow_mut().retain(|task| task.work.borrow().is_some());
                return;
            }
            woken.iter().for_each(|task| task.poll());
        }
    }

    /// Lets time pass, from one due timer to the next.
    pub(crate) fn advance(&self, span: u64, out: &mut String) {
        let end = self.now.get() + span;
        loop {
            let next = self.sleepers.borrow().iter().map(|(due, _)| *due).min();
            let Some(due) = next.filter(|due| *due <= end) else { break };
            self.now.set(due);
            let sleepers = self.sleepers.take();
            let (woken, rest): (Vec<_>, Vec<_>) =
                sleepers.into_iter().partition(|(time, _)| *time <= due);
            self.sleepers.borrow_mut().extend(rest);
            woken.into_iter().for_each(|(_, waker)| waker.wake());
            self.run();
            let mut seen = String::new();
            if self.log.print(&mut seen) {
                write!(out, "at {due}\n{seen}").unwrap();
            }
        }
        self.now.set(end);
    }

    /// Drops all tasks.
    pub(crate) fn end(&self) {
        for task in self.tasks.take() {
            task.stop();
        }
    }
}

impl Task {
    fn poll(&self) {
        let waker = Waker::from(Arc::clone(&self.flag));
        let mut work = self.work.borrow_mut();
        let Some(running) = work.as_mut() else { return };
        if running.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            *work = None;
        }
    }

    /// Drops the task's future.
    pub(crate) fn stop(&self) {
        drop(self.work.take());
    }

    pub(crate) fn wake(&self) {
        self.flag.0.store(true, Ordering::SeqCst);
    }
}

/// The clock of a world.
#[derive(Clone)]
pub(crate) struct VirtualClock(pub(crate) Rc<World>);

/// A sleep of that clock.
pub(crate) struct Sleep {
    world: Rc<World>,
    due: u64,
}

impl Clock for VirtualClock {
    type Sleep = Sleep;

    fn now(&self) -> Time {
        Time::from_micros(self.0.now.get())
    }

    fn sleep_until(&self, deadline: Time) -> Sleep {
        Sleep { world: Rc::clone(&self.0), due: deadline.as_micros() }
    }
}

impl VirtualClock {
    pub(crate) fn sleep(&self, span: u64) -> Sleep {
        Sleep { world: Rc::clone(&self.0), due: self.0.now.get() + span }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.world.now.get() >= self.due {
            return Poll::Ready(());
        }
        self.world.sleepers.borrow_mut().push((self.due, cx.waker().clone()));
        Poll::Pending
    }
}
