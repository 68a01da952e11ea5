//! The addresses on which a server listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// An address on which a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A Unix socket at a path.
    Unix(PathBuf),
    /// A TCP address and port. Port 0 stands for any free port.
    Tcp(SocketAddr),
}

impl Address {
    /// Parses an address: `unix:PATH`, `HOST:PORT` or `tcp:HOST:PORT`. `HOST` is an IP address or
    /// `localhost`.
    ///
    /// ```
    /// use larder_serve::Address;
    ///
    /// assert_eq!(Address::parse("unix:run/shop.sock"), Some(Address::Unix("run/shop.sock".into())));
    /// assert_eq!(Address::parse("localhost:6379"), Address::parse("tcp:127.0.0.1:6379"));
    /// assert!(Address::parse("[::1]:6379").is_some_and(|address| address.is_local()));
    /// assert_eq!(Address::parse("6379"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            // In a URL, two slashes come before the absolute path.
            let path = path.strip_prefix("//").unwrap_or(path);
            return (!path.is_empty() && !path.contains('\0')).then(|| Self::Unix(path.into()));
        }
        let text = text.strip_prefix("tcp:").unwrap_or(text);
        let text = text.strip_prefix("//").unwrap_or(text);
        if let Some(port) = text.strip_prefix("localhost:") {
            return Some(Self::Tcp((Ipv4Addr::LOCALHOST, port.parse().ok()?).into()));
        }
        text.parse().ok().map(Self::Tcp)
    }

    /// Returns whether only processes on this machine can connect.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp(address) => match address.ip() {
                IpAddr::V4(ip) => ip.is_loopback(),
                IpAddr::V6(ip) => ip == Ipv6Addr::LOCALHOST,
            },
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}
