//! Up to where the record is on disk, and those who wait for it.
//!
//! A group commit may end the wait of hundreds of requests, and to wake a task of another thread's runtime costs a
//! system call. So each runtime thread has one small task (its *hub*) that is woken by the writer, once per commit,
//! and which wakes those who wait on its thread; from there a wake-up is a push to a list.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Poll, Waker};
use tokio::sync::Notify;

thread_local! {
    /// This thread's hub in every store that it waited for.
    static HUBS: RefCell<Vec<(Weak<Durability>, Arc<Hub>)>> = const { RefCell::new(Vec::new()) };
}

#[derive(Default)]
struct Hub {
    bell: Notify,
    waiting: Mutex<Waiting>,
    /// No task answers the bell (any more): whoever rings wakes them all himself.
    alone: AtomicBool,
}

/// Those who wait, by their marks. Nearly everyone comes with a later mark than those before, and nobody stays long.
#[derive(Default)]
struct Waiting {
    next: u64,
    line: VecDeque<Waiter>,
}

struct Waiter {
    /// The mark, and a number to tell those apart that wait for the same.
    key: (u64, u64),
    waker: Waker,
}

impl Waiting {
    fn place(&self, key: (u64, u64)) -> Result<usize, usize> {
        self.line.binary_search_by_key(&key, |waiter| waiter.key)
    }

    /// Puts a waiter into the line, or hears that he is woken in another way now.
    fn put(&mut self, key: (u64, u64), waker: &Waker) {
        match self.place(key) {
            Ok(at) => self.line[at].waker.clone_from(waker),
            Err(at) => self.line.insert(at, Waiter { key, waker: waker.clone() }),
        }
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everyone whose mark is reached.
    fn wake(&self, mark: u64) {
        let ready: Vec<Waiter> = {
            let mut waiting = self.lock();
            let ready = waiting.line.partition_point(|waiter| waiter.key.0 <= mark);
            waiting.line.drain(..ready).collect()
        };
        ready.into_iter().for_each(|waiter| waiter.waker.wake());
    }

    fn ring(&self, mark: u64) {
        if self.alone.load(Ordering::Acquire) {
            return self.wake(mark);
        }
        let due = self.lock().line.front().is_some_and(|waiter| waiter.key.0 <= mark);
        if due {
            self.bell.notify_one();
        }
    }
}

/// What the writer says and the others wait for.
pub(super) struct Durability {
    mark: AtomicU64,
    /// Why nothing more will become durable.
    failed: OnceLock<String>,
    hubs: Mutex<Vec<Arc<Hub>>>,
}

impl Durability {
    /// Everything up to `mark` is there already.
    pub fn new(mark: u64) -> Self {
        Self { mark: AtomicU64::new(mark), failed: OnceLock::new(), hubs: Mutex::default() }
    }

    /// Everything up to here is on disk.
    pub fn mark(&self) -> u64 {
        self.mark.load(Ordering::Acquire)
    }

    pub fn up(&self) -> Result<(), String> {
        self.failed.get().map_or(Ok(()), |why| Err(why.clone()))
    }

    pub fn reached(&self, mark: u64) {
        self.mark.store(mark, Ordering::Release);
        self.ring(mark);
    }

    pub fn fail(&self, why: &str) {
        // The first reason is the one that matters.
        let _ = self.failed.set(why.into());
        self.ring(u64::MAX);
    }

    fn ring(&self, mark: u64) {
        for hub in self.hubs().iter() {
            hub.ring(mark);
        }
    }

    fn hubs(&self) -> MutexGuard<'_, Vec<Arc<Hub>>> {
        self.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self, mark: u64) -> Option<Result<(), String>> {
        if self.mark() >= mark { Some(Ok(())) } else { self.up().err().map(Err) }
    }

    /// Returns when everything up to `mark` is on disk, or why it will not be.
    pub async fn wait(self: &Arc<Self>, mark: u64) -> Result<(), String> {
        if let Some(answer) = self.due(mark) {
            return answer;
        }
        let mut place = Place { hub: None, key: (mark, 0) };
        poll_fn(|context| {
            if let Some(answer) = self.due(mark) {
                // Whoever wakes up to here leaves nobody in the line.
                place.hub = None;
                return Poll::Ready(answer);
            }
            place.take(self, context.waker());
            // What was said before our waker was in place was not said to us.
            self.due(mark).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// The hub of this thread, made at its first use.
    fn hub(self: &Arc<Self>) -> Arc<Hub> {
        HUBS.with_borrow_mut(|known| {
            known.retain(|(store, _)| store.strong_count() > 0);
            let mine = |store: &Weak<Self>| std::ptr::eq(store.as_ptr(), Arc::as_ptr(self));
            let runtime = tokio::runtime::Handle::try_current().ok();
            if let Some((_, hub)) = known.iter().find(|(store, _)| mine(store))
                && (runtime.is_none() || !hub.alone.load(Ordering::Acquire))
            {
                return Arc::clone(hub);
            }
            known.retain(|(store, _)| !mine(store));
            let hub = Arc::new(Hub::default());
            match runtime {
                Some(runtime) => drop(runtime.spawn(answer(Arc::downgrade(self), Leaving(Arc::clone(&hub))))),
                None => hub.alone.store(true, Ordering::Release),
            }
            known.push((Arc::downgrade(self), Arc::clone(&hub)));
            let mut hubs = self.hubs();
            hubs.retain(|hub| !hub.alone.load(Ordering::Acquire) || !hub.lock().line.is_empty());
            hubs.push(Arc::clone(&hub));
            hub
        })
    }
}

/// The hub's task. It owns the [`Leaving`] before it is polled first, as it may be dropped before that.
async fn answer(store: Weak<Durability>, hub: Leaving) {
    loop {
        hub.0.bell.notified().await;
        let Some(store) = store.upgrade() else { return };
        let failed = store.up().is_err();
        hub.0.wake(if failed { u64::MAX } else { store.mark() });
        if failed {
            return;
        }
    }
}

/// When its task ends, also because its runtime does, a hub is alone, and everyone looks for himself once.
struct Leaving(Arc<Hub>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.alone.store(true, Ordering::Release);
        self.0.wake(u64::MAX);
    }
}

/// One waiter's place in a hub; given up when it stops waiting.
struct Place {
    hub: Option<Arc<Hub>>,
    key: (u64, u64),
}

impl Place {
    fn take(&mut self, store: &Arc<Durability>, waker: &Waker) {
        let hub = match &self.hub {
            Some(hub) if !hub.alone.load(Ordering::Acquire) => hub,
            _ => {
                let hub = store.hub();
                self.key.1 = {
                    let mut waiting = hub.lock();
                    waiting.next += 1;
                    waiting.next
                };
                self.hub.insert(hub)
            }
        };
        hub.lock().put(self.key, waker);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(hub) = &self.hub {
            let mut waiting = hub.lock();
            if let Ok(at) = waiting.place(self.key) {
                // Dropped once the line is let go.
                let _waiter = waiting.line.remove(at);
                drop(waiting);
            }
        }
    }
}
