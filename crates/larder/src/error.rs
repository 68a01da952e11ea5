//! The errors of the cache.
//!
//! Each variant requires a different action of the caller. A failure after which the cache can continue is
//! not an error: the lookup is a miss, and [`Stats`](crate::Stats) counts the failure.
//!
//! An error's text names the cause in larder's own words, for example `the disk is full`. The error of the
//! operating system, with the system's words and code, is the [`source`](std::error::Error::source).
//!
//! The text must not repeat the words of its source. Otherwise programs that print the text and then all
//! sources, such as `{:#}` of `anyhow`, would print these words twice. But the text must name a cause,
//! because many logs print only the text.
//!
//! An inner error of larder, such as a [`CodecError`], is part of the text. So it is the field `cause`, and
//! not a source.

pub(crate) mod cause;
mod construction;
pub(crate) mod debug;
pub(crate) mod holder;
mod in_use;
pub(crate) mod load_error;
mod overflow;
pub(crate) mod remote_error;

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use crate::error::holder::Holder;
use crate::error::remote_error::RemoteError;
use crate::format::codec::error::CodecError;
use crate::units::ByteSize;
use in_use::in_use;
use overflow::overflow;

/// An error of the cache. Its text names the cause and, where possible, the value and the remedy.
///
/// [`Debug`](std::fmt::Debug) prints the same text, then the name of the variant. So `fn main() -> Result<(),
/// larder::Error>` and `unwrap` show the text. Most error types of larder's crates implement `Debug` in this
/// way.
///
/// ```
/// let error = larder::Cache::builder().memory_capacity(512).open().unwrap_err();
/// assert_eq!(error.to_string(), "memory_capacity is 512 B; it may be from 64 KiB to 16 TiB");
/// assert_eq!(format!("{error:?}"), format!("{error} (InvalidSetting)"));
/// ```
///
/// If the operating system failed, its error is the [`source`](std::error::Error::source). The text describes
/// the same cause in other words, so print either only the text, or the text and all sources. `Debug` prints
/// both.
///
/// ```
/// use std::error::Error;
/// use std::io::ErrorKind;
///
/// let error = larder::Follower::open("no such file").unwrap_err();
/// assert!(error.to_string().ends_with("there is no such file or directory"));
/// let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
/// assert_eq!(source.map(std::io::Error::kind), Some(ErrorKind::NotFound));
/// assert_eq!(format!("{error:?}"), format!("{error} (Io: {})", source.unwrap()));
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting of the builder, of a keyspace or of a call is outside its range. Nothing was opened or
    /// changed.
    #[error("{setting} is {value}; {allowed}")]
    InvalidSetting {
        /// The name of the setting.
        setting: &'static str,
        /// The given value.
        value: String,
        /// The valid values.
        allowed: String,
    },

    /// A URL of settings is not valid. Nothing was opened.
    #[error("the cache's URL {url:?} is not understood: {why}; {allowed}")]
    InvalidUrl {
        /// The URL, without a password.
        url: String,
        /// The reason why the URL is not valid.
        why: String,
        /// The valid form.
        allowed: &'static str,
    },

    /// Another cache or program has the file open, in this process or in another process.
    #[error("cannot open {}: {}", path.display(), in_use(*pid, *has_ended, *is_elsewhere, socket.as_deref(), holders))]
    InUse {
        /// The cache file.
        path: PathBuf,
        /// The id of the process that has the file open, if it is known.
        pid: Option<u32>,
        /// Whether that process has ended. If it has, one of its forked children probably still has the file
        /// open: see [`Cache::abandon_in_child`](crate::Cache::abandon_in_child).
        has_ended: bool,
        /// Whether the process is in another PID namespace, such as a container's. The process id is valid
        /// only in that namespace.
        is_elsewhere: bool,
        /// The control socket of that process, if it has one.
        socket: Option<PathBuf>,
        /// The processes that still have the file open after that process has ended. Contains only processes
        /// that this process can see.
        holders: Vec<Holder>,
    },

    /// The path names a directory, a symbolic link, a device or another object that is not a regular file.
    #[error("cannot open {}: it is {what}; give the path of a regular file, or of one to be created", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// The kind of object at the path.
        what: &'static str,
    },

    /// The file is not a larder file. The file was not changed.
    #[error("cannot open {}: {why}; it was left as it is; give the path of a larder file, or of one to be created", path.display())]
    Foreign {
        /// The path.
        path: PathBuf,
        /// The reason why the file is not a larder file.
        why: String,
    },

    /// There is no file at the path, and the operation does not create one.
    #[error("there is no file {}; give the path of a cache file", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },

    /// The larder file is damaged. The file was not moved aside.
    #[error("cannot read {}: it is damaged ({cause}); open it as a cache, which moves it aside and begins a fresh one", path.display())]
    Damaged {
        /// The path.
        path: PathBuf,
        /// The damage that was found.
        cause: String,
    },

    /// A newer version of larder wrote the file. The file was not changed.
    #[error(
        "cannot open {}: its format is {found}, and this version of larder reads up to {supported}; upgrade larder, or choose another path",
        path.display()
    )]
    NewerFormat {
        /// The path.
        path: PathBuf,
        /// The format version of the file.
        found: u32,
        /// The newest format version that this version of larder reads.
        supported: u32,
    },

    /// The file uses features of a newer version of larder. The file was not changed.
    #[error(
        "cannot open {}: it uses features that this version of larder does not know (0x{unknown:X}); upgrade larder, or choose another path",
        path.display()
    )]
    UnknownFeatures {
        /// The path.
        path: PathBuf,
        /// The unknown features, one bit for each feature.
        unknown: u64,
    },

    /// The operating system does not let this process use the path.
    #[error("no permission to {action} {}; run as its owner, or correct the permissions of the path", path.display())]
    Permission {
        /// The attempted action.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },

    /// The operating system or the store failed.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// The attempted action.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        cause: String,
        /// The error of the operating system, if it is the cause.
        source: Option<io::Error>,
    },

    /// The control socket could not be opened. A file at its path that is not a socket was not changed.
    #[error("cannot listen for control on {}: {cause}; {remedy}", path.display())]
    ControlSocket {
        /// The path of the socket.
        path: PathBuf,
        /// The cause.
        cause: String,
        /// The remedy.
        remedy: &'static str,
        /// The error of the operating system, if it is the cause.
        source: Option<io::Error>,
    },

    /// A background thread could not be started.
    #[error("cannot start the {name} thread; raise the process's limit on threads")]
    Thread {
        /// The name of the thread.
        name: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },

    /// The keyspace is open with another definition.
    #[error(
        "keyspace {name:?} is open as {opened}, and was now asked for as {requested}; use one definition everywhere, or close the other handle first"
    )]
    KeyspaceConflict {
        /// The name that both definitions have.
        name: String,
        /// The definition that is open.
        opened: String,
        /// The requested definition.
        requested: String,
    },

    /// The encoded key is too long. Nothing was changed.
    #[error(
        "a key of keyspace {keyspace:?} is {len} bytes encoded; the most is {max}; use a shorter key, or a digest of it"
    )]
    KeyTooLarge {
        /// The name of the keyspace.
        keyspace: String,
        /// The encoded length in bytes.
        len: usize,
        /// The maximum length in bytes.
        max: usize,
    },

    /// The value is too large to be stored. Nothing was changed: the previous entry is still there.
    #[error("a value of keyspace {keyspace:?} is {size} ({bound}); the most is {max}; {remedy}")]
    ValueTooLarge {
        /// The name of the keyspace.
        keyspace: String,
        /// The size of the value. `bound` names what was measured.
        size: ByteSize,
        /// Names what `size` measures: the encoded value, the value in memory, or the value's page on disk.
        bound: &'static str,
        /// The maximum size.
        max: ByteSize,
        /// The remedy.
        remedy: Cow<'static, str>,
    },

    /// One call has too many keys or values for a commit, a request to the server, the write buffer or
    /// memory. Nothing was changed.
    #[error("{size} for keyspace {keyspace:?} are too much for one call; the most is {max}; {remedy}")]
    GroupTooLarge {
        /// The name of the keyspace.
        keyspace: String,
        /// The number of the entries, or their size in bytes.
        size: String,
        /// The maximum.
        max: String,
        /// The remedy.
        remedy: &'static str,
    },

    /// The value could not be serialized. Nothing was changed: the previous entry is still there.
    #[error("cannot encode a value of keyspace {keyspace:?}: {cause}")]
    Encode {
        /// The name of the keyspace.
        keyspace: String,
        /// The cause.
        cause: CodecError,
    },

    /// The sum or difference does not fit into the type of a counter. Nothing was changed.
    #[error("{}", overflow(keyspace, key.as_deref(), value, amount))]
    Overflow {
        /// The name of the keyspace.
        keyspace: String,
        /// The key, if the application allows keys in the log
        /// ([`CacheBuilder::log_keys`](crate::CacheBuilder::log_keys)).
        key: Option<String>,
        /// The value of the counter.
        value: String,
        /// The amount that was to be added. For a subtraction, the text begins with `minus`.
        amount: String,
    },

    /// The closure of an atomic change tried to change its own key. The call changed nothing, and the closure
    /// continues.
    #[error("the closure of an atomic change must not change its own key; let it return the change")]
    Reentrant,

    /// An entry has changed since it was watched ([`Transaction::require`](crate::Transaction::require)). The
    /// transaction changed nothing.
    ///
    /// The closure of a `transaction_async` also gets this error, for a read that would make the calling
    /// thread wait. The closure must return it. Then a worker thread calls the closure again.
    #[error(
        "an entry has changed since it was watched, and the transaction has changed nothing; read the entry again, and repeat it"
    )]
    Changed,

    /// The change is visible in this process, but possibly not on the disk.
    ///
    /// If an invalidation returns this error, the removed entries may come back after a restart. Repeat the
    /// call, or delete the cache file before the next start. Calls that must read the entry, such as
    /// `expire`, `take` and `remove_if`, also return this error if the entry may be only on disk, and the
    /// disk could not be read. Lookups miss such an entry until the disk tier works again.
    #[error(
        "not durable: {cause}; memory has the change, the disk may not; repeat the call, or remove the file before a restart"
    )]
    NotDurable {
        /// The cause.
        cause: String,
        /// The error of the operating system, if it is the cause.
        source: Option<io::Error>,
    },

    /// The file could not be verified to its end. The rest of the file may be intact or damaged.
    #[error("the cache file can't be verified: {cause}; verify it again when the disk works")]
    Verify {
        /// The cause.
        cause: String,
        /// The error of the operating system, if it is the cause.
        source: Option<io::Error>,
    },

    /// The remote tier refused the request, or its server did not make the change or did not answer.
    ///
    /// If an invalidation returns this error, the server may still have the removed value, and other machines
    /// may return it. Repeat the call.
    #[error("cannot {action} at {server}: {cause}{}; repeat the call", if cause.may_be_applied() { ", and the change may have been made" } else { "" })]
    Remote {
        /// The attempted action.
        action: &'static str,
        /// The name of the server, as in its URL but without the password.
        server: String,
        /// The cause.
        cause: RemoteError,
    },

    /// No handle has opened a keyspace of this name, and the file does not have it.
    #[error(
        "the cache has no keyspace {name:?}; check the name, or open the keyspace in the application first"
    )]
    UnknownKeyspace {
        /// The requested name.
        name: String,
    },

    /// The application has opened another version of a keyspace that an untyped handle has pinned. Nothing
    /// was changed.
    #[error("another version of keyspace {name:?} was opened meanwhile; begin again with that version")]
    KeyspaceReplaced {
        /// The name of the keyspace.
        name: String,
    },

    /// An untyped handle can't make this change. Nothing was changed.
    #[error("keyspace {keyspace:?} can't be changed like this without its types: {cause}")]
    NeedsTypes {
        /// The name of the keyspace.
        keyspace: String,
        /// The cause, and the remedy.
        cause: &'static str,
    },

    /// A cache with a remote tier does not support this call or this setting. Nothing was changed.
    #[error("{what} is not supported over a remote tier; {remedy}")]
    NotRemote {
        /// The call, or the setting.
        what: &'static str,
        /// The remedy.
        remedy: &'static str,
    },

    /// The cache has been closed.
    #[error("the cache is closed; open it again")]
    Closed,

    /// This process is a fork of the process that opened the cache, and does not have the cache's threads.
    /// Nothing was changed.
    #[error(
        "this process was forked after the cache was opened, and does not have the threads that serve it; open the cache in this process, after the fork"
    )]
    Forked,

    /// This process opened the cache itself. It did not inherit the cache by a fork.
    #[error("this process opened the cache itself; close it")]
    NotForked,
}
