//! What can be asked of the commands that tell which keys of a live cache are at work.

use clap::{Args, ValueEnum, ValueHint, value_parser};

use super::{CacheArgument, NOT_GIVEN};

#[derive(Debug, Args)]
pub(crate) struct ActivityOptions {
    /// The control socket of the process that has the cache; or the URL that this process is started with
    /// [default: that of the environment variable `LARDER_URL`].
    #[arg(value_name = "SOCKET", default_value = NOT_GIVEN, hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) socket: CacheArgument,

    /// The keys of this keyspace alone.
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// So many at most.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,

    /// Print JSON, with errors on standard error as JSON too.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MonitorOptions {
    /// The control socket of the process that has the cache; or the URL that this process is started with
    /// [default: that of the environment variable `LARDER_URL`].
    #[arg(value_name = "SOCKET", default_value = NOT_GIVEN, hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) socket: CacheArgument,

    /// One operation in so many is shown [default: 100].
    #[arg(long, value_name = "N")]
    #[arg(value_parser = value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) sample: Option<u64>,

    /// Seconds after which it ends [default: 60].
    #[arg(long, value_name = "S")]
    #[arg(value_parser = value_parser!(u64).range(1..=larder::control::MAX_MONITOR_SECONDS))]
    pub(crate) seconds: Option<u64>,

    /// Operations after which it ends.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,

    /// The operations on this keyspace alone.
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// Print a JSON object for each operation, a line each, with errors on standard error as JSON too.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What keys are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    /// The largest values first, by their bytes before compression.
    Size,
    /// What was written first.
    Age,
    /// What expires soonest.
    Ttl,
}
