//! Opens caches by a URL, at a server or in a file.

use std::sync::Arc;

use larder::{Cache, CacheBuilder, URL_VARIABLE};

use crate::error::Error;
use crate::settings::Settings;
use crate::tier::RedisTier;

/// The beginnings of URLs that name a server. The core reads any other URL.
const SCHEMES: [&str; 6] =
    ["redis:", "rediss:", "redis+unix:", "unix:", "redis+sentinel:", "redis-sentinel:"];

/// Returns whether a URL names a server, and not a file or memory.
#[must_use]
pub fn is_server_url(url: &str) -> bool {
    SCHEMES.iter().any(|scheme| url.trim_ascii().starts_with(scheme))
}

/// An error of opening a cache by a URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The server can't be used, or the URL can't be read.
    #[error(transparent)]
    Server(#[from] Error),
    /// The cache can't be opened.
    #[error(transparent)]
    Cache(#[from] larder::Error),
}

/// Returns a builder for the cache of a URL. A URL of a server (`redis://…`, `redis+unix://…`) connects to
/// the server. Any other URL is read by [`CacheBuilder::from_url`].
///
/// The URL of a server may also have the options of [`CacheBuilder::from_url`], except the options of a file:
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
/// The errors of [`RedisTier::open`] and of [`CacheBuilder::from_url`].
pub fn builder(url: &str) -> Result<CacheBuilder, OpenError> {
    if !is_server_url(url) {
        return Ok(CacheBuilder::from_url(url)?);
    }
    let settings = Settings::from_url(url)?;
    let options: Vec<_> = settings.others.iter().map(|(name, value)| format!("{name}={value}")).collect();
    // The options are read before the connection is made, so that a wrong option is reported without a
    // server.
    let builder = CacheBuilder::from_url(&format!("memory:?{}", options.join("&")))?;
    Ok(builder.remote(Arc::new(RedisTier::start(settings)?)))
}

/// Opens the cache of a URL, at a server or in a file.
///
/// If an application opens its cache with this function, or with [`from_env`], it needs only another URL to
/// move from one machine to several:
///
/// ```
/// let cache = larder_redis::open_url("memory:?memory=64MiB")?; // or redis://redis.example.com/1
/// # cache.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The errors of [`builder`] and of [`CacheBuilder::open`].
pub fn open_url(url: &str) -> Result<Cache, OpenError> {
    Ok(builder(url)?.open()?)
}

/// Opens the cache of the URL in the environment variable `LARDER_URL`, as [`Cache::from_env`] does. The URL
/// may name a server.
///
/// # Errors
/// The errors of [`open_url`], and of [`Cache::from_env`] if the variable is missing.
pub fn from_env() -> Result<Cache, OpenError> {
    match std::env::var(URL_VARIABLE) {
        Ok(url) => open_url(&url),
        // The variable is missing, or is not UTF-8. The core returns the error.
        Err(_) => Ok(Cache::from_env()?),
    }
}
