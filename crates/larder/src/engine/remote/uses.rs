//! Uses of entries that have a time to idle, at a remote tier.
//!
//! The life of such an entry is that of its record at the server. Only the server extends it, and memory
//! learns of it like of any other change:
//!
//! 1. A hit finds that its entry has less than the time to idle left. The entry is a near copy, or an answer
//!    of the server. Both have the mark of the record, and its hard limit. If the life already ends at this
//!    limit, the use has no effect. A near copy may leave memory at any time. So the hit takes both with the
//!    value. Slower lookups look the copy up again. If it has left memory by then, the use is counted as
//!    unsent.
//! 2. The hit notes the key in [`sent_uses`](super::sent_uses). If the key is noted already, a request is on
//!    its way, and the hit sends none.
//! 3. The hit sends the request, and returns its value. It waits for no answer.
//! 4. The server checks the mark and the life, and extends the life, in one step. If any machine has removed
//!    or replaced the record since the value of (1) was stored, or if the entry has expired, the request
//!    changes nothing. Any answer ends the note of (2), also a refusal, and the error of a lost connection.
//!    So the next use after a request without effect is sent again. After a refusal, no use is sent for a
//!    time, which doubles up to 5 s while the refusals last. Otherwise each hit would send one more request
//!    to a server that refuses them for good.
//! 5. The server pushes the change. The push drops the near copies of all machines. The next lookup of the
//!    key on each machine asks the server, and the near copy that it makes has the new life.
//!
//! A hit may find less time left than the server: the coarse clock may be ahead, and the life of a copy is
//! counted from before its lookup. So the server takes a use also if up to 17/16 of the time to idle is left.
//! Otherwise it would ignore the first use that is due, and the uses that were not sent meanwhile, because of
//! (2), would be lost. A hit between (4) and (5) sends one more request, which changes nothing, because 9/8
//! are left.
//!
//! A hit never extends a near copy. If a hit extended its copy at (3), a request that is lost or comes after
//! the expiry would leave a copy that outlives its entry. An extension after the answer of (4) would be of no
//! use, because the push of (5) follows immediately.
//!
//! If (2) came after (3), each of many simultaneous hits would send a request.
//!
//! A hit extends the life to 9/8 of the time to idle. So after (4), no copy is due for an eighth of that
//! time, and the cost is one request in each eighth, and one lookup on each machine that uses the entry. A
//! push also voids the tokens of lookups that are in progress: they return their values, and memory does not
//! keep them. The push voids no lease of a load, because a slot with a record has no lease. A refresh
//! compares the bytes of the record, which a use does not change.

use std::time::Duration;

use crate::engine::tiers::Tiers;
use crate::memory::extras::EntryExtras;
use crate::memory::slot_key::SlotKey;
use crate::remote::tier::RecordUse;
use crate::sys::sync::failpoint::{Failpoint, failpoint_is_set};
use crate::units::Timestamp;

/// The server takes a use also if the remaining life exceeds the time to idle by up to a sixteenth. A use
/// leaves a life that exceeds it by an eighth, so only the first of several uses extends the life.
const TOLERANCE: u32 = 16;

impl Tiers {
    /// Counts a use that is not sent, because its entry has left memory. Returns no extras.
    #[cold]
    pub(crate) fn note_unsent_use(&self) -> Option<EntryExtras> {
        self.remote()?.uses.note_unsent();
        None
    }

    /// Runs the last check of step 1, and steps 2 and 3, for a hit that has less than the time to idle left.
    /// `expires_at` and `extras` are those of the entry that was found, and `life` is the life that the use
    /// gives it.
    #[cold]
    pub(crate) fn send_use(
        &self,
        key: SlotKey<'_>,
        (expires_at, extras): (Timestamp, EntryExtras),
        time_to_idle: Duration,
        life: Duration,
    ) {
        let Some(link) = self.remote() else { return };
        // A forked child must not take the lock of the notes: a thread of the parent may have held it.
        if extras.ends_at <= expires_at || !self.process.is_current() {
            return;
        }
        if failpoint_is_set(Failpoint::ExtendNearCopy) {
            _ = self.memory.extend_life(key, life, || self.time.now(), None);
        }
        // 2.
        if !link.uses.note(key.bytes, self.time.clock().monotonic()) {
            return;
        }
        // 3.
        let below = time_to_idle.saturating_add(time_to_idle / TOLERANCE);
        let record_use = RecordUse { mark: extras.record_mark, below, life };
        let answer = link.begin(|tier, reply| tier.extend(key.bytes.into(), record_use, reply));
        link.uses.end_with(key.bytes, answer, self.time.clock().clone());
    }
}
