//! Builds the URL of a master that Sentinels name.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Builds the URL of a master that Sentinels name, from parts that may contain any characters.
///
/// No method connects. Each method copies its arguments, and [`build`](Self::build) copies the whole URL
/// once.
///
/// ```
/// let url = larder_redis::SentinelUrl::new("mymaster")
///     .sentinel("sentinel-1.example.com", 26379)
///     .sentinel("sentinel-2.example.com", 26379)
///     .sentinel("sentinel-3.example.com", 26379)
///     .user("shop", "p@ssword")
///     .sentinel_user("watch", "another")
///     .option("prefix", "shop")
///     .build();
/// assert!(url.starts_with("redis-sentinel://shop:p%40ssword@sentinel%2D1%2Eexample%2Ecom:26379,"));
/// # let _ = || larder_redis::open_url(&url);
/// ```
#[derive(Clone)]
#[must_use = "`build` returns the URL"]
pub struct SentinelUrl {
    master: String,
    user: String,
    hosts: Vec<String>,
    database: u32,
    is_tls: bool,
    options: String,
}

/// Shows the Sentinels and the name of the master, and no password.
impl fmt::Debug for SentinelUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SentinelUrl({} of {})", self.master, self.hosts.join(","))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl SentinelUrl {
    /// Begins a URL. `master` is the name of the master in the `sentinel monitor` line of the Sentinels.
    pub fn new(master: &str) -> Self {
        let (user, options) = (String::new(), String::new());
        Self { master: encoded(master), user, hosts: Vec::new(), database: 0, is_tls: false, options }
    }

    /// Adds a Sentinel, with its host name or address. Add all Sentinels, or at least a majority of them.
    pub fn sentinel(mut self, host: &str, port: u16) -> Self {
        let host = if host.contains(':') { format!("[{host}]") } else { encoded(host) };
        self.hosts.push(format!("{host}:{port}"));
        self
    }

    /// Sets the user and the password for the master. An empty user is the default user.
    pub fn user(mut self, user: &str, password: &str) -> Self {
        self.user = format!("{}:{}@", encoded(user), encoded(password));
        self
    }

    /// Sets the user and the password for the Sentinels. An empty user is the default user.
    pub fn sentinel_user(self, user: &str, password: &str) -> Self {
        let with_user = if user.is_empty() { self } else { self.option("sentinel_username", user) };
        with_user.option("sentinel_password", password)
    }

    /// Sets the number of the database. Default 0.
    pub fn database(mut self, database: u32) -> Self {
        self.database = database;
        self
    }

    /// Encrypts the connections to the master and to the Sentinels. Needs the feature `tls`.
    pub fn tls(mut self) -> Self {
        self.is_tls = true;
        self
    }

    /// Adds an option of a URL, such as `prefix` or `memory`.
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options += &["&", name, "=", &encoded(value)].concat();
        self
    }

    /// Returns the URL, which contains the passwords.
    #[must_use]
    pub fn build(&self) -> String {
        let scheme = if self.is_tls { "rediss-sentinel" } else { "redis-sentinel" };
        let options = self.options.strip_prefix('&').map(|options| format!("?{options}")).unwrap_or_default();
        let (hosts, database) = (self.hosts.join(","), self.database);
        format!("{scheme}://{}{hosts}/{}/{database}{options}", self.user, self.master)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Password;
    use crate::settings::Settings;

    #[test]
    fn what_is_built_is_read_again() {
        let url = SentinelUrl::new("my/master").sentinel("a", 1).sentinel("::1", 2).database(3);
        let url = url.user("", "a:b@c/d?").sentinel_user("u", "s&=%").option("prefix", "shop");
        let settings = Settings::from_url(&url.build()).expect("a URL of Sentinels");
        assert_eq!(settings.server.place.to_string(), "redis-sentinel://a:1,[::1]:2/my/master");
        assert_eq!((settings.server.user, settings.server.database), (None, 3));
        assert_eq!(settings.server.password.as_ref().map(Password::reveal), Some("a:b@c/d?"));
        assert_eq!(settings.sentinel_password.as_ref().map(Password::reveal), Some("s&=%"));
        assert_eq!((settings.sentinel_user.as_deref(), settings.prefix.as_str()), (Some("u"), "shop"));
        assert!(!format!("{url:?}").contains("s&"), "{url:?}");
        assert!(url.tls().build().starts_with("rediss-sentinel://"));
    }
}
