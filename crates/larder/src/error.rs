//! The errors of the cache.
//!
//! Each variant needs a different action from the caller. Some failures are not errors, because the cache can
//! continue. They become misses, and are counted ([`Stats`](crate::Stats)).

mod debug;
pub(crate) mod holder;
mod in_use;

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;
use std::{fmt, io};

use crate::error::holder::Holder;
use crate::format::codec::error::CodecError;
use crate::sys::sync::Arc;
use crate::units::ByteSize;
use in_use::in_use;

/// An error of the cache. Its text names the cause, the value and the remedy.
///
/// [`Debug`](std::fmt::Debug) prints the same text, then the name of the variant. So `fn main() -> Result<(),
/// larder::Error>` and `unwrap` show the text. All errors of larder's crates do this.
///
/// ```
/// let error = larder::Cache::builder().memory_capacity(512).open().unwrap_err();
/// assert_eq!(error.to_string(), "memory_capacity is 512 B; it may be from 64 KiB to 16 TiB");
/// assert_eq!(format!("{error:?}"), format!("{error} (InvalidSetting)"));
/// ```
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting of the builder, or of a keyspace, is outside its range. Nothing was opened.
    #[error("{setting} is {value}; {allowed}")]
    InvalidSetting {
        /// The name of the builder's method.
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

    /// Another cache has the file open, in this process or in another process.
    #[error("cannot open {}: {}", path.display(), in_use(*pid, *has_ended, *is_elsewhere, socket.as_deref(), holders))]
    InUse {
        /// The cache file.
        path: PathBuf,
        /// The process that has the file open, if it is known.
        pid: Option<u32>,
        /// Whether that process has ended. If so, a forked child of that process still has the file open: see
        /// [`Cache::abandon_in_child`](crate::Cache::abandon_in_child).
        has_ended: bool,
        /// Whether the process is in another PID namespace, such as a container's. The process id is valid
        /// only in that namespace.
        is_elsewhere: bool,
        /// The control socket of that process, if it has one. Requests to the process can be sent there.
        socket: Option<PathBuf>,
        /// If that process has ended, the processes that still have the file open, as far as this process can
        /// see them.
        holders: Vec<Holder>,
    },

    /// The path names a directory, a symbolic link or a device instead of a regular file.
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

    /// The larder file is damaged. The file was not changed.
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
    #[error("no permission to {action} {}: {source}; run as its owner, or correct the permissions of the path", path.display())]
    Permission {
        /// The attempted action.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },

    /// The operating system or the store failed while the file was being opened.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// The attempted action.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        cause: String,
    },

    /// The control socket could not be opened. A file at the socket's path was not changed.
    #[error("cannot listen for control on {}: {cause}; {remedy}", path.display())]
    ControlSocket {
        /// The path of the socket.
        path: PathBuf,
        /// The cause.
        cause: String,
        /// The remedy.
        remedy: &'static str,
    },

    /// A background thread could not be started.
    #[error("cannot start the {name} thread: {source}; raise the process's limit on threads")]
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

    /// The encoded value is too large. Nothing was changed: the previous entry is still there.
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

    /// The entries of one call are too many to be committed together. Nothing was changed.
    #[error("{size} for keyspace {keyspace:?} are too much for one call; the most is {max}; {remedy}")]
    GroupTooLarge {
        /// The name of the keyspace.
        keyspace: String,
        /// The size of the entries: their number, or their bytes.
        size: String,
        /// The maximum.
        max: String,
        /// The remedy.
        remedy: &'static str,
    },

    /// The value could not be serialized. Nothing was changed: the previous entry is still there.
    #[error("cannot encode a value of keyspace {keyspace:?}: {source}")]
    Encode {
        /// The name of the keyspace.
        keyspace: String,
        /// The cause.
        source: CodecError,
    },

    /// The change is visible in this process, but may not be on the disk.
    ///
    /// If an invalidation returns this error, the removed entries may come back after a restart. Repeat the
    /// call, or delete the cache file before the next start.
    #[error(
        "not durable: {cause}; memory has the change, the disk may not; repeat the call, or remove the file before a restart"
    )]
    NotDurable {
        /// The cause.
        cause: String,
    },

    /// The file could not be verified to its end. The rest of the file may be intact or damaged.
    #[error("the cache file can't be verified: {cause}; verify it again when the disk works")]
    Verify {
        /// The cause.
        cause: String,
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

/// The reason why [`Keyspace::get_or_load`](crate::Keyspace::get_or_load) returned no value.
///
/// Every caller that waited for a loader gets the loader's error, so the error is shared. The error may have
/// any type with `Display` and `Debug`, such as `Box<dyn Error + Send + Sync>` or `anyhow::Error`. `?`
/// converts a `LoadError` with such an error into either of these two types. [`LoadError::loader_error`]
/// returns the loader's own error.
///
/// ```
/// # use std::error::Error;
/// # use larder::{Cache, KeyspaceDefinition};
/// # const PRICE: KeyspaceDefinition<String, u64> = KeyspaceDefinition::new("price");
/// fn price(cache: &Cache, code: &str) -> Result<u64, Box<dyn Error + Send + Sync>> {
///     let prices = cache.keyspace(PRICE)?;
///     let price = prices.get_or_load(code, || -> Result<u64, Box<dyn Error + Send + Sync>> {
///         Ok(std::fs::read_to_string(code)?.trim().parse()?)
///     })?;
///     Ok(*price)
/// }
///
/// let error = price(&Cache::builder().open()?, "no such file").unwrap_err();
/// assert!(error.to_string().starts_with("the loader failed: No such file"));
/// # Ok::<(), larder::Error>(())
/// ```
#[non_exhaustive]
pub enum LoadError<E> {
    /// The loader failed with this error.
    Loader(Arc<E>),
    /// The loader of another thread panicked while this caller waited for it.
    Panicked,
    /// Waiting would never end. This thread is loading the key itself, or the thread that loads the key waits
    /// for a load of this thread. Other threads may be part of this cycle, and the keys may belong to several
    /// caches.
    Cycle,
    /// The load of another caller took longer than this caller waits
    /// ([`load_timeout`](crate::CacheBuilder::load_timeout)). The load continues, and its value will be
    /// cached.
    Timeout {
        /// The time that this caller waited.
        waited: Duration,
    },
    /// The key is not valid in this keyspace.
    Key(Error),
}

impl<E> LoadError<E> {
    /// Returns the loader's error, if the loader failed.
    #[must_use]
    pub fn loader_error(&self) -> Option<&E> {
        match self {
            Self::Loader(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the loader's error, shared with the other callers that waited for the load.
    ///
    /// # Errors
    /// The `LoadError` itself, if the error did not come from the loader.
    pub fn into_loader_error(self) -> Result<Arc<E>, Self> {
        match self {
            Self::Loader(error) => Ok(error),
            other => Err(other),
        }
    }
}

impl<E: fmt::Display> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The alternate text (`{:#}`) of an `anyhow::Error` includes its causes. `source` cannot return
            // these causes, because `E` may be any type.
            Self::Loader(error) => write!(f, "the loader failed: {error:#}"),
            Self::Key(error) => fmt::Display::fmt(error, f),
            Self::Panicked | Self::Cycle | Self::Timeout { .. } => self.without_loader(f),
        }
    }
}

impl<E> LoadError<E> {
    /// Writes the text of a variant that has no inner error.
    fn without_loader(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked => f.write_str("the loader panicked in the thread that ran it; see that thread's message"),
            Self::Cycle => f.write_str(
                "the loader asks, directly or through other loads, for the key it is loading; load the inner value outside the cache",
            ),
            Self::Timeout { waited } => write!(
                f,
                "another caller's load of the key has not ended within {waited:?}; it goes on: ask again, or raise load_timeout"
            ),
            Self::Loader(_) | Self::Key(_) => Ok(()),
        }
    }
}

// Implemented for every `E` with `Display` and `Debug`, because `Box<dyn Error>` and `anyhow::Error` do not
// implement `Error`.
impl<E: fmt::Debug + fmt::Display> std::error::Error for LoadError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Key(error) => error.source(),
            Self::Loader(_) | Self::Panicked | Self::Cycle | Self::Timeout { .. } => None,
        }
    }
}
