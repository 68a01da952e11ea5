//! The keys of the closures that run on this thread.
//!
//! A closure of an atomic change must not change its own key: each round of the change would be lost to the
//! closure itself, without end. So the calls that change a key refuse to do so on a thread that is in a
//! closure of this key ([`Error::Reentrant`]). The closure of a transaction has every key that it has read or
//! changed so far.
//!
//! Only this thread is seen. A closure that waits for another thread, which changes the key, is a mistake
//! that is not found.

use std::cell::RefCell;
use std::marker::PhantomData;

use crate::error::Error;
use crate::format::stored_key::StoredKey;
use crate::memory::Memory;
use crate::sys::sync::thread_local;

thread_local! {
    static KEYS: RefCell<ClosureKeys> = const { RefCell::new(ClosureKeys { last_id: 0, keys: Vec::new() }) };
}

/// The keys of a thread, innermost last.
struct ClosureKeys {
    last_id: u64,
    keys: Vec<ClosureKey>,
}

struct ClosureKey {
    id: u64,
    /// The closure whose key it is.
    closure: ClosureId,
    /// The address of the key's memory tier.
    memory: usize,
    key: StoredKey,
}

/// A number that names a closure of this thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClosureId(u64);

impl ClosureId {
    /// Returns a new number.
    pub(crate) fn new() -> Self {
        let next = |keys: &RefCell<ClosureKeys>| keys.borrow_mut().next_id();
        // At the end of a thread, its variables may be gone already. Then nothing is refused.
        Self(KEYS.try_with(next).unwrap_or_default())
    }
}

impl ClosureKeys {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// A key of a running closure. Dropping this value says that the closure has ended.
///
/// It belongs to the thread that made it.
#[derive(Debug)]
pub(crate) struct InClosure(u64, PhantomData<*const ()>);

impl InClosure {
    /// Begins a closure of a key.
    pub(crate) fn begin(memory: &Memory, key: &[u8]) -> Self {
        Self::add(ClosureId::new(), memory, key)
    }

    /// Adds a key to a closure.
    pub(crate) fn add(closure: ClosureId, memory: &Memory, key: &[u8]) -> Self {
        let add = |keys: &RefCell<ClosureKeys>| {
            let mut keys = keys.borrow_mut();
            let id = keys.next_id();
            keys.keys.push(ClosureKey { id, closure, memory: address(memory), key: key.into() });
            id
        };
        Self(KEYS.try_with(add).unwrap_or_default(), PhantomData)
    }
}

impl Drop for InClosure {
    fn drop(&mut self) {
        _ = KEYS.try_with(|keys| {
            // The key of an inner closure may have been added after this one, and may stay longer.
            let keys = &mut keys.borrow_mut().keys;
            keys.iter().rposition(|key| key.id == self.0).map(|at| keys.remove(at))
        });
    }
}

/// Refuses a change of keys if a closure of one of them runs on this thread.
///
/// # Errors
/// [`Error::Reentrant`].
pub(crate) fn refuse_in_closure(memory: &Memory, covers: impl Fn(&[u8]) -> bool) -> Result<(), Error> {
    refuse_in_other_closure(None, memory, covers)
}

/// As [`refuse_in_closure`], for a change that this closure itself makes.
///
/// # Errors
/// [`Error::Reentrant`].
pub(crate) fn refuse_in_other_closure(
    own: Option<ClosureId>,
    memory: &Memory,
    covers: impl Fn(&[u8]) -> bool,
) -> Result<(), Error> {
    let is_covered =
        |key: &ClosureKey| key.memory == address(memory) && Some(key.closure) != own && covers(&key.key);
    match KEYS.try_with(|keys| keys.borrow().keys.iter().any(is_covered)) {
        Ok(true) => Err(Error::Reentrant),
        Ok(false) | Err(_) => Ok(()),
    }
}

/// Returns a number that stands for a cache. A closure of the cache keeps it alive.
fn address(memory: &Memory) -> usize {
    std::ptr::from_ref(memory).addr()
}
