//! The cache file through its outages: in service, suspended, discarded.
//!
//! ```text
//!              failed                      opened again
//! in service ─────────▶ suspended ─────────────────────────▶ in service
//!     │                     │
//!     │ damaged             │ damaged; or somebody can't wait for the disk to come back
//!     ▼                     ▼
//!     discarded: renamed aside ─▶ directory synced ─▶ (a healthy one) removed
//!                           │ a fresh file was made
//!                           ▼
//!                      in service
//! ```
//!
//! A suspended file holds nothing that was invalidated: whoever invalidates can't wait, so either the removal is committed or the file is
//! discarded. A discarded file is never opened again by this process. It is *gone* once its rename is durable: only then may
//! anybody be told that what it holds is invalidated. Handles of the file are numbered (`generation`), so that an error from
//! an older one changes nothing (invariant 7).
//!
//! This is the file alone; what lookups and writes see of it meanwhile is the writer's to arrange.

use std::path::PathBuf;
use std::time::Duration;

use super::ballast::Ballast;
use super::fault::{Fault, FaultKind};
use super::files;
use super::open::{OpenOptions, create, open_ours};
use super::store::{Known, Registration, Store};
use crate::id::KeyspaceId;
use crate::units::Timestamp;
use crate::volume::{Identity, SeenKind};

/// How long a failed disk tier waits before it is tried again, the first time; each time after that twice as long.
pub const FIRST_DISK_RETRY: Duration = Duration::from_millis(100);
/// The longest wait between two tries of a failed disk tier.
pub const LAST_DISK_RETRY: Duration = Duration::from_secs(30);

/// The number of the first handle of a file.
pub(crate) const FIRST_GENERATION: u64 = 1;

#[derive(Debug)]
pub(crate) struct CacheFile {
    options: OpenOptions,
    identity: Identity,
    state: State,
    /// Which handle of the file this is.
    generation: u64,
    /// What the file that is out of service knew, and the keyspaces that were opened since.
    known: Known,
    registered: Vec<(Registration, KeyspaceId)>,
    ballast: Ballast,
    ballast_again_at: Timestamp,
    /// Whether the disk was full when the file was last opened: deletions go first.
    is_short_of_room: bool,
    /// Where the latest damaged file was moved, until somebody asks.
    quarantined: Option<PathBuf>,
    /// Why the file was discarded, until somebody asks.
    discarded: Option<Fault>,
}

#[derive(Debug)]
enum State {
    InService(Store),
    /// Closed, and still at its path: it will be opened again.
    Suspended(Outage),
    /// Never to be opened again.
    Discarded(Outage, Aside),
}

/// Why a file is out of service, and when that is to be looked at again.
#[derive(Debug, Clone)]
struct Outage {
    why: Fault,
    wait: Duration,
    retry_at: Timestamp,
}

/// How far a discarded file has been put aside.
#[derive(Debug, Clone)]
enum Aside {
    AtItsPath,
    /// Renamed, but the rename may not outlive a crash.
    Renamed(PathBuf),
    Gone,
}

impl Outage {
    fn new(why: Fault, now: Timestamp) -> Self {
        Self { why, wait: FIRST_DISK_RETRY, retry_at: now.after(FIRST_DISK_RETRY) }
    }

    fn failed_again(&mut self, why: Fault, now: Timestamp) {
        self.wait = (self.wait * 2).min(LAST_DISK_RETRY);
        self.retry_at = now.after(self.wait);
        self.why = why;
    }
}

/// What became of a file that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    InService,
    Suspended,
    /// `is_gone` says that no restart can find it.
    Discarded {
        is_gone: bool,
    },
}

impl CacheFile {
    /// # Errors
    /// When what stands at the path can't be told.
    pub(crate) fn new(store: Store, options: OpenOptions, ballast: Ballast) -> std::io::Result<Self> {
        let mut file = Self {
            identity: identify(&options)?,
            options,
            known: store.known.clone(),
            state: State::InService(store),
            generation: FIRST_GENERATION,
            registered: Vec::new(),
            ballast,
            ballast_again_at: Timestamp::ZERO,
            is_short_of_room: false,
            quarantined: None,
            discarded: None,
        };
        file.ballast.take(&*file.options.volume);
        Ok(file)
    }

    pub(super) fn standing(&self) -> Standing {
        match &self.state {
            State::InService(_) => Standing::InService,
            State::Suspended(_) => Standing::Suspended,
            State::Discarded(_, aside) => Standing::Discarded { is_gone: matches!(aside, Aside::Gone) },
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn store(&self) -> Option<&Store> {
        match &self.state {
            State::InService(store) => Some(store),
            _ => None,
        }
    }

    pub(super) fn store_mut(&mut self) -> Option<&mut Store> {
        match &mut self.state {
            State::InService(store) => Some(store),
            _ => None,
        }
    }

    /// Why it is out of service.
    pub(super) fn why(&self) -> Option<&Fault> {
        self.outage().map(|outage| &outage.why)
    }

    /// When an outage is to be looked at again.
    pub(super) fn retry_at(&self) -> Option<Timestamp> {
        self.outage().map(|outage| outage.retry_at)
    }

    fn outage(&self) -> Option<&Outage> {
        match &self.state {
            State::InService(_) => None,
            State::Suspended(outage) | State::Discarded(outage, _) => Some(outage),
        }
    }

    /// Takes the file out of service after a fault: suspended, or, if it is damaged, discarded.
    pub(super) fn fail(&mut self, fault: Fault, now: Timestamp) {
        if fault.kind == FaultKind::Damage {
            self.discard(fault, now);
        } else if self.close_store() {
            self.state = State::Suspended(Outage::new(fault, now));
        }
    }

    /// Takes the file out of service for good. What is left of it is put aside as far as the disk allows, now or at a later
    /// [`CacheFile::put_aside`].
    pub(super) fn discard(&mut self, fault: Fault, now: Timestamp) {
        self.close_store();
        if !matches!(self.state, State::Discarded(..)) {
            self.discarded = Some(fault.clone());
            self.state = State::Discarded(Outage::new(fault, now), Aside::AtItsPath);
        }
        self.put_aside(now);
    }

    /// Closes the store and keeps what it knew. Answers whether it was open.
    fn close_store(&mut self) -> bool {
        let closed = State::Suspended(Outage::new(Fault::io("the file is being closed"), Timestamp::ZERO));
        match std::mem::replace(&mut self.state, closed) {
            State::InService(store) => {
                self.known = store.known.clone();
                // Its error says nothing that the fault did not.
                drop(store.close());
                true
            }
            other => {
                self.state = other;
                false
            }
        }
    }

    /// Renames a discarded file aside and makes that durable, as far as it has not been done.
    ///
    /// Only the file that was opened: one that somebody moved away may come back, and one that took its place is not ours.
    pub(super) fn put_aside(&mut self, now: Timestamp) {
        let State::Discarded(outage, aside) = &self.state else { return };
        let is_damaged = outage.why.kind == FaultKind::Damage;
        let (volume, path) = (&*self.options.volume, &self.options.path);
        let renamed = match aside {
            Aside::Gone => return,
            Aside::Renamed(aside) => Ok(aside.clone()),
            Aside::AtItsPath => identify(&self.options).and_then(|identity| {
                if identity != self.identity {
                    return Err(std::io::Error::other("another file stands in the place of the cache file"));
                }
                let word = if is_damaged { files::DAMAGED } else { files::DISCARDED };
                files::move_aside(volume, path, word, now.as_millis())
            }),
        };
        let aside = match renamed {
            Ok(aside) => aside,
            Err(error) => return self.is_not_aside(Aside::AtItsPath, error, now),
        };
        if let Err(error) = files::sync_directory_of(volume, path) {
            return self.is_not_aside(Aside::Renamed(aside), error, now);
        }
        if is_damaged {
            files::remove_old_quarantined(volume, path);
            self.quarantined = Some(aside);
        } else {
            // The rename made it gone; removing only frees room.
            drop(volume.remove(&aside));
        }
        if let State::Discarded(_, aside) = &mut self.state {
            *aside = Aside::Gone;
        }
    }

    fn is_not_aside(&mut self, so_far: Aside, error: std::io::Error, now: Timestamp) {
        if let State::Discarded(outage, aside) = &mut self.state {
            *aside = so_far;
            outage.failed_again(Fault { kind: outage.why.kind, ..Fault::from(error) }, now);
        }
    }

    /// Opens a suspended file again. A damaged one is discarded.
    pub(super) fn resume(&mut self, now: Timestamp) {
        let State::Suspended(outage) = &mut self.state else { return };
        if outage.why.kind == FaultKind::Full {
            self.is_short_of_room = true;
            self.ballast.give_up(&*self.options.volume);
            // Not back at once: on a disk that is nearly full it would take the room that the next commit needs.
            self.ballast_again_at = now.after(LAST_DISK_RETRY);
        }
        let opened = identify(&self.options).map_err(Fault::from).and_then(|identity| {
            if identity != self.identity {
                return Err(Fault::io("another file stands in the place of the cache file"));
            }
            let seen = self.options.volume.look(&self.options.path)?;
            open_ours(&self.options, seen.map_or(0, |seen| seen.len))
        });
        match opened {
            Ok(store) => self.enter_service(store),
            Err(fault) if fault.kind == FaultKind::Damage => self.discard(fault, now),
            // What the disk said first tells more than what it says now, but for a disk that has become full.
            Err(fault) if fault.kind == FaultKind::Full => outage.failed_again(fault, now),
            Err(_) => outage.failed_again(outage.why.clone(), now),
        }
    }

    /// Makes a fresh file in the place of a discarded one that is gone.
    pub(super) fn renew(&mut self, now: Timestamp, sequence: u64) {
        let State::Discarded(outage, Aside::Gone) = &mut self.state else { return };
        let known = self.known.emptied(now, sequence);
        let options = OpenOptions { now, ..self.options.clone() };
        let made = create(&options, &known).and_then(|store| Ok((identify(&options)?, store)));
        match made {
            Ok((identity, store)) => {
                self.identity = identity;
                self.enter_service(store);
            }
            Err(fault) => outage.failed_again(fault, now),
        }
    }

    fn enter_service(&mut self, store: Store) {
        self.generation += 1;
        self.state = State::InService(store);
    }

    /// Numbers a keyspace that is opened while the file is out of service. The file learns of it when it is in service again.
    pub(super) fn register_meanwhile(&mut self, wanted: &Registration) -> KeyspaceId {
        let (id, _) = self.known.register(wanted);
        self.registered.push((wanted.clone(), id));
        id
    }

    /// Keyspaces that the file has still to learn of, with the numbers that their handles have.
    pub(super) fn registered_meanwhile(&self) -> &[(Registration, KeyspaceId)] {
        &self.registered
    }

    /// After a commit of everything: the file has learned of them, and the disk has room.
    pub(super) fn committed(&mut self, now: Timestamp) {
        self.registered.clear();
        self.is_short_of_room = false;
        if !self.ballast.is_held() && now >= self.ballast_again_at {
            self.ballast.take(&*self.options.volume);
            self.ballast_again_at = now.after(LAST_DISK_RETRY);
        }
    }

    /// Whether deletions are to be committed before anything else.
    pub(super) fn is_short_of_room(&self) -> bool {
        self.is_short_of_room
    }

    /// Where a damaged file was moved since this was last asked.
    pub(super) fn take_quarantined(&mut self) -> Option<PathBuf> {
        self.quarantined.take()
    }

    /// Whether the file was discarded since that was last asked.
    pub(super) fn was_just_discarded(&self) -> bool {
        self.discarded.is_some()
    }

    /// Why the file was discarded, if it was since this was last asked.
    pub(super) fn take_discarded(&mut self) -> Option<Fault> {
        self.discarded.take()
    }

    /// The length of the file.
    pub(super) fn len(&self) -> u64 {
        let seen = self.options.volume.look(&self.options.path);
        seen.ok().flatten().filter(|seen| seen.kind == SeenKind::File).map_or(0, |seen| seen.len)
    }

    pub(super) fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// Closes the file for good.
    pub(super) fn close(&mut self) -> Result<(), Fault> {
        let closed = State::Suspended(Outage::new(Fault::io("the cache is closed"), Timestamp::ZERO));
        match std::mem::replace(&mut self.state, closed) {
            State::InService(store) => store.close(),
            State::Suspended(outage) | State::Discarded(outage, _) => {
                Err(Fault { cause: format!("the disk tier is off: {}", outage.why), ..outage.why })
            }
        }
    }
}

fn identify(options: &OpenOptions) -> std::io::Result<Identity> {
    let seen = options.volume.look(&options.path)?;
    seen.map(|seen| seen.identity).ok_or_else(|| std::io::ErrorKind::NotFound.into())
}
