//! The keys of the closures that are running on a thread.
//!
//! A closure of an atomic change must not change its own key. Otherwise every round would be lost because of
//! the closure's own change, and the call would never end. So a call that changes a key returns
//! [`Error::Reentrant`] on a thread that is inside a closure of this key. The closure of a transaction owns
//! all keys that it has read or changed so far.
//!
//! The check covers only the calling thread. It does not detect a closure that waits for another thread that
//! changes the key.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;

use crate::error::Error;
use crate::format::stored_key::StoredKey;
use crate::memory::Memory;
use crate::sys::sync::thread_local;

thread_local! {
    static CLOSURES: RefCell<Closures> = const { RefCell::new(Closures { last_id: 0, running: Vec::new() }) };
    /// The number of running closures. Almost every change reads only this number. Unlike `CLOSURES`, it is
    /// read without a check whether the thread has dropped it.
    static RUNNING: Cell<usize> = const { Cell::new(0) };
}

/// The closures of a thread, innermost last.
struct Closures {
    last_id: u64,
    running: Vec<RunningClosure>,
}

struct RunningClosure {
    id: u64,
    /// The address of the cache's memory tier, which identifies the cache.
    memory: usize,
    /// The keys of the closure, possibly thousands. A change by the closure itself skips this list as a
    /// whole. Otherwise the time of a transaction would grow with the square of the number of keys.
    keys: Vec<StoredKey>,
}

/// A guard for a running closure. Dropping it ends the closure.
///
/// The guard must be dropped on the thread that created it.
#[derive(Debug)]
pub(crate) struct InClosure(u64, PhantomData<*const ()>);

impl InClosure {
    /// Begins a closure without keys.
    pub(crate) fn begin(memory: &Memory) -> Self {
        let begin = |closures: &RefCell<Closures>| {
            let closures = &mut *closures.borrow_mut();
            closures.last_id += 1;
            let id = closures.last_id;
            closures.running.push(RunningClosure { id, memory: address(memory), keys: Vec::new() });
            count(closures.running.len());
            id
        };
        // At the end of a thread, its thread-local variables may already be dropped. Then no change is
        // refused.
        Self(CLOSURES.try_with(begin).unwrap_or_default(), PhantomData)
    }

    pub(crate) fn of_key(memory: &Memory, key: &[u8]) -> Self {
        let closure = Self::begin(memory);
        closure.add(key);
        closure
    }

    pub(crate) fn add(&self, key: &[u8]) {
        _ = CLOSURES.try_with(|closures| {
            let running = &mut closures.borrow_mut().running;
            let closure = running.iter_mut().rfind(|closure| closure.id == self.0);
            closure.map(|closure| closure.keys.push(key.into()))
        });
    }
}

impl Drop for InClosure {
    fn drop(&mut self) {
        _ = CLOSURES.try_with(|closures| {
            // This closure may not be the last one, because a later closure may outlive it.
            let running = &mut closures.borrow_mut().running;
            let ended = running.iter().rposition(|closure| closure.id == self.0).map(|at| running.remove(at));
            count(running.len());
            ended
        });
    }
}

fn count(running: usize) {
    _ = RUNNING.try_with(|count| count.set(running));
}

/// Refuses a change of keys if a closure of one of them is running on this thread.
///
/// # Errors
/// Returns [`Error::Reentrant`] if the change is refused.
#[inline]
pub(crate) fn refuse_in_closure(memory: &Memory, covers: impl Fn(&[u8]) -> bool) -> Result<(), Error> {
    if RUNNING.try_with(Cell::get).is_ok_and(|running| running == 0) {
        return Ok(());
    }
    refuse_in_other_closure(None, memory, covers)
}

/// Like [`refuse_in_closure`], but ignores the closure `own`, which makes the change.
pub(crate) fn refuse_in_other_closure(
    own: Option<&InClosure>,
    memory: &Memory,
    covers: impl Fn(&[u8]) -> bool,
) -> Result<(), Error> {
    let own = own.map(|closure| closure.0);
    let is_covered = |closure: &RunningClosure| {
        Some(closure.id) != own
            && closure.memory == address(memory)
            && closure.keys.iter().any(|key| covers(key))
    };
    match CLOSURES.try_with(|closures| closures.borrow().running.iter().any(is_covered)) {
        Ok(true) => Err(Error::Reentrant),
        Ok(false) | Err(_) => Ok(()),
    }
}

/// Returns a number that identifies a cache. The number is unique during a closure, because the call that
/// runs the closure keeps the cache alive.
fn address(memory: &Memory) -> usize {
    std::ptr::from_ref(memory).addr()
}
