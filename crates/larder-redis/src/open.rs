//! Opens caches by URL, on a server or in a file.

use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, CacheBuilder, URL_VARIABLE};

use crate::error::Error;
use crate::settings::Settings;
use crate::tier::RedisTier;

/// The schemes of URLs for a server. The crate `larder` parses all other URLs.
const SCHEMES: [&str; 8] = [
    "redis:",
    "rediss:",
    "redis+unix:",
    "unix:",
    "redis+sentinel:",
    "redis-sentinel:",
    "rediss+sentinel:",
    "rediss-sentinel:",
];

/// Returns whether a URL names a server, and not a file or memory.
#[must_use]
pub fn is_server_url(url: &str) -> bool {
    SCHEMES.iter().any(|scheme| url.trim_ascii().starts_with(scheme))
}

/// Returns the option `staleness` in the URL of a server, or [`DEFAULT_STALENESS`]. After an acknowledged
/// change, memory returns the older value for less than this time.
///
/// ```
/// let bound = larder_redis::staleness("redis://redis.example.com/1?staleness=500ms")?;
/// assert_eq!(bound.as_millis(), 500);
/// # Ok::<(), larder_redis::Error>(())
/// ```
///
/// # Errors
/// Returns [`Error::InvalidUrl`] or [`Error::InvalidSetting`] for an invalid URL.
///
/// # Cost
/// Parses the URL, and does not connect.
///
/// [`DEFAULT_STALENESS`]: crate::DEFAULT_STALENESS
pub fn staleness(url: &str) -> Result<Duration, Error> {
    Ok(Settings::from_url(url)?.timing.staleness)
}

/// An error that occurs while a cache is opened by URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The server can't be used, or the URL is invalid.
    #[error(transparent)]
    Server(#[from] Error),
    /// The cache can't be opened.
    #[error(transparent)]
    Cache(#[from] larder::Error),
}

/// Returns a builder for the cache of a URL. If the URL names a server (`redis://…`, `redis+unix://…`,
/// `redis-sentinel://…`), connects to this server. Any other URL is passed to [`CacheBuilder::from_url`].
///
/// The URL of a server can also have the options of [`CacheBuilder::from_url`], except those for a file:
/// `redis://redis.example.com/1?prefix=shop&memory=64MiB`.
///
/// ```no_run
/// let builder = larder_redis::builder("redis://redis.example.com/1?prefix=shop&memory=64MiB")?;
/// let cache = builder.slow_load(std::time::Duration::from_millis(200)).open()?;
/// # cache.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns the same errors as [`RedisTier::open`] and [`CacheBuilder::from_url`].
pub fn builder(url: &str) -> Result<CacheBuilder, OpenError> {
    if !is_server_url(url) {
        return Ok(CacheBuilder::from_url(url)?);
    }
    let settings = Settings::from_url(url)?;
    // The options are parsed before the client connects, so that an invalid option is reported even without a
    // server.
    let builder = cache_options(&settings)?;
    Ok(builder.remote(Arc::new(RedisTier::start(settings)?)))
}

/// Parses the options that are not settings of the client, as the options of a cache.
fn cache_options(settings: &Settings) -> Result<CacheBuilder, larder::Error> {
    let options: Vec<_> = settings.others.iter().map(|(name, value)| format!("{name}={value}")).collect();
    CacheBuilder::from_url(&format!("memory:?{}", options.join("&")))
}

/// Refuses the options that are neither settings of the client nor valid options of a cache.
pub(crate) fn check_cache_options(settings: &Settings) -> Result<(), Error> {
    let why = match cache_options(settings) {
        Ok(_) => return Ok(()),
        // The whole error would show another URL than the given one.
        Err(larder::Error::InvalidUrl { why, allowed, .. }) => format!("{why}; {allowed}"),
        Err(error) => error.to_string(),
    };
    Err(Error::InvalidUrl { why })
}

/// Opens the cache of a URL, on a server or in a file.
///
/// An application that opens its cache with this function or with [`from_env`] needs only another URL to move
/// from one machine to several:
///
/// ```
/// let cache = larder_redis::open_url("memory:?memory=64MiB")?; // or redis://redis.example.com/1
/// # cache.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns the same errors as [`builder`] and [`CacheBuilder::open`].
pub fn open_url(url: &str) -> Result<Cache, OpenError> {
    Ok(builder(url)?.open()?)
}

/// Opens the cache whose URL is in the environment variable `LARDER_URL`, as [`Cache::from_env`] does. The
/// URL may also name a server.
///
/// # Errors
/// Returns the same errors as [`open_url`], and the error of [`Cache::from_env`] if the variable is missing.
pub fn from_env() -> Result<Cache, OpenError> {
    match std::env::var(URL_VARIABLE) {
        Ok(url) => open_url(&url),
        // If the variable is missing or is not UTF-8, `larder` returns the error.
        Err(_) => Ok(Cache::from_env()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_names_this_crate_for_each_scheme_of_a_server() {
        for scheme in SCHEMES {
            let error = CacheBuilder::from_url(&format!("{scheme}//h")).unwrap_err().to_string();
            assert!(error.contains("larder_redis::from_env"), "{error}");
        }
    }
}
