//! Parses the settings from a URL, which a deployment can set as an environment variable.
//!
//! ```text
//! memory:?memory=64MiB
//! file:/var/lib/shop/shop.larder?memory=64MiB&disk=1GiB&flush=100ms
//! ```
//!
//! The crate `larder-redis` parses the URLs of servers (`redis://…`). This module refuses them, and the error
//! names that crate.
//!
//! The part after `file:` is an absolute or relative path. `file:///var/…` means the same as `file:/var/…`.
//! Bytes that a URL cannot contain are written `%XX`. White space around a URL is ignored. Errors and log
//! lines never show a password.
//!
//! [`path`] describes which paths are allowed, for the file and for the control socket.

mod path;
mod refusal;

use std::time::Duration;

use super::CacheBuilder;
use crate::error::Error;
use crate::units::{ByteSize, SIZE_FORM};
use refusal::UrlRefusal;

/// The environment variable that [`Cache::from_env`](crate::Cache::from_env) reads.
pub const URL_VARIABLE: &str = "LARDER_URL";

const SCHEMES: &str = "a URL begins with file: (two tiers) or memory: (memory only)";
/// The schemes of URLs that the crate `larder-redis` opens.
const SERVER_SCHEMES: [&str; 8] = [
    "redis",
    "rediss",
    "redis+unix",
    "unix",
    "redis+sentinel",
    "redis-sentinel",
    "rediss+sentinel",
    "rediss-sentinel",
];
const FOR_SERVERS: &str = "the crate larder-redis opens it, with larder_redis::from_env or larder_redis::open_url; larder alone opens file: (two tiers) and memory: (memory only)";
const OPTIONS: &str = "the options are memory, disk, write_buffer, page_cache, verify (sizes), flush, sweep, open_timeout, load_timeout, lease_timeout, slow_load (durations), sample_keys, log_keys (on or off), load_threads, shards, control (a socket's path) and control_values (on or off)";
/// The known options, whose values errors may show. The value of an unknown option might be a password.
const KNOWN_OPTIONS: [&str; 17] = [
    "memory",
    "disk",
    "write_buffer",
    "page_cache",
    "verify",
    "flush",
    "sweep",
    "open_timeout",
    "load_timeout",
    "lease_timeout",
    "load_threads",
    "slow_load",
    "sample_keys",
    "log_keys",
    "shards",
    "control",
    "control_values",
];
/// Quotation marks that remain around a value if it is read from a file of variables without a shell.
const QUOTES: [char; 2] = ['\'', '"'];
const FILE_OPTIONS: [&str; 6] = ["disk", "write_buffer", "page_cache", "verify", "flush", "open_timeout"];

impl CacheBuilder {
    /// Creates a builder with the settings of a URL. Other settings have their defaults. All settings can
    /// still be changed on the builder.
    ///
    /// | part | means |
    /// |---|---|
    /// | `file:PATH` | [`path`](CacheBuilder::path); `%XX` stands for a byte |
    /// | `memory:` | no path: memory only |
    /// | `memory=64MiB` | [`memory_capacity`](CacheBuilder::memory_capacity) |
    /// | `disk=1GiB` | [`disk_capacity`](CacheBuilder::disk_capacity) |
    /// | `write_buffer=8MiB` | [`write_buffer`](CacheBuilder::write_buffer) |
    /// | `page_cache=64MiB` | [`page_cache`](CacheBuilder::page_cache) |
    /// | `verify=16MiB` | [`verify_on_open`](CacheBuilder::verify_on_open) |
    /// | `flush=100ms` | [`flush_interval`](CacheBuilder::flush_interval) |
    /// | `sweep=1s` | [`sweep_interval`](CacheBuilder::sweep_interval) |
    /// | `open_timeout=5s` | [`open_timeout`](CacheBuilder::open_timeout) |
    /// | `load_timeout=5s` | [`load_timeout`](CacheBuilder::load_timeout) |
    /// | `lease_timeout=60s` | [`lease_timeout`](CacheBuilder::lease_timeout) |
    /// | `load_threads=4` | [`load_threads`](CacheBuilder::load_threads) |
    /// | `slow_load=1s` | [`slow_load`](CacheBuilder::slow_load) |
    /// | `sample_keys=on` | [`sample_keys`](CacheBuilder::sample_keys): `on` or `off` |
    /// | `log_keys=on` | [`log_keys`](CacheBuilder::log_keys): `on` or `off` |
    /// | `shards=16` | [`shards`](CacheBuilder::shards) |
    /// | `control=PATH` | `control_socket`, in a build with the feature `control`; `%XX` stands for a byte |
    /// | `control_values=on` | `control_values`, only for a cache with a control socket; default `off` |
    ///
    /// A size is a number with `B`, `KiB`, `MiB`, `GiB` or `TiB` (see [`ByteSize`]). A duration is a whole
    /// number with `ms`, `s`, `m` or `h`. Each option may occur once.
    ///
    /// White space before and after the URL is ignored, such as the line end of a file from which the URL was
    /// read. A path in the URL must not begin or end with white space, and must not contain control
    /// characters, even as `%XX`. `~` and `$HOME` are refused, because only a shell expands them, and then to
    /// different paths for different users. To name such a file, write `./~`, or `%24` for the `$`.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let url = format!("file:{}/shop.larder?memory=64MiB&disk=1GiB", dir.path().display());
    /// // As file:/var/lib/shop/shop.larder?memory=64MiB&disk=1GiB
    /// let cache = larder::CacheBuilder::from_url(&url)?.open()?;
    /// assert_eq!(cache.stats().disk.unwrap().capacity, larder::ByteSize::gib(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`Error::InvalidUrl`] for an unknown scheme or option, or a malformed value. The error names
    /// what is allowed. For the URL of a server (`redis://…`), it names the crate `larder-redis`. Ranges
    /// are checked by [`open`](CacheBuilder::open), not here.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let url = url.trim_ascii();
        let refused = |(why, allowed): UrlRefusal| Error::InvalidUrl { url: redacted(url), why, allowed };
        let invalid = |why: String, allowed| Err(refused((why, allowed)));
        if url.starts_with(QUOTES) {
            return invalid("it begins with a quotation mark".to_owned(), "write it without quotation marks");
        }
        let Some((scheme, rest)) = url.split_once(':') else {
            return invalid("it has no scheme".to_owned(), SCHEMES);
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_file = match scheme {
            "file" => true,
            "memory" => false,
            _ if SERVER_SCHEMES.contains(&scheme) => {
                return invalid(format!("{scheme}: names a server"), FOR_SERVERS);
            }
            _ => return invalid(format!("its scheme is {scheme:?}"), SCHEMES),
        };
        let mut builder = Self::default();
        if is_file {
            builder = builder.path(path::of_place(place).map_err(refused)?);
        } else if !matches!(place, "" | "//") {
            return invalid(
                format!("memory: is followed by {:?}", without_user(place)),
                "it has no path; write file:PATH for a file",
            );
        }
        let mut given = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let Some((name, value)) = option.split_once('=') else {
                return invalid(
                    format!("the option {option:?} has no value"),
                    "write NAME=VALUE, with & between options",
                );
            };
            if given.contains(&name) {
                return invalid(format!("it has the option {name:?} twice"), "give each option once");
            }
            given.push(name);
            if !is_file && FILE_OPTIONS.contains(&name) {
                return invalid(
                    format!("{name} is a setting of the file, and there is none"),
                    "write file:PATH for a file",
                );
            }
            builder = builder.option(name, value).map_err(refused)?;
        }
        Ok(builder)
    }

    fn option(self, name: &str, value: &str) -> Result<Self, UrlRefusal> {
        Ok(match name {
            "memory" => self.memory_capacity(size(name, value)?),
            "disk" => self.disk_capacity(size(name, value)?),
            "write_buffer" => self.write_buffer(size(name, value)?),
            "page_cache" => self.page_cache(size(name, value)?),
            "verify" => self.verify_on_open(size(name, value)?),
            "flush" => self.flush_interval(duration(name, value)?),
            "sweep" => self.sweep_interval(duration(name, value)?),
            "open_timeout" => self.open_timeout(duration(name, value)?),
            "load_timeout" => self.load_timeout(duration(name, value)?),
            "lease_timeout" => self.lease_timeout(duration(name, value)?),
            "slow_load" => self.slow_load(duration(name, value)?),
            "sample_keys" => self.sample_keys(switch(name, value)?),
            "log_keys" => self.log_keys(switch(name, value)?),
            "shards" => self.shards(whole(name, value)?),
            "load_threads" => self.load_threads(whole(name, value)?),
            "control" => self.control(value)?,
            "control_values" => self.values(value)?,
            _ => return Err((format!("it has the option {name:?}"), OPTIONS)),
        })
    }

    #[cfg(all(unix, feature = "control"))]
    fn control(self, value: &str) -> Result<Self, UrlRefusal> {
        let path = path::of_text(value);
        let path = path.map_err(|(why, allowed)| (format!("control is {value:?}: {why}"), allowed))?;
        Ok(self.control_socket(path))
    }

    #[cfg(all(unix, feature = "control"))]
    fn values(self, value: &str) -> Result<Self, UrlRefusal> {
        let are_shown = switch("control_values", value)?;
        Ok(Self { control_values: are_shown, has_values_option: true, ..self })
    }

    #[cfg(not(all(unix, feature = "control")))]
    fn values(self, _: &str) -> Result<Self, UrlRefusal> {
        self.control("")
    }

    #[cfg(not(all(unix, feature = "control")))]
    #[expect(clippy::unused_self, reason = "as in a build that has the socket")]
    fn control(self, _: &str) -> Result<Self, UrlRefusal> {
        Err((
            "control is for a build that has a control socket".to_owned(),
            "build larder with its feature control",
        ))
    }
}

fn number(value: &str) -> (Option<u64>, &str) {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at(digits);
    (number.parse().ok(), unit)
}

fn whole(name: &str, value: &str) -> Result<usize, UrlRefusal> {
    match number(value) {
        (Some(number), "") => Ok(usize::try_from(number).unwrap_or(usize::MAX)),
        _ => Err((format!("{name} is {value:?}"), "it is a whole number")),
    }
}

fn size(name: &str, value: &str) -> Result<ByteSize, UrlRefusal> {
    value.parse().map_err(|_| (format!("{name} is {value:?}"), SIZE_FORM))
}

// `humantime` is not used here, because it also accepts months: `1M` and `1m` differ only in case.
fn duration(name: &str, value: &str) -> Result<Duration, UrlRefusal> {
    let millis = match number(value) {
        (Some(number), "ms") => Some(number),
        (Some(number), "s") => number.checked_mul(1_000),
        (Some(number), "m") => number.checked_mul(60_000),
        (Some(number), "h") => number.checked_mul(3_600_000),
        _ => None,
    };
    millis.map(Duration::from_millis).ok_or_else(|| {
        (format!("{name} is {value:?}"), "a duration is a whole number with ms, s, m or h, such as 100ms")
    })
}

fn switch(name: &str, value: &str) -> Result<bool, UrlRefusal> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err((format!("{name} is {value:?}"), "a switch is on or off")),
    }
}

/// Returns a URL that is safe to show. Hides the text before an `@`, except in the path of a `file:` URL, and
/// the values of unknown options. Both may contain passwords.
fn redacted(url: &str) -> String {
    let shown = without_user(url);
    let Some((place, query)) = shown.split_once('?') else {
        return shown;
    };
    let options = query.split('&').map(|option| match option.split_once('=') {
        Some((name, _)) if !KNOWN_OPTIONS.contains(&name) => format!("{name}=…"),
        _ => option.to_owned(),
    });
    format!("{place}?{}", options.collect::<Vec<_>>().join("&"))
}

fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("//") else {
        // A URL without a host should not contain a password. If it contains one anyway, the password must
        // not be shown.
        return match url.rsplit_once('@') {
            Some((_, shown)) if !url.starts_with("file:") => format!("…@{shown}"),
            _ => url.to_owned(),
        };
    };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let last_at = rest.rfind('@');
    let hidden = match last_at {
        // A password may contain a slash that should have been encoded.
        Some(at) if at < host_end || !scheme.starts_with("file") => at + 1,
        _ => 0,
    };
    match rest.get(hidden..) {
        Some(shown) if hidden > 0 => format!("{scheme}//…@{shown}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
