//! shuttle's primitives for the model checker, with the same interface as in `native`.
//!
//! At each operation, shuttle may switch to another thread. All threads of an execution are coroutines of
//! one system thread. shuttle chooses everything that could differ between two executions of one schedule,
//! so a schedule can be replayed. Atomics are sequentially consistent here, whatever ordering is requested.
//! So the model checker cannot find a missing fence.

pub(crate) mod channel;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError, TryLockError};
use std::time::Duration;

use shuttle::rand::{RngCore, thread_rng};

pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize};
pub(crate) use shuttle::sync::{RwLockReadGuard, RwLockWriteGuard};
pub(crate) use shuttle::thread_local;

/// The part of `std::thread` that the cache uses.
pub(crate) mod thread {
    #[cfg(test)]
    pub(crate) use shuttle::thread::scope;
    pub(crate) use shuttle::thread::{Builder, JoinHandle, ThreadId, current, yield_now};

    /// Returns one, so that the machine does not influence a schedule.
    #[expect(clippy::unnecessary_wraps, reason = "the shape of the function it takes the place of")]
    pub(crate) fn available_parallelism() -> std::io::Result<std::num::NonZero<usize>> {
        Ok(std::num::NonZero::<usize>::MIN)
    }
}

/// Declares a static that each execution initializes again on first use. So no schedule sees the state of
/// another one.
macro_rules! process_static {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = $value:expr;) => {
        shuttle::lazy_static! {
            $(#[$attribute])*
            static ref $name: $type = $value;
        }
    };
}
pub(crate) use process_static;

/// Returns the same seeds in every execution, so that a schedule can be replayed in another process.
pub(crate) fn hash_seeds() -> ahash::RandomState {
    ahash::RandomState::with_seeds(1, 2, 3, 4)
}

pub(crate) fn key_seeds() -> [u64; 3] {
    [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7344, 0xA409_3822_299F_31D0]
}

/// A value that is replaced as a whole. In this build a lock protects the value, so that the model checker
/// can delay each step.
#[derive(Debug)]
pub(crate) struct AtomicSnapshot<T>(RwLock<Option<Arc<T>>>);

impl<T> AtomicSnapshot<T> {
    pub(crate) fn new(value: Option<Arc<T>>) -> Self {
        Self(RwLock::new(value))
    }

    pub(crate) fn load(&self) -> impl Deref<Target = Option<Arc<T>>> {
        SnapshotGuard(self.0.read().clone())
    }

    pub(crate) fn empty() -> Self {
        Self::new(None)
    }

    pub(crate) fn update(&self, change: impl Fn(&Option<Arc<T>>) -> Option<Arc<T>>) {
        let mut value = self.0.write();
        *value = change(&value);
    }

    pub(crate) fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
        std::mem::replace(&mut *self.0.write(), value)
    }
}

struct SnapshotGuard<T>(Option<Arc<T>>);

impl<T> Deref for SnapshotGuard<T> {
    type Target = Option<Arc<T>>;

    fn deref(&self) -> &Option<Arc<T>> {
        &self.0
    }
}

/// A lock without poisoning, as in `parking_lot`.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { lock: &self.0, held: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)) }
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let held = match self.0.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(MutexGuard { lock: &self.0, held: Some(held) })
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct MutexGuard<'a, T> {
    lock: &'a shuttle::sync::Mutex<T>,
    /// `None` only while its thread waits for a [`Condvar`].
    held: Option<shuttle::sync::MutexGuard<'a, T>>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held
            .as_deref()
            .expect("only the thread that holds the guard uses it, and that thread is not waiting")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held
            .as_deref_mut()
            .expect("only the thread that holds the guard uses it, and that thread is not waiting")
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitTimeoutResult {
    timed_out: bool,
}

impl WaitTimeoutResult {
    pub(crate) fn timed_out(self) -> bool {
        self.timed_out
    }
}

/// A condition variable that takes the guard by reference, as in `parking_lot`. It has no spurious wakeups.
#[derive(Debug, Default)]
pub(crate) struct Condvar(Arc<shuttle::sync::Condvar>);

/// A wait for a [`Condvar`] that [`pass_time`](channel::pass_time) can end.
struct TimedWait {
    condvar: Arc<shuttle::sync::Condvar>,
    /// Not a scheduling point.
    has_ended: std::sync::atomic::AtomicBool,
}

impl channel::Wait for TimedWait {
    fn end(&self) {
        self.condvar.notify_all();
    }

    fn has_ended(&self) -> bool {
        self.has_ended.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(Arc::new(shuttle::sync::Condvar::new()))
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        if let Some(held) = guard.held.take() {
            guard.held = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Waits as long as the schedule chooses. In one case, the wait lasts until a notification or
    /// [`pass_time`](channel::pass_time), and reports no timeout. In the other case, the wait ends after
    /// other threads have run, and a notification may be lost. The caller must check its condition again in
    /// both cases.
    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _: Duration) -> WaitTimeoutResult {
        if thread_rng().next_u64().is_multiple_of(2) {
            let has_ended = std::sync::atomic::AtomicBool::new(false);
            let timed = Arc::new(TimedWait { condvar: self.0.clone(), has_ended });
            let weak: std::sync::Weak<TimedWait> = Arc::downgrade(&timed);
            channel::end_when_time_passes(weak);
            self.wait(guard);
            timed.has_ended.store(true, std::sync::atomic::Ordering::Relaxed);
            return WaitTimeoutResult { timed_out: false };
        }
        for _ in 0..=thread_rng().next_u64() % channel::MAX_CHANCES {
            guard.held = None;
            // Taking the lock is a scheduling point. Unlike a yield, it does not change the thread priorities
            // of PCT.
            guard.held = Some(guard.lock.lock().unwrap_or_else(PoisonError::into_inner));
        }
        WaitTimeoutResult { timed_out: true }
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    #[cfg(feature = "async")]
    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }
}

/// A lock without poisoning, as in `parking_lot`.
pub(crate) struct RwLock<T>(shuttle::sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        match self.0.try_read() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn write(&self) -> shuttle::sync::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").finish_non_exhaustive()
    }
}
