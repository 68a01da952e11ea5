//! The keys of the closures that run on this thread.
//!
//! A closure of an atomic change must not change its own key: each round of the change would be lost to the
//! closure itself, without end. So the calls that change a key refuse to do so on a thread that is in a
//! closure of this key ([`Error::Reentrant`]).
//!
//! Only this thread is seen. A closure that waits for another thread, which changes the key, is a mistake
//! that is not found.

use std::cell::RefCell;

use crate::error::Error;
use crate::format::stored_key::StoredKey;
use crate::memory::Memory;
use crate::sys::sync::thread_local;

thread_local! {
    /// The keys, innermost last. The first number is the address of the key's memory tier.
    static KEYS: RefCell<Vec<(usize, StoredKey)>> = const { RefCell::new(Vec::new()) };
}

/// A running closure. Dropping this value says that the closure has ended.
#[derive(Debug)]
pub(crate) struct InClosure(());

impl InClosure {
    /// Begins a closure of a key.
    pub(crate) fn begin(memory: &Memory, key: &[u8]) -> Self {
        // At the end of a thread, its variables may be gone already. Then nothing is refused.
        _ = KEYS.try_with(|keys| keys.borrow_mut().push((address(memory), key.into())));
        Self(())
    }
}

impl Drop for InClosure {
    fn drop(&mut self) {
        _ = KEYS.try_with(|keys| drop(keys.borrow_mut().pop()));
    }
}

/// Refuses a change of keys if a closure of one of them runs on this thread.
///
/// # Errors
/// [`Error::Reentrant`].
pub(crate) fn refuse_in_closure(memory: &Memory, covers: impl Fn(&[u8]) -> bool) -> Result<(), Error> {
    let is_covered = |(of, key): &(usize, StoredKey)| *of == address(memory) && covers(key);
    match KEYS.try_with(|keys| keys.borrow().iter().any(is_covered)) {
        Ok(true) => Err(Error::Reentrant),
        Ok(false) | Err(_) => Ok(()),
    }
}

/// Returns a number that stands for a cache. A closure of the cache keeps it alive.
fn address(memory: &Memory) -> usize {
    std::ptr::from_ref(memory).addr()
}
