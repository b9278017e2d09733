//! The executor: tasks, timers and a clock that jumps.

use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use vocab::{Dice, Duration, Instant};

/// Names a background task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(u64);

/// The world cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Everybody waits and no timer is set: whatever is awaited will never come.
    Waiting { at: Instant, tasks: usize },
    /// A million polls without time going on: somebody waits by spinning.
    Spinning { at: Instant },
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { at, tasks } => {
                write!(f, "at {} everybody waits for ever, {tasks} background tasks too", at.rfc3339())
            }
            Self::Spinning { at } => write!(f, "at {} somebody spins", at.rfc3339()),
        }
    }
}

impl std::error::Error for Stuck {}

/// Clock, dice and tasks. A clone is the same world.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    ready: Arc<Ready>,
}

struct State {
    now: Instant,
    dice: Dice,
    /// By deadline and order of setting.
    timers: BTreeMap<(Instant, u64), Waker>,
    timers_set: u64,
    tasks: BTreeMap<u64, Task>,
    tasks_begun: u64,
}

struct Task {
    /// None while it is being polled.
    future: Option<BoxFuture<'static, ()>>,
    bell: Arc<Bell>,
}

/// Tasks that can go on. Apart from the rest of the state: wakers are called from anywhere.
#[derive(Default)]
struct Ready(Mutex<Vec<u64>>);

/// Wakes one task, once until it is polled again.
struct Bell {
    task: u64,
    rung: AtomicBool,
    ready: Arc<Ready>,
}

impl Bell {
    fn new(task: u64, ready: &Arc<Ready>) -> Arc<Self> {
        Arc::new(Self { task, rung: AtomicBool::new(false), ready: Arc::clone(ready) })
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            lock(&self.ready.0).push(self.task);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The story that [`World::run`] is about.
const STORY: u64 = 0;
const POLLS_MAX: u32 = 1_000_000;

impl World {
    /// A world whose clock says `start`.
    pub fn new(seed: u64, start: Instant) -> Self {
        let state = State {
            now: start,
            dice: Dice::seeded(seed),
            timers: BTreeMap::new(),
            timers_set: 0,
            tasks: BTreeMap::new(),
            tasks_begun: STORY,
        };
        Self { inner: Arc::new(Inner { state: Mutex::new(state), ready: Arc::default() }) }
    }

    pub fn now(&self) -> Instant {
        lock(&self.inner.state).now
    }

    /// A number from the world's dice, for seeds of one's own.
    pub fn roll(&self) -> u64 {
        lock(&self.inner.state).dice.roll()
    }

    /// Ready once the clock says `span` more than now.
    pub fn sleep(&self, span: Duration) -> Sleep {
        Sleep { world: self.clone(), until: self.now().after(span), timer: None }
    }

    /// Ready once the clock says `until`.
    pub fn sleep_until(&self, until: Instant) -> Sleep {
        Sleep { world: self.clone(), until, timer: None }
    }

    /// Begins background work. It goes on while the world runs.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> TaskId {
        let mut state = lock(&self.inner.state);
        state.tasks_begun += 1;
        let id = state.tasks_begun;
        let bell = Bell::new(id, &self.inner.ready);
        state.tasks.insert(id, Task { future: Some(Box::pin(work)), bell: Arc::clone(&bell) });
        drop(state);
        bell.wake();
        TaskId(id)
    }

    /// Drops a task where it stands. False if it has ended already.
    pub fn cancel(&self, task: TaskId) -> bool {
        // Dropped outside of the lock: what it held may call the world.
        let gone = lock(&self.inner.state).tasks.remove(&task.0);
        gone.is_some()
    }

    /// Background tasks that have not ended.
    pub fn tasks(&self) -> usize {
        lock(&self.inner.state).tasks.len()
    }

    /// Lets the world go on until the story ends. Background tasks go on meanwhile and may be left over.
    ///
    /// One run at a time: a run inside of a run would take the outer story's turns.
    pub fn run<T>(&self, story: impl Future<Output = T>) -> Result<T, Stuck> {
        let mut story = pin!(story);
        let bell = Bell::new(STORY, &self.inner.ready);
        Arc::clone(&bell).wake();
        let waker = Waker::from(Arc::clone(&bell));
        let mut polls = 0;
        loop {
            match self.pick() {
                Some(STORY) => {
                    bell.rung.store(false, Ordering::Release);
                    if let Poll::Ready(out) = story.as_mut().poll(&mut Context::from_waker(&waker)) {
                        return Ok(out);
                    }
                }
                Some(task) => self.poll(task),
                None => self.turn(&mut polls)?,
            }
            polls += 1;
            if polls > POLLS_MAX {
                return Err(Stuck::Spinning { at: self.now() });
            }
        }
    }

    /// Lets `span` pass.
    pub fn run_for(&self, span: Duration) -> Result<(), Stuck> {
        self.run(self.sleep(span))
    }

    /// Lets the background tasks end. Returns how many wait for what will never come.
    pub fn settle(&self) -> usize {
        let mut polls = 0;
        while self.tasks() > 0 {
            match self.pick() {
                Some(task) => self.poll(task),
                None if self.turn(&mut polls).is_err() => break,
                None => {}
            }
            polls += 1;
            if polls > POLLS_MAX {
                break;
            }
        }
        self.tasks()
    }

    /// One of those that can go on, by the dice.
    fn pick(&self) -> Option<u64> {
        let count = lock(&self.inner.ready.0).len();
        if count == 0 {
            return None;
        }
        // One lock at a time: a waker takes the second without the first.
        let at = lock(&self.inner.state).dice.below(u64::try_from(count).unwrap_or(u64::MAX));
        let mut ready = lock(&self.inner.ready.0);
        let at = usize::try_from(at).unwrap_or(0);
        (at < ready.len()).then(|| ready.swap_remove(at))
    }

    fn poll(&self, task: u64) {
        let taken = {
            let mut state = lock(&self.inner.state);
            state.tasks.get_mut(&task).and_then(|t| t.future.take().map(|f| (f, Arc::clone(&t.bell))))
        };
        // Ended or cancelled since it was woken, or the story of an earlier run.
        let Some((mut future, bell)) = taken else { return };
        bell.rung.store(false, Ordering::Release);
        let waker = Waker::from(bell);
        let done = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let mut state = lock(&self.inner.state);
        if done {
            state.tasks.remove(&task);
        } else if let Some(slot) = state.tasks.get_mut(&task) {
            slot.future = Some(future);
            return;
        }
        drop(state);
        drop(future);
    }

    /// Jumps to the next timer and wakes everyone who waits for it.
    fn turn(&self, polls: &mut u32) -> Result<(), Stuck> {
        let woken = {
            let mut state = lock(&self.inner.state);
            let Some((&(next, _), _)) = state.timers.first_key_value() else {
                return Err(Stuck::Waiting { at: state.now, tasks: state.tasks.len() });
            };
            if next > state.now {
                state.now = next;
                *polls = 0;
            }
            let later = state.timers.split_off(&(next, u64::MAX));
            std::mem::replace(&mut state.timers, later)
        };
        woken.into_values().for_each(Waker::wake);
        Ok(())
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now())
            .field("tasks", &self.tasks())
            .finish_non_exhaustive()
    }
}

/// Waits for a moment of virtual time.
#[derive(Debug)]
pub struct Sleep {
    world: World,
    until: Instant,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let world = self.world.clone();
        let mut state = lock(&world.inner.state);
        if state.now >= self.until {
            drop(state);
            return Poll::Ready(());
        }
        let until = self.until;
        let number = *self.timer.get_or_insert_with(|| {
            state.timers_set += 1;
            state.timers_set
        });
        state.timers.insert((until, number), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.timer {
            let gone = lock(&self.world.inner.state).timers.remove(&(self.until, number));
            drop(gone);
        }
    }
}
