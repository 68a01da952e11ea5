//! The settings of a connection.

use std::path::PathBuf;
use std::time::Duration;

use crate::address::{Password, ServerPlace, ServerUrl, decode};
use crate::connection::validity::Tracking;
use crate::error::Error;

/// Default of `staleness`: how long a value from memory may be outdated after a change that the server has
/// acknowledged.
pub const DEFAULT_STALENESS: Duration = Duration::from_secs(1);
/// Default of `request_timeout`: the connection counts as lost if no part of a reply arrives for this time.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Default of `connect_timeout`: the time limit for connecting and greeting.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum of `staleness`.
pub const MAX_STALENESS: Duration = Duration::from_mins(1);
/// Minimum of `staleness`. A shorter time would require a PING every few milliseconds.
pub const MIN_STALENESS: Duration = Duration::from_millis(100);
/// Maximum number of bytes of the requests that wait for their replies. Short requests have some more room.
pub(crate) const MAX_AWAITED: usize = 128 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    /// How long a value from memory may be outdated after a change that the server has acknowledged.
    pub(crate) staleness: Duration,
    /// The connection counts as lost if a request waits and no part of a reply arrives for this time.
    pub(crate) request: Duration,
    /// Time limit for connecting and greeting.
    pub(crate) connect: Duration,
    /// Maximum wait before the second attempt to connect. It doubles with each further failure.
    pub(crate) min_backoff: Duration,
    /// Upper limit of the doubled wait.
    pub(crate) max_backoff: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            staleness: DEFAULT_STALENESS,
            request: DEFAULT_REQUEST_TIMEOUT,
            connect: DEFAULT_CONNECT_TIMEOUT,
            min_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(5),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) server: ServerUrl,
    pub(crate) timing: Timing,
    pub(crate) tracking: Tracking,
    /// The user and the password for the Sentinels, which are not those for the master.
    pub(crate) sentinel_user: Option<String>,
    pub(crate) sentinel_password: Option<Password>,
    /// Whether Sentinels have named the server of these settings.
    pub(crate) is_elected: bool,
    /// A file with trusted certificates, which replace those of the system.
    pub(crate) authority: Option<PathBuf>,
    /// The first part of every key on the server.
    pub(crate) prefix: String,
    /// Whether the URL declares that the server never loses an acknowledged change, even in a crash.
    pub(crate) is_durable: bool,
    /// Number of replicas that must have a removal before it is acknowledged.
    pub(crate) replicas: u32,
    /// The options that the cache uses, and the connection does not.
    pub(crate) others: Vec<(String, String)>,
}

pub(crate) const DEFAULT_PREFIX: &str = "larder";

impl Settings {
    pub(crate) fn from_url(url: &str) -> Result<Self, Error> {
        let mut server = ServerUrl::parse(url)?;
        let mut settings = Self {
            timing: Timing::default(),
            tracking: Tracking::default(),
            sentinel_user: None,
            sentinel_password: None,
            is_elected: false,
            authority: None,
            prefix: DEFAULT_PREFIX.to_owned(),
            is_durable: false,
            replicas: 0,
            others: Vec::new(),
            server: ServerUrl { options: Vec::new(), ..server.clone() },
        };
        for (name, value) in std::mem::take(&mut server.options) {
            settings.set(name, value)?;
        }
        settings.validate()?;
        Ok(settings)
    }

    fn set(&mut self, name: String, written: String) -> Result<(), Error> {
        let value = decode(&written)?;
        let invalid = |setting, allowed| Error::InvalidSetting { setting, value: value.clone(), allowed };
        let time =
            |setting| duration(&value).ok_or_else(|| invalid(setting, "write a number with ms, s or m"));
        match name.as_str() {
            "ca" if self.server.is_tls => self.authority = Some(PathBuf::from(value)),
            // An empty value means none. A template writes an empty value for an unset variable.
            "sentinel_username" => self.sentinel_user = Some(value).filter(|user| !user.is_empty()),
            "sentinel_password" => {
                self.sentinel_password = Some(value).filter(|word| !word.is_empty()).map(Password::new);
            }
            "prefix" => self.prefix.clone_from(&value),
            "staleness" => self.timing.staleness = time("staleness")?,
            "request_timeout" => self.timing.request = time("request_timeout")?,
            "connect_timeout" => self.timing.connect = time("connect_timeout")?,
            "tracking" => {
                self.tracking = match value.as_str() {
                    "broadcast" => Tracking::Broadcast,
                    "per-key" => Tracking::PerKey,
                    _ => return Err(invalid("tracking", "write per-key or broadcast")),
                }
            }
            "fsync" => {
                self.is_durable = match value.as_str() {
                    "always" => true,
                    "everysec" | "no" => false,
                    _ => return Err(invalid("fsync", "write what appendfsync of the server is")),
                }
            }
            "replicas" => {
                self.replicas = value.parse().map_err(|_| invalid("replicas", "write a number"))?;
            }
            _ => self.others.push((name, written)),
        }
        Ok(())
    }

    fn validate(&self) -> Result<(), Error> {
        let invalid =
            |setting, value: String, allowed| Err(Error::InvalidSetting { setting, value, allowed });
        let has_credentials = self.sentinel_user.is_some() || self.sentinel_password.is_some();
        if has_credentials && !matches!(self.server.place, ServerPlace::Sentinels(_)) {
            let why = "sentinel_username and sentinel_password are for redis-sentinel://";
            return Err(Error::InvalidUrl { why: why.to_owned() });
        }
        if self.sentinel_user.is_some() && self.sentinel_password.is_none() {
            let why = "it has a sentinel_username without a sentinel_password";
            return Err(Error::InvalidUrl { why: why.to_owned() });
        }
        if self.is_durable && matches!(self.server.place, ServerPlace::Sentinels(_)) {
            let why = "fsync=always says that no data of the server is ever lost, but a replica that \
                       the Sentinels promote may lack the last changes: leave fsync out";
            return Err(Error::InvalidUrl { why: why.to_owned() });
        }
        let timing = &self.timing;
        if !(MIN_STALENESS..=MAX_STALENESS).contains(&timing.staleness) {
            return invalid("staleness", format!("{:?}", timing.staleness), "it may be from 100ms to 60s");
        }
        for (setting, value) in [("request_timeout", timing.request), ("connect_timeout", timing.connect)] {
            if !(Duration::from_millis(10)..=Duration::from_mins(1)).contains(&value) {
                return invalid(setting, format!("{value:?}"), "it may be from 10ms to 60s");
            }
        }
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        if self.prefix.is_empty() || self.prefix.len() > 64 || !self.prefix.bytes().all(is_plain) {
            let allowed = "it may be from 1 to 64 ASCII characters long, without spaces and colons";
            return invalid("prefix", format!("{:?}", self.prefix), allowed);
        }
        Ok(())
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_a_url_are_settings_and_the_rest_is_left_to_the_cache() {
        let url =
            "redis://h/2?prefix=shop&staleness=500ms&tracking=broadcast&fsync=always&replicas=1&memory=64MiB";
        let settings = Settings::from_url(url).unwrap();
        assert_eq!((settings.prefix.as_str(), settings.server.database), ("shop", 2));
        assert_eq!(settings.timing.staleness, Duration::from_millis(500));
        assert_eq!(
            (settings.tracking, settings.is_durable, settings.replicas),
            (Tracking::Broadcast, true, 1)
        );
        assert_eq!(settings.others, [("memory".to_owned(), "64MiB".to_owned())]);
    }

    #[test]
    fn sentinels_have_a_user_and_a_password_of_their_own() {
        let url = "redis-sentinel://a,b/m?sentinel_username=watch&sentinel_password=s%263cret";
        let settings = Settings::from_url(url).unwrap();
        assert_eq!(settings.sentinel_user.as_deref(), Some("watch"));
        assert_eq!(settings.sentinel_password.as_ref().map(Password::reveal), Some("s&3cret"));
        assert!(!format!("{settings:?}").contains("3cret"));
        for wrong in ["redis://h?sentinel_password=s3cret", "redis-sentinel://a/m?sentinel_username=u"] {
            let error = Settings::from_url(wrong).expect_err(wrong);
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn a_server_that_a_replica_may_replace_is_not_declared_durable() {
        let error = Settings::from_url("redis-sentinel://a,b,c/m?fsync=always").unwrap_err().to_string();
        assert!(error.contains("leave fsync out"), "{error}");
        assert!(Settings::from_url("redis-sentinel://a,b,c/m?fsync=everysec").is_ok());
    }

    #[test]
    fn a_setting_outside_its_range_is_refused() {
        for option in [
            "staleness=99ms",
            "staleness=61s",
            "staleness=1",
            "staleness=99999999999999999999s",
            "request_timeout=0ms",
            "tracking=on",
            "prefix=",
            "prefix=a:b",
            "prefix=a%20b",
            "fsync=maybe",
            "replicas=-1",
        ] {
            assert!(Settings::from_url(&format!("redis://h?{option}")).is_err(), "{option}");
        }
    }
}
