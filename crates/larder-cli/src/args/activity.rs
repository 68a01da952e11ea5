//! The options of `larder hot`, `slow` and `monitor`.

use clap::{Args, ValueHint, value_parser};

use super::cache::{CacheArgument, NOT_GIVEN};

#[derive(Debug, Args)]
pub(crate) struct ActivityOptions {
    /// The control socket of the process that owns the cache, or the URL with which this process was started
    /// [default: the URL in the environment variable `LARDER_URL`].
    #[arg(value_name = "SOCKET", default_value = NOT_GIVEN, hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) socket: CacheArgument,

    /// Show only keys of this keyspace.
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// Maximum number of slow loads, or of keys in each of the two lists.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,

    /// Print JSON. Errors on standard error are JSON too.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MonitorOptions {
    /// The control socket of the process that owns the cache, or the URL with which this process was started
    /// [default: the URL in the environment variable `LARDER_URL`].
    #[arg(value_name = "SOCKET", default_value = NOT_GIVEN, hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) socket: CacheArgument,

    /// Show one operation in N [default: 100].
    #[arg(long, value_name = "N")]
    #[arg(value_parser = value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) sample: Option<u64>,

    /// Stop after S seconds [default: 60].
    #[arg(long, value_name = "S")]
    #[arg(value_parser = value_parser!(u64).range(1..=larder::control::MAX_MONITOR_SECONDS))]
    pub(crate) seconds: Option<u64>,

    /// Stop after N operations.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,

    /// Show only operations on this keyspace.
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// Print each operation as one line of JSON. Errors on standard error are JSON too.
    #[arg(long)]
    pub(crate) json: bool,
}
