//! Parses the URL of a server.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::error::Error;

const DEFAULT_PORT: u16 = 6379;

const DEFAULT_SENTINEL_PORT: u16 = 26379;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentinelGroup {
    /// The names or addresses of the Sentinels, and their ports.
    pub(crate) sentinels: Vec<(String, u16)>,
    /// The name of the master in the configuration of the Sentinels.
    pub(crate) master: String,
}

/// Returns `HOST:PORT`, with brackets around an IPv6 address.
pub(crate) fn address_of(host: &str, port: u16) -> String {
    HostPort(host, port).to_string()
}

/// The address of a server. `Display` prints neither user nor password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServerPlace {
    /// A host name or IP address, and a port.
    Tcp(String, u16),
    Unix(PathBuf),
    /// The master that these Sentinels name.
    Sentinels(SentinelGroup),
}

/// A host and a port. `Display` prints them as in a URL.
struct HostPort<'a>(&'a str, u16);

impl fmt::Display for HostPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host, port) = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl fmt::Display for ServerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "redis://{}", HostPort(host, *port)),
            Self::Unix(path) => write!(f, "redis+unix://{}", path.display()),
            Self::Sentinels(group) => {
                let sentinels = group.sentinels.iter().map(|(host, port)| HostPort(host, *port).to_string());
                write!(f, "redis-sentinel://{}/{}", sentinels.collect::<Vec<_>>().join(","), group.master)
            }
        }
    }
}

/// A password. Neither `Debug` nor an error prints it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl Password {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the password. Only the connection may use it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    pub(crate) place: ServerPlace,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Password>,
    pub(crate) database: u32,
    pub(crate) is_tls: bool,
    /// The options after `?`, in order, without `db`. Their values are not decoded.
    pub(crate) options: Vec<(String, String)>,
}

impl ServerUrl {
    /// Parses a URL in one of three forms: `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE][?OPTIONS]`,
    /// `redis+unix:///PATH`, whose database is the option `db`, and
    /// `redis-sentinel://SENTINEL,SENTINEL/MASTER[/DATABASE]`.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let Some((scheme, rest)) = url.trim_ascii().split_once("://") else {
            return Err(invalid("it has no scheme"));
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut options = parse_options(query)?;
        // The last `@` separates user and host, because a password may contain an unencoded `@`.
        let (user_info, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        let (user, password) = user_info.map_or(Ok((None, None)), parse_user)?;
        let (place, path_database) = match scheme {
            "rediss" | "rediss-sentinel" | "rediss+sentinel" if cfg!(not(feature = "tls")) => {
                return Err(invalid("rediss needs the feature tls of larder-redis"));
            }
            "redis" | "rediss" => parse_tcp(rest)?,
            "redis-sentinel" | "redis+sentinel" | "rediss-sentinel" | "rediss+sentinel" => {
                parse_sentinels(rest)?
            }
            "unix" | "redis+unix" => (parse_unix(rest)?, None),
            _ => return Err(invalid("its scheme is none of redis, redis+unix and redis-sentinel")),
        };
        let from_option = options.iter().position(|(name, _)| name == "db").map(|at| options.remove(at).1);
        let database = match (path_database, from_option) {
            (Some(_), Some(_)) => return Err(invalid("it names a database twice")),
            (Some(text), None) | (None, Some(text)) => {
                text.parse().map_err(|_| invalid("its database is not a number"))?
            }
            (None, None) => 0,
        };
        Ok(Self { place, user, password, database, is_tls: scheme.starts_with("rediss"), options })
    }
}

fn invalid(why: &str) -> Error {
    Error::InvalidUrl { why: why.to_owned() }
}

/// Replaces each `%XX` with its byte.
pub(crate) fn decode(text: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| invalid("a part of it is not UTF-8"))
}

fn parse_options(query: &str) -> Result<Vec<(String, String)>, Error> {
    let mut options: Vec<(String, String)> = Vec::new();
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let Some((name, value)) = option.split_once('=') else {
            return Err(invalid("an option has no value; write NAME=VALUE, with & between options"));
        };
        let name = decode(name)?;
        if options.iter().any(|(given, _)| *given == name) {
            return Err(invalid("it has an option twice"));
        }
        options.push((name, value.to_owned()));
    }
    Ok(options)
}

fn parse_user(info: &str) -> Result<(Option<String>, Option<Password>), Error> {
    let Some((user, password)) = info.split_once(':') else {
        return Err(invalid("it has a user without a password"));
    };
    let user = decode(user)?;
    Ok(((!user.is_empty()).then_some(user), Some(Password(decode(password)?))))
}

fn parse_tcp(rest: &str) -> Result<(ServerPlace, Option<String>), Error> {
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = parse_host_port(authority, DEFAULT_PORT)?;
    Ok((ServerPlace::Tcp(host, port), (!database.is_empty()).then(|| database.to_owned())))
}

/// Reads `SENTINEL[:PORT],SENTINEL[:PORT]/MASTER[/DATABASE]`.
fn parse_sentinels(rest: &str) -> Result<(ServerPlace, Option<String>), Error> {
    let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (master, database) = path.split_once('/').unwrap_or((path, ""));
    if master.is_empty() {
        return Err(invalid("it names no master; write redis-sentinel://SENTINEL,SENTINEL/MASTER"));
    }
    let sentinels: Result<Vec<_>, _> =
        hosts.split(',').map(|host| parse_host_port(host, DEFAULT_SENTINEL_PORT)).collect();
    let group = SentinelGroup { sentinels: sentinels?, master: decode(master)? };
    Ok((ServerPlace::Sentinels(group), (!database.is_empty()).then(|| database.to_owned())))
}

fn parse_host_port(authority: &str, default: u16) -> Result<(String, u16), Error> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let Some((host, after)) = bracketed.split_once(']') else {
                return Err(invalid("its address has no closing bracket"));
            };
            let port = if after.is_empty() { Some(after) } else { after.strip_prefix(':') };
            (host, port.ok_or_else(|| invalid("its address has no colon after the closing bracket"))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    if host.is_empty() {
        return Err(invalid("it names no host"));
    }
    let port = match port {
        "" => default,
        port => port.parse().ok().filter(|port| *port != 0).ok_or_else(|| invalid("its port is not one"))?,
    };
    Ok((decode(host)?, port))
}

fn parse_unix(rest: &str) -> Result<ServerPlace, Error> {
    let path = decode(rest)?;
    if !path.starts_with('/') || path.contains('\0') {
        return Err(invalid("the path of its socket is not absolute"));
    }
    Ok(ServerPlace::Unix(PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> (String, u32) {
        let parsed = ServerUrl::parse(url).unwrap();
        (parsed.place.to_string(), parsed.database)
    }

    #[test]
    fn the_urls_of_the_guide_are_read() {
        assert_eq!(place("redis://127.0.0.1:6379/1"), ("redis://127.0.0.1:6379".to_owned(), 1));
        assert_eq!(place("redis://redis.example.com"), ("redis://redis.example.com:6379".to_owned(), 0));
        assert_eq!(place("redis://:password@127.0.0.1:6380/1"), ("redis://127.0.0.1:6380".to_owned(), 1));
        assert_eq!(place("redis://[::1]:7000/"), ("redis://[::1]:7000".to_owned(), 0));
        assert_eq!(
            place("redis+unix:///run/redis.sock?db=3"),
            ("redis+unix:///run/redis.sock".to_owned(), 3)
        );
        assert_eq!(place(" unix:///run/a%20b.sock\n"), ("redis+unix:///run/a b.sock".to_owned(), 0));
    }

    #[test]
    fn the_urls_of_sentinels_are_read() {
        let url = "redis-sentinel://shop:s%40cret@a,[::1]:7000,b:26380/my%20master/2";
        let parsed = ServerUrl::parse(url).unwrap();
        assert_eq!(parsed.place.to_string(), "redis-sentinel://a:26379,[::1]:7000,b:26380/my master");
        assert_eq!((parsed.user.as_deref(), parsed.database, parsed.is_tls), (Some("shop"), 2, false));
        assert_eq!(place("redis+sentinel://a/m?db=3"), ("redis-sentinel://a:26379/m".to_owned(), 3));
        let is_tls = |url: &str| ServerUrl::parse(url).map(|parsed| parsed.is_tls);
        assert_eq!(is_tls("rediss-sentinel://a/m").ok(), cfg!(feature = "tls").then_some(true));
        for wrong in ["redis-sentinel://a,b", "redis-sentinel://a,/m", "redis-sentinel://a/m/0?db=0"] {
            assert!(ServerUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn user_and_password_are_decoded_and_never_shown() {
        let url = ServerUrl::parse("redis://shop:s%40cret@h/1?prefix=shop&staleness=500ms").unwrap();
        assert_eq!(url.user.as_deref(), Some("shop"));
        assert_eq!(url.password.as_ref().map(Password::reveal), Some("s@cret"));
        assert!(!format!("{url:?}{}", url.place).contains("cret"));
        assert_eq!(url.options, [("prefix".into(), "shop".into()), ("staleness".into(), "500ms".into())]);
    }

    #[test]
    fn no_error_shows_a_password() {
        let urls = [
            "redis//:s3cret@h",
            "redis://:s3cret@",
            "redis://:s3cret@h:0",
            "redis://:s3cret@h:99999",
            "redis://:s3cret@h/x",
            "redis://:s3cret@h/1?db=1",
            "redis://:s3cret@h?a",
            "redis://:s3cret@h?a=1&a=2",
            "redis://:s3cret@[::1",
            "redis://:s3cret@[::1]7000",
            "redis://s3cret@h",
            "http://:s3cret@h",
            "rediss://:s3cret@h:0",
            "redis+unix://:s3cret@relative",
            "redis-sentinel://:s3cret@a,b",
        ];
        for url in urls {
            let error = ServerUrl::parse(url).expect_err(url);
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
