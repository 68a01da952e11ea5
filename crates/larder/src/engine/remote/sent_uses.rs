//! The uses of entries that are on their way to the server: the notes of step 2 of [`super::uses`].

use std::collections::HashSet;
use std::pin::pin;
use std::task::{Context, Wake, Waker};

use crate::remote::reply::RemoteAnswer;
use crate::remote::tier::RemoteKey;
use crate::sys::sync::{Arc, Mutex, Ordering, StatisticU64};

/// Maximum number of uses that are on their way at a time.
const MAX_SENT: usize = 4096;

/// The keys whose uses were sent, and have no answer yet.
#[derive(Debug, Default)]
pub(crate) struct SentUses {
    keys: Mutex<HashSet<RemoteKey, ahash::RandomState>>,
    /// The number of uses that were not sent, because there were [`MAX_SENT`] others.
    unsent: StatisticU64,
}

/// The note of one use. The tier wakes it with the answer.
struct SentUse {
    uses: Arc<SentUses>,
    key: RemoteKey,
}

impl Wake for SentUse {
    fn wake(self: Arc<Self>) {
        self.uses.end(&self.key);
    }
}

impl SentUses {
    /// Runs step 2. Returns whether the caller must send the use, and then call [`end_with`](Self::end_with).
    pub(super) fn note(&self, key: &[u8]) -> bool {
        let mut keys = self.keys.lock();
        if keys.contains(key) {
            return false;
        }
        if keys.len() >= MAX_SENT {
            self.unsent.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        keys.insert(key.into())
    }

    /// Ends the note of a key with the answer to its request, whatever the answer is. Does not wait for it.
    pub(super) fn end_with(self: &Arc<Self>, key: &[u8], answer: RemoteAnswer<bool>) {
        let sent = Arc::new(SentUse { uses: self.clone(), key: key.into() });
        // The answer keeps the waker after the receiver is dropped here.
        if pin!(answer).poll(&mut Context::from_waker(&Waker::from(sent))).is_ready() {
            self.end(key);
        }
    }

    fn end(&self, key: &[u8]) {
        self.keys.lock().remove(key);
    }

    pub(crate) fn unsent(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::reply::{RemoteReply, reply};

    /// Notes a key, and returns the sender of its answer.
    fn send(uses: &Arc<SentUses>, key: &[u8]) -> RemoteReply<bool> {
        assert!(uses.note(key));
        let (sender, answer) = reply();
        uses.end_with(key, answer);
        sender
    }

    #[test]
    fn a_use_is_sent_once_until_its_answer_whatever_that_is() {
        let uses = Arc::new(SentUses::default());
        let ends: [fn(RemoteReply<bool>); 3] =
            [|sent| sent.send(Ok(true)), |sent| sent.send(Ok(false)), drop];
        for end in ends {
            let (sent, _other) = (send(&uses, b"MTNVTU"), send(&uses, b"AIRTEL"));
            assert!(!uses.note(b"MTNVTU"));
            end(sent);
            drop(send(&uses, b"MTNVTU"));
            assert!(!uses.note(b"AIRTEL"));
        }
        assert!(uses.note(b"MTNVTU"));
        let (sender, answer) = reply();
        drop(sender);
        uses.end_with(b"MTNVTU", answer);
        assert!(uses.note(b"MTNVTU"), "the answer came before the wait for it");
        assert_eq!(uses.unsent(), 0);
    }

    #[test]
    fn a_full_list_counts_what_it_does_not_take_until_an_answer_comes() {
        let uses = Arc::new(SentUses::default());
        let mut sent: Vec<_> = (0..MAX_SENT).map(|number| send(&uses, &number.to_be_bytes())).collect();
        assert!(!uses.note(b"MTNVTU") && !uses.note(b"MTNVTU"));
        assert_eq!(uses.unsent(), 2);
        sent.pop().unwrap().send(Ok(false));
        let _sent = send(&uses, b"MTNVTU");
        assert!(!uses.note(b"AIRTEL"));
        assert_eq!(uses.unsent(), 3);
    }
}
