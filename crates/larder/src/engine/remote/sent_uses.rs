//! The uses of entries that were sent to the server: the notes of step 2 of [`super::uses`].

use std::collections::HashMap;
use std::time::Duration;

use crate::remote::tier::RemoteKey;
use crate::sys::sync::{AtomicUsize, Mutex, Ordering, StatisticU64};

/// Maximum number of keys that are noted.
const MAX_SENT: usize = 4096;
/// The keys whose uses were sent, and are not pushed yet.
#[derive(Debug, Default)]
pub(crate) struct SentUses {
    /// Number of notes, changed under the lock of the notes. While it is zero, a push takes no lock here.
    len: AtomicUsize,
    notes: Mutex<UseNotes>,
    /// The number of uses that were not sent, because all notes were taken.
    unsent: StatisticU64,
}

#[derive(Debug, Default)]
struct UseNotes {
    /// The time at which each note is void, on the cache's monotonic clock.
    void_at: HashMap<RemoteKey, Duration, ahash::RandomState>,
    /// No note is void before this time, if the list is full.
    full_until: Duration,
}

impl SentUses {
    /// Runs step 2. Returns whether the caller must send the use.
    pub(super) fn note(&self, key: &[u8], now: Duration, lasts: Duration) -> bool {
        let mut notes = self.notes.lock();
        if let Some(void_at) = notes.void_at.get_mut(key) {
            let is_void = *void_at <= now;
            if is_void {
                *void_at = now + lasts;
            }
            return is_void;
        }
        if notes.void_at.len() >= MAX_SENT && notes.full_until <= now {
            notes.void_at.retain(|_, void_at| *void_at > now);
            notes.full_until = notes.void_at.values().min().copied().unwrap_or_default();
        }
        if notes.void_at.len() >= MAX_SENT {
            self.unsent.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        notes.void_at.insert(key.into(), now + lasts);
        self.len.store(notes.void_at.len(), Ordering::Relaxed);
        true
    }

    /// Ends the note of a key, or all notes if `key` is `None`, because a push has come.
    pub(super) fn end(&self, key: Option<&[u8]>) {
        // Relaxed: a note that is added at this moment may stay. It is void by itself.
        if self.len.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut notes = self.notes.lock();
        match key {
            Some(key) => drop(notes.void_at.remove(key)),
            None => notes.void_at.clear(),
        }
        self.len.store(notes.void_at.len(), Ordering::Relaxed);
    }

    pub(crate) fn unsent(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_use_is_sent_once_until_it_is_pushed_or_its_note_is_void() {
        let uses = SentUses::default();
        let at = |seconds: u32| seconds * SECOND;
        assert!(uses.note(b"MTNVTU", at(0), SECOND) && uses.note(b"AIRTEL", at(0), SECOND));
        assert!(!uses.note(b"MTNVTU", at(0), SECOND));
        uses.end(Some(b"GLO"));
        assert!(!uses.note(b"MTNVTU", at(0), SECOND));
        uses.end(Some(b"MTNVTU"));
        assert!(uses.note(b"MTNVTU", at(0), SECOND) && !uses.note(b"AIRTEL", at(0), SECOND));
        assert!(uses.note(b"AIRTEL", at(1), SECOND) && !uses.note(b"AIRTEL", at(1), SECOND));
        uses.end(None);
        assert!(uses.note(b"MTNVTU", at(1), SECOND) && uses.note(b"AIRTEL", at(1), SECOND));
    }

    #[test]
    fn a_full_list_counts_what_it_does_not_take_until_notes_are_void() {
        let uses = SentUses::default();
        for number in 0..MAX_SENT {
            let lasts = if number == 0 { SECOND } else { 2 * SECOND };
            assert!(uses.note(&number.to_be_bytes(), Duration::ZERO, lasts));
        }
        assert!(!uses.note(b"MTNVTU", Duration::ZERO, SECOND));
        assert!(!uses.note(b"MTNVTU", SECOND / 2, SECOND));
        assert_eq!(uses.unsent(), 2);
        assert!(uses.note(b"MTNVTU", SECOND, SECOND), "one of them is void");
        assert!(!uses.note(b"AIRTEL", SECOND, SECOND));
        assert!(uses.note(b"AIRTEL", 2 * SECOND, SECOND));
        assert_eq!(uses.unsent(), 3);
    }
}
