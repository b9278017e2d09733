//! Work as the runtime drives it.
//!
//! A request crosses between JavaScript and WebAssembly as rarely as it can: it comes in with its head and its body, goes
//! out with a call, comes in with the reply, goes out with the answer. What is waited for has a number, and whoever brings
//! it calls back once with that number ([`Waiting`]); the work goes on at once, in that call. A future for each promise, a
//! closure for each callback and a turn of the microtask queue for each wake-up would cost more than all the rest of a request.
//!
//! Work waits for what was begun in its own request alone: the runtime lets nobody go on in another's place.

use super::glue;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use vocab::{Duration, Instant};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::*;
use worker::send::SendWrapper;

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// A piece of work: a request, or what goes on behind it.
pub struct Task {
    work: SendWrapper<RefCell<Option<Work>>>,
    alarm: SendWrapper<RefCell<Alarm>>,
    /// It is among those to be looked after.
    queued: AtomicBool,
}

/// One timer of the runtime for all that a piece of work waits for.
#[derive(Default)]
struct Alarm {
    /// The timer, and when it rings.
    set: Option<(JsValue, u32, Instant)>,
    naps: BTreeMap<(Instant, u32), Waker>,
}

type Brought = Result<(JsValue, JsValue), JsValue>;

#[derive(Default)]
struct Slot {
    brought: Option<Brought>,
    waker: Option<Waker>,
    /// Rings for the alarm of this work.
    rings: Option<Arc<Task>>,
}

thread_local! {
    static READY: RefCell<VecDeque<Arc<Task>>> = const { RefCell::new(VecDeque::new()) };
    static SLOTS: RefCell<BTreeMap<u32, Slot>> = const { RefCell::new(BTreeMap::new()) };
    static NUMBER: Cell<u32> = const { Cell::new(0) };
    static CURRENT: RefCell<Option<Arc<Task>>> = const { RefCell::new(None) };
    /// Somebody sees to it that what is ready goes on.
    static AWAKE: Cell<bool> = const { Cell::new(false) };
    static WIRED: Cell<bool> = const { Cell::new(false) };
}

/// Begins a piece of work: at once, or after what is going on just now.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    let task = Arc::new(Task {
        work: SendWrapper::new(RefCell::new(Some(Box::pin(work)))),
        alarm: SendWrapper::default(),
        queued: AtomicBool::new(true),
    });
    READY.with_borrow_mut(|ready| ready.push_back(task));
    if !AWAKE.get() {
        go_on();
    }
}

/// All that is ready.
fn go_on() {
    AWAKE.set(true);
    while let Some(task) = READY.with_borrow_mut(VecDeque::pop_front) {
        task.queued.store(false, Ordering::Relaxed);
        let waker = Waker::from(task.clone());
        let before = CURRENT.with_borrow_mut(|current| current.replace(task.clone()));
        let mut work = task.work.borrow_mut();
        let done = match work.as_mut() {
            Some(work) => work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready(),
            None => false,
        };
        if done {
            *work = None;
            task.alarm.borrow_mut().forget();
        }
        drop(work);
        CURRENT.with_borrow_mut(|current| *current = before);
    }
    AWAKE.set(false);
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.queued.swap(true, Ordering::Relaxed) {
            return;
        }
        READY.with_borrow_mut(|ready| ready.push_back(self));
        // Somebody else's callback, a promise's own: he is to come back before the work goes on.
        if !AWAKE.replace(true) {
            wired();
            glue::soon();
        }
    }
}

/// Tells JavaScript whom to call.
fn wired() {
    if WIRED.replace(true) {
        return;
    }
    let bring = Closure::<dyn Fn(u32, bool, JsValue, JsValue)>::new(|number, well, value, more| {
        let found = SLOTS.with_borrow_mut(|slots| match slots.get_mut(&number) {
            Some(slot) => {
                slot.brought = Some(if well { Ok((value, more)) } else { Err(value) });
                (slot.waker.take(), slot.rings.take())
            }
            // Nobody waits for it any more. Zero is nobody's: what is ready is to go on.
            None => (None, None),
        });
        AWAKE.set(true);
        match found {
            (_, Some(task)) => task.ring(number),
            (Some(waker), None) => waker.wake(),
            (None, None) => {}
        }
        go_on();
    });
    glue::wire(bring.as_ref());
    // For as long as the isolate lives.
    bring.forget();
}

fn numbered(slot: Slot) -> u32 {
    wired();
    let number = NUMBER.get().checked_add(1).unwrap_or(1);
    NUMBER.set(number);
    SLOTS.with_borrow_mut(|slots| slots.insert(number, slot));
    number
}

/// What JavaScript brings under a number. Dropped, it is not waited for any more.
pub struct Waiting(u32);

/// Begins something that calls back under the number that it is given.
pub fn waiting<T>(begin: impl FnOnce(u32) -> T) -> (T, Waiting) {
    let number = numbered(Slot::default());
    (begin(number), Waiting(number))
}

/// The same for what leaves nothing to hold on to.
pub async fn brought(begin: impl FnOnce(u32)) -> Brought {
    waiting(begin).1.await
}

impl Future for Waiting {
    type Output = Brought;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Brought> {
        SLOTS.with_borrow_mut(|slots| {
            let Some(slot) = slots.get_mut(&self.0) else { return Poll::Pending };
            match slot.brought.take() {
                Some(brought) => Poll::Ready(brought),
                None => {
                    slot.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Taken out first: what it held may end other waits.
        let _ended = SLOTS.with_borrow_mut(|slots| slots.remove(&self.0));
    }
}

impl Task {
    /// Whoever's time has come is woken, and the timer set for the next.
    fn ring(self: &Arc<Self>, number: u32) {
        let now = super::clock::now();
        let due = {
            let mut alarm = self.alarm.borrow_mut();
            let _rung = SLOTS.with_borrow_mut(|slots| slots.remove(&number));
            alarm.set = None;
            let rest = alarm.naps.split_off(&(now.after(Duration::from_micros(1)), 0));
            std::mem::replace(&mut alarm.naps, rest)
        };
        for waker in due.into_values() {
            waker.wake();
        }
        let next = self.alarm.borrow().naps.keys().next().map(|(at, _)| *at);
        if let Some(next) = next {
            self.alarm.borrow_mut().set(self, next, now);
        }
    }
}

impl Alarm {
    fn set(&mut self, task: &Arc<Task>, at: Instant, now: Instant) {
        if self.set.as_ref().is_some_and(|(_, _, rings)| *rings <= at) {
            return;
        }
        self.silence();
        let number = numbered(Slot { rings: Some(task.clone()), ..Slot::default() });
        self.set = Some((glue::ring(number, millis(at.since(now))), number, at));
    }

    fn silence(&mut self) {
        if let Some((timer, number, _)) = self.set.take() {
            glue::unring(&timer);
            let _ended = SLOTS.with_borrow_mut(|slots| slots.remove(&number));
        }
    }

    /// The work is done: the runtime drops its timers with its request, which is cheaper than a call for each.
    fn forget(&mut self) {
        if let Some((_, number, _)) = self.set.take() {
            let _ended = SLOTS.with_borrow_mut(|slots| slots.remove(&number));
        }
    }
}

/// Rounded up: who wakes early finds that it is not time yet.
fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 1_000.0).ceil().min(f64::from(i32::MAX))
}

/// Sleep. Its timer is the work's own, which is left as it is when the sleeper is not there any more: the next one's time is
/// mostly later.
pub struct Nap {
    until: Instant,
    place: Place,
}

enum Place {
    Awake,
    /// With the alarm of this work, under a number.
    With(Arc<Task>, u32),
    /// Work that is driven by somebody else: a timer of its own.
    Alone(Waiting, JsValue),
}

impl Nap {
    pub const fn until(until: Instant) -> Self {
        Self { until, place: Place::Awake }
    }
}

impl Future for Nap {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let now = super::clock::now();
        if now >= self.until {
            return Poll::Ready(());
        }
        let until = self.until;
        match &mut self.place {
            Place::Alone(rung, _) => return Pin::new(rung).poll(cx).map(drop),
            Place::With(task, number) => {
                task.alarm.borrow_mut().naps.insert((until, *number), cx.waker().clone());
                return Poll::Pending;
            }
            Place::Awake => {}
        }
        if let Some(task) = CURRENT.with_borrow(Clone::clone) {
            let number = NUMBER.get().checked_add(1).unwrap_or(1);
            NUMBER.set(number);
            {
                let mut alarm = task.alarm.borrow_mut();
                alarm.naps.insert((until, number), cx.waker().clone());
                alarm.set(&task, until, now);
            }
            self.place = Place::With(task, number);
            return Poll::Pending;
        }
        let (timer, mut rung) = waiting(|number| glue::ring(number, millis(until.since(now))));
        let done = Pin::new(&mut rung).poll(cx).map(drop);
        self.place = Place::Alone(rung, timer);
        done
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.place, Place::Awake) {
            Place::Awake => {}
            Place::With(task, number) => {
                let _nap = task.alarm.borrow_mut().naps.remove(&(self.until, number));
            }
            Place::Alone(_, timer) => glue::unring(&timer),
        }
    }
}
