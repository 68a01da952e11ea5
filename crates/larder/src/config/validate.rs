//! Checks the settings of a cache.

use std::path::Path;
use std::time::Duration;

#[cfg(feature = "async")]
use super::load_settings::MAX_LOAD_TASKS;
use super::load_settings::MAX_LOAD_THREADS;
use super::{
    CacheBuilder, MAX_CAPACITY, MAX_INTERVAL, MAX_SHARDS, MAX_TTL, MIN_CAPACITY, MIN_DISK, MIN_INTERVAL,
    MIN_TTL,
};
use crate::error::Error;
use crate::units::ByteSize;

const MAX_NAME_LEN: usize = 255;

impl CacheBuilder {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        within("memory_capacity", self.memory_capacity, MIN_CAPACITY)?;
        within("disk_capacity", self.disk_capacity, MIN_DISK)?;
        within("write_buffer", self.write_buffer_or_default(), MIN_CAPACITY)?;
        within("page_cache", self.page_cache, MIN_CAPACITY)?;
        lasts("flush_interval", self.flush_interval, MIN_INTERVAL)?;
        lasts("sweep_interval", self.sweep_interval, MIN_INTERVAL)?;
        lasts("open_timeout", self.open_timeout, Duration::ZERO)?;
        if let Some(timeout) = self.load_timeout {
            lasts("load_timeout", timeout, MIN_INTERVAL)?;
        }
        lasts("lease_timeout", self.lease_timeout, MIN_INTERVAL)?;
        counts("load_threads", self.load_threads, MAX_LOAD_THREADS)?;
        #[cfg(feature = "async")]
        counts("load_tasks", self.load_tasks.max, MAX_LOAD_TASKS)?;
        if let Some(shards) = self.shards {
            counts("shards", shards, MAX_SHARDS)?;
        }
        if let Some(path) = self.path.as_deref().filter(|path| !names_a_file(path)) {
            return Err(Error::InvalidSetting {
                setting: "path",
                value: path.display().to_string(),
                allowed: "it must name a file, and not a directory".to_owned(),
            });
        }
        if let Some(path) = self.path.as_deref().filter(|_| self.remote.is_some()) {
            return Err(Error::InvalidSetting {
                setting: "path",
                value: path.display().to_string(),
                allowed: "a cache with a remote tier has no file; leave the path out".to_owned(),
            });
        }
        Ok(())
    }

    /// Refuses the option `control_values` of a URL for a cache without a control socket. Only `open` checks
    /// this, because the application may set the socket after it has parsed the URL.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn check_socket_options(&self) -> Result<(), Error> {
        if !self.has_values_option || self.control_socket.is_some() {
            return Ok(());
        }
        Err(Error::InvalidSetting {
            setting: "control_values",
            value: if self.control_values { "on" } else { "off" }.to_owned(),
            allowed: "the cache has no control socket; give control=PATH in the URL, or set control_socket"
                .to_owned(),
        })
    }
}

/// Returns whether a path ends with a file name. `var/` and `var/.` name the directory `var`, although
/// `Path::file_name` returns `var` for both.
fn names_a_file(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    let is_separator = |byte: &u8| std::path::is_separator(char::from(*byte));
    let last = text.rsplit(is_separator).next().unwrap_or_default();
    path.file_name().is_some() && !matches!(last, b"" | b"." | b"..")
}

fn within(setting: &'static str, value: ByteSize, least: ByteSize) -> Result<(), Error> {
    if (least..=MAX_CAPACITY).contains(&value) {
        return Ok(());
    }
    let allowed = format!("it may be from {least} to {MAX_CAPACITY}");
    Err(Error::InvalidSetting { setting, value: value.to_string(), allowed })
}

fn lasts(setting: &'static str, value: Duration, least: Duration) -> Result<(), Error> {
    if (least..=MAX_INTERVAL).contains(&value) {
        return Ok(());
    }
    let allowed = format!("it may be from {least:?} to {MAX_INTERVAL:?}");
    Err(Error::InvalidSetting { setting, value: format!("{value:?}"), allowed })
}

fn counts(setting: &'static str, value: usize, most: usize) -> Result<(), Error> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::InvalidSetting {
        setting,
        value: value.to_string(),
        allowed: format!("it may be from 1 to {most}"),
    })
}

pub(crate) fn check_jitter(percent: u8) -> Result<(), Error> {
    if percent <= 100 {
        return Ok(());
    }
    let allowed = "it may be from 0 % to 100 %".to_owned();
    Err(Error::InvalidSetting { setting: "jitter", value: format!("{percent} %"), allowed })
}

/// `ttl` is the keyspace's TTL, or `None` if its entries never expire.
pub(crate) fn check_max_age(max_age: Option<Duration>, ttl: Option<Duration>) -> Result<(), Error> {
    let Some(max_age) = max_age else { return Ok(()) };
    let allowed = match ttl {
        _ if !(MIN_TTL..=MAX_TTL).contains(&max_age) => {
            format!("it may be from {MIN_TTL:?} to {MAX_TTL:?}")
        }
        Some(ttl) if ttl <= max_age => return Ok(()),
        Some(ttl) => format!("it may not be shorter than the ttl, which is {ttl:?}"),
        None => "it contradicts never_expires".to_owned(),
    };
    Err(Error::InvalidSetting { setting: "max_age", value: format!("{max_age:?}"), allowed })
}

/// `ttl` is the keyspace's TTL, or `None` if its entries never expire. A `max_age` needs no check here,
/// because it is never shorter than the TTL.
pub(crate) fn check_time_to_idle(idle: Option<Duration>, ttl: Option<Duration>) -> Result<(), Error> {
    let Some(idle) = idle else { return Ok(()) };
    let allowed = match ttl {
        _ if !(MIN_TTL..=MAX_TTL).contains(&idle) => format!("it may be from {MIN_TTL:?} to {MAX_TTL:?}"),
        Some(ttl) if ttl <= idle => {
            format!("it must be shorter than the ttl, which is {ttl:?}: otherwise it ends no entry")
        }
        _ => return Ok(()),
    };
    Err(Error::InvalidSetting { setting: "time_to_idle", value: format!("{idle:?}"), allowed })
}

pub(crate) fn check_grace(grace: Option<Duration>, cool_down: Option<Duration>) -> Result<(), Error> {
    let invalid = |setting, value: Duration, allowed: String| {
        Err(Error::InvalidSetting { setting, value: format!("{value:?}"), allowed })
    };
    if let Some(grace) = grace.filter(|grace| !(MIN_TTL..=MAX_TTL).contains(grace)) {
        return invalid("grace", grace, format!("it may be from {MIN_TTL:?} to {MAX_TTL:?}"));
    }
    match cool_down {
        Some(cool_down) if grace.is_none() => invalid(
            "cool_down",
            cool_down,
            "it needs a grace: without one there is no stale value".to_owned(),
        ),
        Some(cool_down) => lasts("cool_down", cool_down, MIN_INTERVAL),
        None => Ok(()),
    }
}

/// `max_age` must already be checked.
pub(crate) fn check_absent_ttl(ttl: Option<Duration>, max_age: Option<Duration>) -> Result<(), Error> {
    let Some(ttl) = ttl else { return Ok(()) };
    let allowed = match max_age {
        _ if !(MIN_TTL..=MAX_TTL).contains(&ttl) => format!(
            "it may be from {MIN_TTL:?} to {MAX_TTL:?}; leave it out if an absence is not to be remembered"
        ),
        Some(max_age) if ttl > max_age => {
            format!("it may not be longer than the max_age, which is {max_age:?}")
        }
        _ => return Ok(()),
    };
    Err(Error::InvalidSetting { setting: "absent_ttl", value: format!("{ttl:?}"), allowed })
}

pub(crate) fn check_ttl(ttl: Duration) -> Result<(), Error> {
    if (MIN_TTL..=MAX_TTL).contains(&ttl) {
        return Ok(());
    }
    let allowed = format!(
        "it may be from {MIN_TTL:?} to {MAX_TTL:?}; to keep a value out of the cache, do not insert it"
    );
    Err(Error::InvalidSetting { setting: "ttl", value: format!("{ttl:?}"), allowed })
}

pub(crate) fn check_name(setting: &'static str, name: &str) -> Result<(), Error> {
    if (1..=MAX_NAME_LEN).contains(&name.len()) {
        return Ok(());
    }
    let allowed = format!("it may be from 1 to {MAX_NAME_LEN} bytes long");
    Err(Error::InvalidSetting { setting, value: format!("{name:?}"), allowed })
}
