//! Bounds the bytes of the values that one call sends together.
//!
//! A tier refuses requests if too many bytes wait for their answers. So a value waits until the values before
//! it have left enough room. A value that is longer than the bound is sent alone.
//!
//! The functions of a batch run in [`together`](crate::sys::at_once::together). It polls them again after one
//! of them has ended, and so has released its room. On a thread, a function takes its room when it is its
//! turn to block: the functions before it have ended.

use std::future::poll_fn;
use std::task::Poll;

use crate::error::Error;
use crate::sys::at_once::may_suspend;
use crate::sys::sync::{Arc, Mutex};

/// The maximum number of keys whose requests a call sends together. A dropped load of several keys takes no
/// more leases than these.
pub(crate) const MAX_TOGETHER: usize = 128;

/// The maximum length of the values of a batch that wait for their answers. Longer batches gain little,
/// because the connection is busy anyway. A hundred batches fit into the room that a connection of
/// `larder-redis` has for all callers.
const MAX_LEN: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct BatchRoom {
    taken: Mutex<usize>,
}

/// The room of a value. Dropping it releases the room.
#[derive(Debug)]
pub(crate) struct TakenRoom {
    room: Arc<BatchRoom>,
    len: usize,
}

impl BatchRoom {
    /// Waits for room for a value.
    pub(crate) async fn take(self: &Arc<Self>, len: usize) -> TakenRoom {
        poll_fn(|_| self.try_take(len).map_or(Poll::Pending, Poll::Ready)).await
    }

    /// Encodes a value, and waits for room for it. The wait is without the encoding: the encodings of all
    /// values of a batch could take more memory than the process has. After the wait, `encode` runs again, so
    /// the life of the value is counted from then. Returns `None` if `encode` does.
    pub(crate) async fn encode<T>(
        self: &Arc<Self>,
        encode: impl Fn() -> Result<Option<T>, Error>,
        len_of: impl Fn(&T) -> usize,
    ) -> Result<Option<(T, TakenRoom)>, Error> {
        let Some(encoded) = encode()? else { return Ok(None) };
        let len = len_of(&encoded);
        if let Some(room) = self.try_take(len) {
            return Ok(Some((encoded, room)));
        }
        drop(encoded);
        let room = self.take(len).await;
        Ok(encode()?.map(|encoded| (encoded, room)))
    }

    /// Returns room for a value, or `None` if the caller must wait. A thread never waits here.
    pub(crate) fn try_take(self: &Arc<Self>, len: usize) -> Option<TakenRoom> {
        let mut taken = self.taken.lock();
        if may_suspend() && *taken > 0 && *taken + len > MAX_LEN {
            return None;
        }
        *taken += len;
        Some(TakenRoom { room: self.clone(), len })
    }
}

impl Drop for TakenRoom {
    fn drop(&mut self) {
        *self.room.taken.lock() -= self.len;
    }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::sys::at_once::{at_once, suspending};

    #[test]
    fn a_value_waits_for_the_values_before_it_and_a_thread_takes_its_room_anyway() {
        let room = Arc::<BatchRoom>::default();
        let mut context = Context::from_waker(Waker::noop());
        let large = room.try_take(MAX_LEN + 1).expect("it is alone");
        assert!(suspending(|| room.try_take(1)).is_none());
        let mut small = pin!(room.take(1));
        assert!(suspending(|| small.as_mut().poll(&mut context)).is_pending());
        drop(large);
        let Poll::Ready(small) = suspending(|| small.as_mut().poll(&mut context)) else {
            panic!("there is room")
        };
        let others = (at_once(room.take(MAX_LEN - 1)), at_once(room.take(MAX_LEN)));
        assert_eq!(*room.taken.lock(), 2 * MAX_LEN);
        drop((small, others));
        assert_eq!(*room.taken.lock(), 0);
    }
}
