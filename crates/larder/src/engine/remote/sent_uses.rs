//! The uses of entries that are on their way to the server: the notes of step 2 of [`super::uses`].

use std::collections::HashSet;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::error::remote_error::RemoteErrorKind;
use crate::remote::reply::{RemoteAnswer, RemoteResult};
use crate::remote::tier::RemoteKey;
use crate::sys::clock::Clock;
use crate::sys::sync::{Arc, Mutex, Ordering, StatisticU64};

/// Maximum number of uses that are on their way at a time.
const MAX_SENT: usize = 4096;

/// Minimum and maximum time during which no use is sent after a refusal.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct SentUses {
    notes: Mutex<UseNotes>,
    /// The number of uses that were not sent, because there were [`MAX_SENT`] others, after a refusal, or
    /// because their entry had left memory.
    unsent: StatisticU64,
}

#[derive(Debug, Default)]
struct UseNotes {
    /// The keys whose uses were sent, and have no answer yet.
    keys: HashSet<RemoteKey, ahash::RandomState>,
    /// The length of the last pause. Zero after an answer that is no refusal.
    pause: Duration,
    /// No use is sent before this time.
    resumes_at: Duration,
}

impl UseNotes {
    fn end(&mut self, key: &[u8], is_refused: bool, now: Duration) {
        self.keys.remove(key);
        if !is_refused {
            self.pause = Duration::ZERO;
        } else if self.resumes_at <= now {
            self.pause = self.pause.saturating_mul(2).clamp(MIN_PAUSE, MAX_PAUSE);
            self.resumes_at = now.saturating_add(self.pause);
        }
        // Any other refusal is the answer to a use that was sent before the pause.
    }
}

/// The note of one use. The tier wakes it with the answer.
struct SentUse {
    uses: Arc<SentUses>,
    key: RemoteKey,
    clock: Arc<dyn Clock>,
    /// The receiver of the answer. Locked while the wait for the answer begins, so that the wake-up finds it.
    answer: Mutex<Option<RemoteAnswer<bool>>>,
}

/// Returns whether the server refuses the use. The loss of a connection is no refusal. Without a connection,
/// a lookup finds no entry, so no more uses are sent.
fn is_refused(answer: &RemoteResult<bool>) -> bool {
    matches!(answer, Err(error) if error.kind() != RemoteErrorKind::Unavailable)
}

impl Wake for SentUse {
    fn wake(self: Arc<Self>) {
        let answer = self.answer.lock().take();
        // The sender stores the answer before it wakes, so this does not wait.
        let is_refused = answer.is_some_and(|answer| is_refused(&answer.wait()));
        self.uses.notes.lock().end(&self.key, is_refused, self.clock.monotonic());
    }
}

impl SentUses {
    /// Runs step 2. Returns whether the caller must send the use, and then call [`end_with`](Self::end_with).
    /// `now` is the time of a monotonic clock.
    pub(super) fn note(&self, key: &[u8], now: Duration) -> bool {
        let mut notes = self.notes.lock();
        if notes.keys.contains(key) {
            return false;
        }
        if now < notes.resumes_at || notes.keys.len() >= MAX_SENT {
            self.note_unsent();
            return false;
        }
        notes.keys.insert(key.into())
    }

    /// Ends the note of a key with the answer to its request, whatever the answer is. Does not wait for it.
    pub(super) fn end_with(self: &Arc<Self>, key: &[u8], answer: RemoteAnswer<bool>, clock: Arc<dyn Clock>) {
        let mut answer = answer.woken_by_sender();
        let place = Mutex::new(None);
        let sent = Arc::new(SentUse { uses: self.clone(), key: key.into(), clock, answer: place });
        let mut place = sent.answer.lock();
        match pin!(&mut answer).poll(&mut Context::from_waker(&Waker::from(sent.clone()))) {
            Poll::Ready(answer) => {
                let now = sent.clock.monotonic();
                self.notes.lock().end(key, is_refused(&answer), now);
            }
            Poll::Pending => *place = Some(answer),
        }
    }

    pub(super) fn note_unsent(&self) {
        self.unsent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unsent(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::remote_error::RemoteError;
    use crate::remote::reply::{RemoteReply, reply};
    use crate::sys::clock::ManualClock;

    fn refuse(sent: RemoteReply<bool>) {
        sent.send(Err(RemoteError::new(RemoteErrorKind::Refused, "NOPERM")));
    }

    #[derive(Default)]
    struct Trial {
        uses: Arc<SentUses>,
        clock: Arc<ManualClock>,
    }

    impl Trial {
        fn note(&self, key: &[u8]) -> bool {
            self.uses.note(key, self.clock.monotonic())
        }

        /// Notes a key, and returns the sender of its answer.
        fn send(&self, key: &[u8]) -> RemoteReply<bool> {
            assert!(self.note(key));
            let (sender, answer) = reply();
            self.uses.end_with(key, answer, self.clock.clone());
            sender
        }
    }

    #[test]
    fn a_use_is_sent_once_until_its_answer_whatever_that_is() {
        let trial = Trial::default();
        let ends: [fn(RemoteReply<bool>); 3] =
            [|sent| sent.send(Ok(true)), |sent| sent.send(Ok(false)), drop];
        for end in ends {
            let (sent, other) = (trial.send(b"MTNVTU"), trial.send(b"AIRTEL"));
            assert!(!trial.note(b"MTNVTU"));
            end(sent);
            trial.send(b"MTNVTU").send(Ok(true));
            assert!(!trial.note(b"AIRTEL"));
            other.send(Ok(true));
        }
        assert!(trial.note(b"MTNVTU"));
        let (sender, answer) = reply();
        sender.send(Ok(false));
        trial.uses.end_with(b"MTNVTU", answer, trial.clock.clone());
        assert!(trial.note(b"MTNVTU"), "the answer came before the wait for it");
        assert_eq!(trial.uses.unsent(), 0);
    }

    #[test]
    fn after_a_refusal_all_uses_wait_longer_and_longer_until_one_has_an_answer() {
        const MILLI: Duration = Duration::from_millis(1);
        let trial = Trial::default();
        for pause in [100, 200, 400, 800, 1600, 3200, 5000, 5000].map(|pause| pause * MILLI) {
            let (sent, other) = (trial.send(b"MTNVTU"), trial.send(b"AIRTEL"));
            refuse(sent);
            assert!(!trial.note(b"MTNVTU") && !trial.note(b"GLO"), "{pause:?}");
            trial.clock.advance(pause.saturating_sub(MILLI));
            // The pause is that of the first refusal.
            refuse(other);
            assert!(!trial.note(b"MTNVTU"), "{pause:?}");
            trial.clock.advance(MILLI);
        }
        assert_eq!(trial.uses.unsent(), 3 * 8);
        let (sender, answer) = reply();
        refuse(sender);
        assert!(trial.note(b"MTNVTU"));
        trial.uses.end_with(b"MTNVTU", answer, trial.clock.clone());
        assert!(!trial.note(b"MTNVTU"), "the refusal came before the wait for it");
        trial.clock.advance(MAX_PAUSE);
        trial.send(b"MTNVTU").send(Ok(false));
        refuse(trial.send(b"MTNVTU"));
        assert!(!trial.note(b"MTNVTU"));
        trial.clock.advance(MIN_PAUSE);
        assert!(trial.note(b"MTNVTU"), "the pauses begin anew");
    }

    #[test]
    fn a_full_list_counts_what_it_does_not_take_until_an_answer_comes() {
        let trial = Trial::default();
        let mut sent: Vec<_> = (0..MAX_SENT).map(|number| trial.send(&number.to_be_bytes())).collect();
        assert!(!trial.note(b"MTNVTU") && !trial.note(b"MTNVTU"));
        assert_eq!(trial.uses.unsent(), 2);
        sent.pop().unwrap().send(Ok(false));
        let _sent = trial.send(b"MTNVTU");
        assert!(!trial.note(b"AIRTEL"));
        assert_eq!(trial.uses.unsent(), 3);
    }
}
