//! The error of a load: the loader's own error, or another reason why the caller got no value.

use std::fmt;
use std::time::Duration;

use super::Error;
use crate::sys::sync::Arc;

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
    /// The loader panicked. A synchronous call returns this error if the loader ran for another caller, or
    /// on a thread of the cache. Every async call of the load returns it.
    Panicked,
    /// Waiting would never end. The caller is inside the loader of the key, or that loader waits for a load
    /// of the caller. Other loads may be part of this cycle, and the keys may belong to several caches.
    Cycle,
    /// The load took longer than the maximum wait of this caller. After the
    /// [`load_timeout`](crate::CacheBuilder::load_timeout), the load of another caller continues, and its
    /// value may still be cached. After the [`hard_timeout`](crate::LoadPolicy::hard_timeout), the value of
    /// a load by the registered loader will not be cached.
    Timeout {
        /// The maximum wait of this caller, which has passed.
        waited: Duration,
    },
    /// The loader returned [`Load::Unchanged`](crate::Load::Unchanged), although it had got no stale value.
    NothingUnchanged,
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
    /// Returns the `LoadError` itself if the error did not come from the loader.
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
            Self::Panicked | Self::Cycle | Self::Timeout { .. } | Self::NothingUnchanged => {
                self.without_loader(f)
            }
        }
    }
}

impl<E> LoadError<E> {
    /// Writes the text of a variant that has no inner error.
    pub(super) fn without_loader(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked => f.write_str("the loader panicked in the thread that ran it; see that thread's message"),
            Self::Cycle => f.write_str(
                "the loader asks, directly or through other loads, for the key it is loading; load the inner value outside the cache",
            ),
            Self::Timeout { waited } => write!(
                f,
                "the load of the key has not ended within {waited:?}; it goes on: ask again, or raise load_timeout or the hard_timeout of the policy"
            ),
            Self::NothingUnchanged => f.write_str(
                "the loader says that the value is unchanged, and there was no stale value; return Load::Unchanged only if the loader got one",
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
            Self::Loader(_)
            | Self::Panicked
            | Self::Cycle
            | Self::Timeout { .. }
            | Self::NothingUnchanged => None,
        }
    }
}
