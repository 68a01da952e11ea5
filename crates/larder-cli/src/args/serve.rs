//! The options of `larder serve`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueHint, value_parser};
use larder::ByteSize;

#[derive(Debug, Args)]
pub(crate) struct ServeOptions {
    /// The cache: a URL such as `file:/var/lib/shop/shop.larder?memory=64MiB&disk=1GiB` or `memory:`, or the
    /// path of its file [default: the URL in the environment variable `LARDER_URL`].
    pub(crate) url: Option<String>,

    /// Listen at this address: unix:PATH or HOST:PORT. May be given several times.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<String>,

    /// Answer GET /health and GET /metrics (for Prometheus) at this address: HOST:PORT.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) http: Option<String>,

    /// The mode of Unix sockets, in octal.
    #[arg(long, value_name = "MODE", default_value = "600", value_parser = octal)]
    pub(crate) socket_mode: u32,

    /// The group of Unix sockets: a name in /etc/group, or a number. Use it with --socket-mode 660.
    #[arg(long, value_name = "GROUP")]
    pub(crate) socket_group: Option<String>,

    /// Ask clients for the password in the first line of this file [default: the password in the environment
    /// variable `LARDER_PASSWORD`, or none].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) password_file: Option<PathBuf>,

    /// Allow listening at addresses that other machines can reach. Such addresses require a password.
    /// Connections are not encrypted: anyone who reads the network reads the password and the values.
    /// Use a private network, or a tunnel.
    #[arg(long)]
    pub(crate) allow_remote: bool,

    /// Refuse commands that change entries.
    #[arg(long)]
    pub(crate) read_only: bool,

    /// The number of databases.
    #[arg(long, value_name = "N", default_value_t = 16)]
    #[arg(value_parser = value_parser!(u16).range(1..=256))]
    pub(crate) databases: u16,

    /// Show this keyspace of an application as a further database, whose number follows: 16 for the first
    /// with 16 databases. Keys are text, as `larder keys` prints them. Clients read and remove entries, and
    /// write no values. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Vec<String>,

    /// When to answer a removal: `durable`, or `buffered` for locks and sessions, which may then reappear
    /// after a crash. For one database: `2:buffered`. May be given several times [default: durable].
    #[arg(long, value_name = "[DB:]MODE")]
    pub(crate) removal: Vec<DatabaseMode>,

    /// When to answer a write: `buffered`, or `durable`. For one database: `2:durable`. May be given several
    /// times [default: buffered].
    #[arg(long, value_name = "[DB:]MODE")]
    pub(crate) write: Vec<DatabaseMode>,

    /// Maximum number of connections.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    #[arg(value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_connections: u32,

    /// The memory that requests and unsent replies of all connections may take, such as 256MiB. Beyond it,
    /// connections that hold more than an equal share are closed.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = buffer_memory)]
    pub(crate) buffer_memory: usize,

    /// Close connections that have been idle for this many seconds [default: never].
    #[arg(long, value_name = "SECONDS")]
    #[arg(value_parser = value_parser!(u64).range(1..=31_536_000))]
    pub(crate) idle_timeout: Option<u64>,

    /// The number of threads that serve connections [default: one per core, up to four].
    #[arg(long, value_name = "N")]
    #[arg(value_parser = value_parser!(u16).range(1..=64))]
    pub(crate) threads: Option<u16>,
}

/// The mode of one database, or of all databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DatabaseMode {
    pub(crate) database: Option<usize>,
    pub(crate) is_durable: bool,
}

impl FromStr for DatabaseMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (database, mode) = match text.split_once(':') {
            Some((number, mode)) => {
                let number =
                    number.parse().map_err(|_| format!("{number:?} is not the number of a database"))?;
                (Some(number), mode)
            }
            None => (None, text),
        };
        let is_durable = match mode {
            "durable" => true,
            "buffered" => false,
            other => return Err(format!("{other:?} is neither durable nor buffered")),
        };
        Ok(Self { database, is_durable })
    }
}

fn octal(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| format!("{text:?} is not a mode in octal, such as 600 or 660"))
}

fn buffer_memory(text: &str) -> Result<usize, String> {
    let size: ByteSize = text.parse().map_err(|error| format!("{error}"))?;
    usize::try_from(size.as_u64()).map_err(|_| format!("{text} is more than this system can address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_of_all_databases_or_of_one() {
        let read = |text: &str| text.parse::<DatabaseMode>();
        assert_eq!(read("buffered"), Ok(DatabaseMode { database: None, is_durable: false }));
        assert_eq!(read("3:durable"), Ok(DatabaseMode { database: Some(3), is_durable: true }));
        for wrong in ["", "3", "3:", "x:durable", "-1:durable", "lazy"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(octal("660"), Ok(0o660));
        assert!(octal("888").is_err() && octal("1000").is_err() && octal("").is_err());
    }
}
