//! Announces changes of the file's state: in the status, in the log, and to the listener.

use super::Writer;
use crate::disk::file::cache_file::ServiceState;
use crate::disk::store::guard::StoreErrorKind;
use crate::event::Event;
use crate::stats::DiskState;

impl Writer {
    pub(super) fn announce(&mut self) {
        let now_is = self.file.state();
        let was = std::mem::replace(&mut self.announced, now_is);
        let cause = self.file.why().map(ToString::to_string);
        let quarantined = self.file.take_quarantined();
        let discarded = self.file.take_discarded();
        for event in self.file.take_events() {
            self.tiers.sweeper.tell(event);
        }
        let is_suspended = now_is == ServiceState::Suspended && was != now_is;
        let is_back = now_is == ServiceState::InService && (was != now_is || !discarded.is_empty());
        let kept_entries = discarded.is_empty() && !matches!(was, ServiceState::Discarded { .. });
        let state = match now_is {
            ServiceState::InService => DiskState::On,
            ServiceState::Suspended => DiskState::Suspended,
            ServiceState::Discarded { .. } => DiskState::Discarded,
        };
        self.tiers.disk.change_state(state);
        let now = self.now();
        let damaged = discarded.iter().filter(|fault| fault.kind == StoreErrorKind::Damage).count() as u64;
        self.tiers.disk.change_status(|status| {
            status.turn(state, now);
            status.quarantines += damaged;
            status.off.clone_from(&cause);
            status.suspensions += u64::from(is_suspended);
            status.discards += discarded.len() as u64;
            status.recoveries += u64::from(is_back);
            if quarantined.is_some() {
                status.quarantined.clone_from(&quarantined);
            }
        });
        for fault in &discarded {
            let cause = fault.to_string();
            self.tiers.sweeper.tell(match fault.kind {
                StoreErrorKind::Damage => Event::DiskQuarantined { cause, moved_to: quarantined.clone() },
                _ => Event::DiskDiscarded { cause },
            });
        }
        if is_back {
            self.tiers.sweeper.tell(Event::DiskRecovered { kept_entries });
        } else if is_suspended && let Some(cause) = cause {
            self.tiers.sweeper.tell(Event::DiskSuspended { cause });
        }
    }
}
