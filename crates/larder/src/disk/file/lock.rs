//! The owner's lock. Only the process that holds this lock may write, rename or delete the cache file.
//!
//! `<path>.lock` is locked before any other file is changed. So there is one owner at a time, even if the
//! cache file is moved or removed. The owner renames another file over the cache file in only one case: that
//! file is a copy of the cache file ([`super::compact`]).
//!
//! The lock file is never renamed. It is removed in only one case: an opening that has created it fails.
//!
//! 1. The lock file is opened, or created if it is missing.
//! 2. The lock file is locked.
//! 3. The path of the lock file is checked. If another file or no file is at the path, another opening has
//!    removed the lock file between steps 1 and 2. Then steps 1 to 3 are repeated.
//! 4. An opening that fails removes the lock file if it has created that file. It unlocks the file only
//!    after the removal.
//!
//! After step 3 the process holds the lock of the file at the path, and only this process may remove that
//! file. Without step 3, one owner could hold a removed lock file, while another process creates and locks a
//! new one.

use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::evidence::Accepted;
use super::io_error::io_error;
use super::names::{LOCK, beside};
use super::owner;
use super::owner::Owner;
use super::owner_info::{MAX_LEN, OwnerInfo};
use super::path_state::path_state;
use crate::disk::store::file_format::FORMAT;
use crate::error::Error;
use crate::sys::clock::{Clock, pause};
use crate::sys::process::FileProcess;
use crate::sys::volume::{LockFile, LockPlace, Volume};

const LOCK_POLL: Duration = Duration::from_millis(5);
/// Maximum number of attempts to lock the file at the path. The last attempt accepts the lock even if another
/// file seems to be at the path.
const MAX_ATTEMPTS: u32 = 100;
/// Maximum number of times that a refused opener reads the owner's process id. With a pause of [`LOCK_POLL`]
/// after each read, all reads take a tenth of a second.
const OWNER_POLLS: u32 = 20;

/// The lock of a cache file, held until this value is dropped.
#[derive(Debug)]
pub(crate) struct OwnerLock {
    file: Box<dyn LockFile>,
    path: PathBuf,
    info: OwnerInfo,
    process: FileProcess,
    /// Whether this opening has created the lock file, and found it empty after locking it.
    is_new: bool,
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // A forked child shares the lock with its parent. If the child unlocked the file, the parent would
        // lose the lock.
        if !self.process.is_current() {
            return;
        }
        // Clears the process id before unlocking, so that the next opener never reads a stale owner.
        drop(self.file.write(&self.info.without_owner().to_bytes()));
        // Closing the descriptor is not enough. Another thread may be starting a child process that inherits
        // the descriptor. That child would hold the lock until it executes its own program.
        drop(self.file.unlock());
    }
}

impl OwnerLock {
    /// Locks `<path>.lock`. Waits up to `timeout` for another owner to release the lock. Writes the process
    /// id into the lock file, and the absolute path of the future control socket, if any.
    pub(crate) fn acquire(
        volume: &dyn Volume,
        path: &Path,
        socket: Option<&Path>,
        timeout: Duration,
        clock: &dyn Clock,
    ) -> Result<Self, Error> {
        let lock_path = beside(path, LOCK);
        let start = clock.monotonic();
        let mut waited = Duration::ZERO;
        let mut attempts = 1;
        let mut file = loop {
            let mut file =
                volume.open_lock(&lock_path).map_err(|error| io_error("open", &lock_path, error))?; // 1
            // 2.
            while !file.try_lock().map_err(|error| io_error("lock", &lock_path, error))? {
                // The time of a manual clock may not advance, so the sum of the pauses also counts.
                if waited.max(clock.monotonic().saturating_sub(start)) >= timeout {
                    return Err(read_owner(&mut *file).in_use(path));
                }
                pause(LOCK_POLL);
                waited += LOCK_POLL;
            }
            // 3. On some file systems the identity of a file changes. There, the lock is accepted after
            //    `MAX_ATTEMPTS` attempts.
            let is_there = file.place().is_ok_and(|place| place == LockPlace::Held);
            if is_there || attempts == MAX_ATTEMPTS {
                break file;
            }
            attempts += 1;
            drop(file.unlock());
        };
        // A foreign file may have this name, such as `Cargo.lock` beside a cache called `Cargo`.
        let content = file.read(MAX_LEN + 1).map_err(|error| io_error("read", &lock_path, error))?;
        let Some(left) = OwnerInfo::read(&content) else {
            return Err(Error::Foreign { path: lock_path, why: NO_LOCK.to_owned() });
        };
        let mut info = OwnerInfo::of_this_process(FORMAT, clock.wall());
        if let Some(accepted) = left.accepted() {
            info.set_accepted(&accepted);
        }
        info.set_namespace(owner::namespace().as_deref());
        if let Some(socket) = socket {
            info.set_socket(socket);
        }
        // Before this opening locked the new file, another opening may have locked and written it.
        let is_new = file.is_new() && content.is_empty();
        let mut lock = Self { file, path: lock_path, info, process: FileProcess::current(), is_new };
        match lock.file.write(&lock.info.to_bytes()) {
            // The lock is held even if its content cannot be written. Opening may later free room by
            // deleting the ballast.
            Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {}
            Err(error) => {
                let refused = io_error("write", &lock.path, error);
                lock.withdraw(volume);
                return Err(refused);
            }
            Ok(()) => {}
        }
        Ok(lock)
    }

    /// Undoes the locking for an opening that fails (step 4).
    pub(crate) fn withdraw(self, volume: &dyn Volume) {
        let is_there = || self.file.place().is_ok_and(|place| place == LockPlace::Held);
        if self.is_new && self.process.is_current() && is_there() {
            drop(volume.remove(&self.path));
        }
    }

    pub(crate) fn accepted(&self) -> Option<Accepted> {
        self.info.accepted()
    }

    /// Records the accepted cache file in the lock file. The recorded lines stay when this owner closes the
    /// cache.
    pub(crate) fn note_accepted(&mut self, accepted: Accepted) -> io::Result<()> {
        if self.info.accepted() != Some(accepted) {
            self.info.set_accepted(&accepted);
            self.file.write(&self.info.to_bytes())?;
        }
        Ok(())
    }

    /// Ensures that the locked file is at the lock's path. If another program has removed or replaced it,
    /// locks the file that is now at the path, or creates a new one. Returns a description of what happened,
    /// or `None` if the locked file was at its path.
    ///
    /// # Errors
    /// Returns why the file at the path cannot be locked.
    pub(super) fn ensure_held(&mut self, volume: &dyn Volume) -> Result<Option<String>, String> {
        let shown = self.path.display();
        let failed = |error: io::Error| format!("{shown} can't be locked again: {error}");
        let what = match self.file.place().map_err(failed)? {
            LockPlace::Held => return Ok(None),
            LockPlace::Nothing => "removed",
            LockPlace::Other => "replaced",
        };
        let mut file = volume.open_lock(&self.path).map_err(failed)?;
        if !file.try_lock().map_err(failed)? {
            // If the content is what this owner wrote, the file at the path is the locked file, and the file
            // system has changed its identity.
            if file.read(MAX_LEN + 1).map_err(failed)? == self.info.to_bytes() {
                return Ok(None);
            }
            return Err(format!("{shown} was {what}, and another process has locked the file in its place"));
        }
        if OwnerInfo::read(&file.read(MAX_LEN + 1).map_err(failed)?).is_none() {
            return Err(format!("{shown} was {what}: {NO_LOCK}"));
        }
        file.write(&self.info.to_bytes()).map_err(failed)?;
        if file.place().map_err(failed)? != LockPlace::Held {
            return Err(format!("{shown} was {what}, and again while it was locked"));
        }
        drop(std::mem::replace(&mut self.file, file).unlock());
        Ok(Some(format!("{shown} was {what} by another program")))
    }
}

const NO_LOCK: &str = "it has the name of a larder lock file, but is not one";

/// Returns the process that holds the lock. An owner writes its id just after it has taken the lock. Until
/// then the lock file may name an earlier owner that was killed. If the file names an ended process even
/// after a tenth of a second, a fork of that process probably holds the lock.
fn read_owner(file: &mut dyn LockFile) -> Owner {
    let mut owner = Owner::default();
    for _ in 0..OWNER_POLLS {
        owner = read_facts(file).as_ref().map(Owner::of).unwrap_or_default();
        if owner.pid.is_some() && !owner.has_ended {
            break;
        }
        pause(LOCK_POLL);
    }
    owner
}

fn read_facts(file: &mut dyn LockFile) -> Option<OwnerInfo> {
    OwnerInfo::read(&file.read(MAX_LEN + 1).ok()?)
}

/// Returns the error for a lock that cannot be taken. If the path of the cache file leads to something other
/// than a regular file, the error says so. For example, no lock file can be created beside a device.
pub(crate) fn lock_refusal(volume: &dyn Volume, path: &Path, refused: Error) -> Error {
    path_state(volume, path).err().unwrap_or(refused)
}

#[cfg(test)]
mod tests;
