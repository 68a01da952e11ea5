//! The files of a cache: its lock, and how a file comes to be, is moved aside, and is refused.
//!
//! `<path>.lock` is locked before anything else is touched, so there is one owner at a time whatever happens to
//! the cache file. Renames never replace a file.
//!
//! The lock is never renamed, and removed in one case: it was made by an opening that is then refused.
//!
//! 1. The file of the lock is opened, and made if there is none.
//! 2. It is locked.
//! 3. Its path is looked at. If another file stands there, or none, step 1 is next: another opening has removed
//!    the file between steps 1 and 2.
//! 4. An opening that is refused removes a lock that it has made, and unlocks it then, not before.
//!
//! Who holds a lock after step 3 holds the file at the path: it is removed by no opening but the one that holds
//! it. Without step 3, an owner could hold a file without a name while another one makes and locks its own.

use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::evidence::Accepted;
use super::names::{DAMAGED, LOCK, beside, dated};
use super::owner;
use super::owner::Owner;
use super::owner_info::{MAX_LEN, OwnerInfo};
use crate::disk::store::file_format::FORMAT;
use crate::error::Error;
use crate::sys::clock::{Clock, pause};
use crate::sys::process::Process;
use crate::sys::volume::{FileKind, LockFile, LockPlace, Volume};

const LOCK_POLL: Duration = Duration::from_millis(5);
/// Locks that are taken in vain before one is kept though its path seems to name another file.
const MAX_ATTEMPTS: u32 = 100;
/// How often a refused opener looks for the name of the owner: for a tenth of a second.
const OWNER_POLLS: u32 = 20;

/// What a file is that was mounted by itself: it can be neither renamed nor removed, which is what a cache
/// does with a file that is damaged or must be discarded.
pub(crate) const MOUNT_POINT: &str = "a mount point of its own, which can't be renamed: mount the directory";
/// What to do about a full disk.
pub(crate) const ROOM: &str = "free some room there, or open the cache without a path until there is";

/// The error of a system call on a path.
pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    // What O_NOFOLLOW answers for a symbolic link.
    if rustix::io::Errno::from_io_error(&source) == Some(rustix::io::Errno::LOOP) {
        return Error::NotAFile { path, what: "a symbolic link" };
    }
    match source.kind() {
        ErrorKind::PermissionDenied => Error::Permission { action, path, source },
        ErrorKind::IsADirectory => Error::NotAFile { path, what: "a directory" },
        ErrorKind::ResourceBusy => Error::NotAFile { path, what: MOUNT_POINT },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::Io { action, path, cause: format!("{source}; {ROOM}") }
        }
        ErrorKind::ReadOnlyFilesystem => {
            let remedy =
                "give a path on a file system that can be written to, or read the file with a Follower";
            Error::Io { action, path, cause: format!("{source}; {remedy}") }
        }
        _ => Error::Io { action, path, cause: source.to_string() },
    }
}

/// A path that stays where it is though the process changes its directory.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| io_error("find", path, error))
}

/// The lock of a cache file, held until it is dropped.
#[derive(Debug)]
pub(crate) struct OwnerLock {
    file: Box<dyn LockFile>,
    path: PathBuf,
    /// What is written in it.
    facts: OwnerInfo,
    process: Process,
    /// Whether this opening has made the file.
    is_new: bool,
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        // A forked child shares the lock: to unlock it here would take it from the parent.
        if !self.process.is_current() {
            return;
        }
        // Nobody's any more, before it is anybody's: whoever is refused next must not be told of this owner.
        drop(self.file.write(&self.facts.left().to_bytes()));
        // Not by closing alone: a child that another thread is starting has inherited the descriptor, and
        // would hold the lock until it runs its own program.
        drop(self.file.unlock());
    }
}

impl OwnerLock {
    /// Locks `<path>.lock`, waiting up to `timeout` for another owner to leave, and writes into it who this
    /// one is, and where its control socket will be, by an absolute path.
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
            // 2
            while !file.try_lock().map_err(|error| io_error("lock", &lock_path, error))? {
                // A manual clock stands still, so the pauses count too.
                if waited.max(clock.monotonic().saturating_sub(start)) >= timeout {
                    return Err(read_owner(&mut *file).in_use(path));
                }
                pause(LOCK_POLL);
                waited += LOCK_POLL;
            }
            // 3. A file system may give a file changing identities; there the lock that is held has to do.
            let is_there = file.place().is_ok_and(|place| place == LockPlace::Held);
            if is_there || attempts == MAX_ATTEMPTS {
                break file;
            }
            attempts += 1;
            drop(file.unlock());
        };
        // Somebody else's file may have that name: `Cargo.lock` beside a cache called `Cargo`.
        let content = file.read(MAX_LEN + 1).map_err(|error| io_error("read", &lock_path, error))?;
        let Some(left) = OwnerInfo::read(&content) else {
            return Err(Error::Foreign { path: lock_path, why: NO_LOCK.to_owned() });
        };
        let mut facts = OwnerInfo::own(FORMAT, clock.wall());
        if let Some(accepted) = left.accepted() {
            facts.set_accepted(&accepted);
        }
        facts.set_namespace(owner::namespace().as_deref());
        if let Some(socket) = socket {
            facts.set_socket(socket);
        }
        // Another opening may have had it in the meantime, and have written into it.
        let is_new = file.is_new() && content.is_empty();
        let mut lock = Self { file, path: lock_path, facts, process: Process::current(), is_new };
        match lock.file.write(&lock.facts.to_bytes()) {
            // The lock is held, and who holds it is told for people alone. Opening may then make room with
            // the ballast.
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

    /// Gives the lock back as it was found, for an opening that is refused (4).
    pub(crate) fn withdraw(self, volume: &dyn Volume) {
        let is_there = || self.file.place().is_ok_and(|place| place == LockPlace::Held);
        if self.is_new && self.process.is_current() && is_there() {
            drop(volume.remove(&self.path));
        }
    }

    /// The file that was accepted at this path last.
    pub(crate) fn accepted(&self) -> Option<Accepted> {
        self.facts.accepted()
    }

    /// Says which file was accepted, for as long as that says something: also when this owner has left.
    pub(crate) fn accept(&mut self, accepted: Accepted) -> io::Result<()> {
        if self.facts.accepted() != Some(accepted) {
            self.facts.set_accepted(&accepted);
            self.file.write(&self.facts.to_bytes())?;
        }
        Ok(())
    }

    /// Makes sure that the file at the lock's path is the one that is locked: it may have been removed or
    /// replaced. What stands there is locked in its place, unless another process has it. Answers what was
    /// wrong, if anything was.
    ///
    /// # Errors
    /// With what keeps it from being locked.
    pub(crate) fn keep(&mut self, volume: &dyn Volume) -> Result<Option<String>, String> {
        let shown = self.path.display();
        let failed = |error: io::Error| format!("{shown} can't be locked again: {error}");
        let what = match self.file.place().map_err(failed)? {
            LockPlace::Held => return Ok(None),
            LockPlace::Nothing => "removed",
            LockPlace::Other => "replaced",
        };
        let mut file = volume.open_lock(&self.path).map_err(failed)?;
        if !file.try_lock().map_err(failed)? {
            // It says what this owner wrote: it is the same file, and the file system changes identities.
            if file.read(MAX_LEN + 1).map_err(failed)? == self.facts.to_bytes() {
                return Ok(None);
            }
            return Err(format!("{shown} was {what}, and another process has locked the file in its place"));
        }
        if OwnerInfo::read(&file.read(MAX_LEN + 1).map_err(failed)?).is_none() {
            return Err(format!("{shown} was {what}: {NO_LOCK}"));
        }
        file.write(&self.facts.to_bytes()).map_err(failed)?;
        if file.place().map_err(failed)? != LockPlace::Held {
            return Err(format!("{shown} was {what}, and again while it was locked"));
        }
        drop(std::mem::replace(&mut self.file, file).unlock());
        Ok(Some(format!("{shown} was {what} by another program")))
    }
}

const NO_LOCK: &str = "it is not the lock of a larder file, though it has its name";

/// Who has the lock. An owner writes its id after it has taken the lock, so it may take a moment to be seen;
/// until then the id may be that of an owner that was killed. If it still is after that moment, a fork of
/// that owner has the lock.
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

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathState {
    Nothing,
    Empty,
    File { len: u64 },
}

/// Looks without opening or following anything.
pub(crate) fn standing(volume: &dyn Volume, path: &Path) -> Result<PathState, Error> {
    let not_a_file = |what| Err(Error::NotAFile { path: path.to_owned(), what });
    let Some(seen) = volume.metadata(path).map_err(|error| io_error("look at", path, error))? else {
        return Ok(PathState::Nothing);
    };
    match seen.kind {
        FileKind::Directory => not_a_file("a directory"),
        FileKind::Symlink => not_a_file("a symbolic link"),
        FileKind::Special => not_a_file("a device, pipe or socket"),
        FileKind::File if seen.len == 0 => Ok(PathState::Empty),
        FileKind::File => Ok(PathState::File { len: seen.len }),
    }
}

/// The error of a lock that can't be had: that of the path itself, if it is no file. A device or a directory may
/// stand where nothing can be made beside it.
pub(crate) fn no_lock(volume: &dyn Volume, path: &Path, refused: Error) -> Error {
    standing(volume, path).err().unwrap_or(refused)
}

/// Makes the directories that a path needs, for their owner alone.
pub(crate) fn create_parents(volume: &dyn Volume, path: &Path) -> Result<(), Error> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    volume.create_directories(parent).map_err(|error| io_error("create the directory", parent, error))
}

/// The path by the name of its directory itself: a link that leads elsewhere later leads to another file.
pub(crate) fn in_real_directory(volume: &dyn Volume, path: &Path) -> Result<PathBuf, Error> {
    let (directory, Some(name)) = (directory_of(path), path.file_name()) else { return Ok(path.to_owned()) };
    let directory = volume.real_directory(directory).map_err(|error| io_error("find", directory, error))?;
    Ok(directory.join(name))
}

pub(crate) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Moves a damaged file aside, durably: kept, under a name that says when. Answers the name.
pub(crate) fn quarantine(volume: &dyn Volume, path: &Path, now_ms: u64) -> io::Result<PathBuf> {
    let aside = move_aside(volume, path, DAMAGED, now_ms)?;
    sync_directory_of(volume, path)?;
    remove_old_quarantined(volume, path, Some(&aside));
    Ok(aside)
}

/// Names that are tried for a file that is moved aside.
const ATTEMPTS: u64 = 100;

/// Renames a file to a name of its own that says why and when. Not durable until the directory is synced.
pub(crate) fn move_aside(volume: &dyn Volume, path: &Path, word: &str, now_ms: u64) -> io::Result<PathBuf> {
    // A clock at the end of its scale leaves no later number.
    let first = now_ms.min(u64::MAX - ATTEMPTS);
    let mut attempt = 0;
    loop {
        let aside = beside(path, &format!("{word}{}", first + attempt));
        match volume.rename(path, &aside) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < ATTEMPTS => attempt += 1,
            done => return done.map(|()| aside),
        }
    }
}

/// Makes what happened to the names beside a path durable, where the file system can: some on networks, and
/// some in user space, answer that a directory can't be synced. Then a rename is as durable as they make it.
pub(crate) fn sync_directory_of(volume: &dyn Volume, path: &Path) -> io::Result<()> {
    match volume.sync_directory(directory_of(path)) {
        Err(error) if is_unsupported(&error) => Ok(()),
        synced => synced,
    }
}

/// Whether the file system of a path can make names durable. An error of another kind says nothing of that.
pub(crate) fn syncs_directory_of(volume: &dyn Volume, path: &Path) -> bool {
    !volume.sync_directory(directory_of(path)).is_err_and(|error| is_unsupported(&error))
}

fn is_unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let unsupported = [Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS];
    Errno::from_io_error(error).is_some_and(|errno| unsupported.contains(&errno))
}

/// Refuses a file that is a mount point by itself.
pub(crate) fn refuse_mount_point(volume: &dyn Volume, path: &Path) -> Result<(), Error> {
    match volume.is_mount_point(path) {
        Ok(true) => Err(Error::NotAFile { path: path.to_owned(), what: MOUNT_POINT }),
        // What can't be told here is told by what is done next.
        _ => Ok(()),
    }
}

/// Damaged files that are kept beside a cache; older ones are deleted.
pub const MAX_QUARANTINED: usize = 3;

/// Deletes older damaged files, but not the latest, whatever its name says of the time. Best effort: what
/// can't be deleted now is deleted after the next.
pub(crate) fn remove_old_quarantined(volume: &dyn Volume, path: &Path, latest: Option<&Path>) {
    let mut kept = dated(volume, path, DAMAGED);
    kept.retain(|old| Some(&**old) != latest);
    for old in kept.iter().rev().skip(MAX_QUARANTINED - usize::from(latest.is_some())) {
        drop(volume.remove(old));
    }
}

#[cfg(test)]
mod tests;
