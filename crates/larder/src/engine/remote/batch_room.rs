//! Bounds the bytes of the values that one call sends together.
//!
//! A tier refuses requests if too many bytes wait for their answers. So a value waits until the values before
//! it have left enough room. A value that is longer than the bound is sent alone. Each value has these steps:
//!
//! 1. Wait for its turn: the room is not full, and no other value is between (2) and (3).
//! 2. Encode the value. It is encoded only once.
//! 3. Wait for room, which ends the turn.
//! 4. Send the value. Its room is released after its answer.
//!
//! If (2) came before (1), the encodings of all values of a batch could take more memory than the process
//! has. With this order, at most one encoding waits.
//!
//! A call that does not want to send the rest of its values ends the batch ([`BatchRoom::end`]). A value
//! checks this after each of its waits, so only values that were already sent are stored.
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
    state: Mutex<BatchState>,
}

#[derive(Debug, Default)]
struct BatchState {
    /// The length of the values that have room.
    taken: usize,
    /// Whether a value is between steps 2 and 3.
    has_turn: bool,
    is_ended: bool,
}

/// The turn of a value. Dropping it ends the turn.
struct BatchTurn(Arc<BatchRoom>);

/// The room of a value. Dropping it releases the room.
#[derive(Debug)]
pub(crate) struct TakenRoom {
    room: Arc<BatchRoom>,
    len: usize,
}

impl BatchRoom {
    /// Ends the batch: the values that have no room yet get none.
    pub(crate) fn end(&self) {
        self.state.lock().is_ended = true;
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.state.lock().is_ended
    }

    /// Runs steps 1 to 3. Returns `None` if the batch has ended.
    pub(crate) async fn encode<T>(
        self: &Arc<Self>,
        encode: impl FnOnce() -> Result<T, Error>,
        len_of: impl FnOnce(&T) -> usize,
    ) -> Result<Option<(T, TakenRoom)>, Error> {
        // 1.
        let Some(_turn) = poll_fn(|_| self.poll_turn()).await else { return Ok(None) };
        // 2.
        let encoded = encode()?;
        let len = len_of(&encoded);
        // 3.
        let room = poll_fn(|_| self.poll_room(len)).await;
        Ok(room.map(|room| (encoded, room)))
    }

    /// Begins the turn of a value, or returns `None` if the batch has ended. A thread never waits here.
    fn poll_turn(self: &Arc<Self>) -> Poll<Option<BatchTurn>> {
        let mut state = self.state.lock();
        if state.is_ended {
            return Poll::Ready(None);
        }
        if may_suspend() && (state.has_turn || state.taken >= MAX_LEN) {
            return Poll::Pending;
        }
        state.has_turn = true;
        Poll::Ready(Some(BatchTurn(self.clone())))
    }

    /// Takes room for a value, or returns `None` if the batch has ended. A thread never waits here.
    fn poll_room(self: &Arc<Self>, len: usize) -> Poll<Option<TakenRoom>> {
        let mut state = self.state.lock();
        if state.is_ended {
            return Poll::Ready(None);
        }
        if may_suspend() && state.taken > 0 && state.taken + len > MAX_LEN {
            return Poll::Pending;
        }
        state.taken += len;
        Poll::Ready(Some(TakenRoom { room: self.clone(), len }))
    }
}

impl Drop for BatchTurn {
    fn drop(&mut self) {
        self.0.state.lock().has_turn = false;
    }
}

impl Drop for TakenRoom {
    fn drop(&mut self) {
        self.room.state.lock().taken -= self.len;
    }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests {
    use std::cell::Cell;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Waker};

    use super::*;
    use crate::sys::at_once::{at_once, suspending};

    type Taken = Result<Option<(usize, TakenRoom)>, Error>;

    /// Takes room for a value of this length, and counts the encodings.
    async fn take(room: &Arc<BatchRoom>, len: usize, encodings: &Cell<u32>) -> Taken {
        let encode = || {
            encodings.set(encodings.get() + 1);
            Ok(len)
        };
        room.encode(encode, |len| *len).await
    }

    fn poll(taking: Pin<&mut impl Future<Output = Taken>>) -> Poll<Option<TakenRoom>> {
        let taken = suspending(|| taking.poll(&mut Context::from_waker(Waker::noop())));
        taken.map(|taken| taken.unwrap().map(|(_, room)| room))
    }

    #[test]
    fn a_value_waits_for_the_values_before_it_and_a_thread_takes_its_room_anyway() {
        let (room, encodings) = (Arc::<BatchRoom>::default(), Cell::new(0));
        let take = |len| take(&room, len, &encodings);
        let Poll::Ready(large) = poll(pin!(take(MAX_LEN + 1))) else { panic!("it is alone") };
        let mut small = pin!(take(1));
        assert!(poll(small.as_mut()).is_pending());
        drop(large);
        let Poll::Ready(small) = poll(small) else { panic!("there is room") };
        let others = (at_once(take(MAX_LEN - 1)), at_once(take(MAX_LEN)));
        assert_eq!(room.state.lock().taken, 2 * MAX_LEN);
        drop((small, others));
        assert_eq!(room.state.lock().taken, 0);
        assert_eq!(encodings.get(), 4);
    }

    #[test]
    fn only_the_first_value_that_waits_is_encoded_and_the_others_keep_their_order() {
        let (room, encodings) = (Arc::<BatchRoom>::default(), Cell::new(0));
        let take = |len| take(&room, len, &encodings);
        let Poll::Ready(first) = poll(pin!(take(MAX_LEN / 2))) else { panic!("it is alone") };
        let mut second = pin!(take(MAX_LEN));
        let mut third = pin!(take(1));
        assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
        assert_eq!(encodings.get(), 2);
        drop(first);
        let Poll::Ready(second) = poll(second) else { panic!("there is room") };
        assert!(poll(third.as_mut()).is_pending(), "the room is full");
        assert_eq!(encodings.get(), 2);
        drop(second);
        assert!(poll(third).is_ready());
        assert_eq!(encodings.get(), 3);
    }

    #[test]
    fn after_the_end_of_a_batch_no_value_gets_room() {
        let (room, encodings) = (Arc::<BatchRoom>::default(), Cell::new(0));
        let take = |len| take(&room, len, &encodings);
        let first = poll(pin!(take(MAX_LEN / 2)));
        let mut second = pin!(take(MAX_LEN));
        let mut third = pin!(take(1));
        assert!(poll(second.as_mut()).is_pending() && poll(third.as_mut()).is_pending());
        room.end();
        drop(first);
        assert!(matches!(poll(second), Poll::Ready(None)));
        assert!(at_once(third).unwrap().is_none());
        assert_eq!((encodings.get(), room.state.lock().taken), (2, 0));
    }

    #[test]
    fn a_value_that_cannot_be_encoded_leaves_its_turn() {
        let room = Arc::<BatchRoom>::default();
        let refused = room.encode(|| Err::<usize, _>(Error::Closed), |len| *len);
        assert!(matches!(at_once(refused), Err(Error::Closed)));
        assert!(poll(pin!(take(&room, 1, &Cell::new(0)))).is_ready());
    }
}
