//! The options of the commands that change entries, and of `flush`, `stats` and `top`.

use std::path::PathBuf;

use clap::{Args, ValueHint, value_parser};

use super::cache::{CacheArgument, NOT_GIVEN};
use super::inspect::FileOptions;

/// The cache to change, and the form of the output.
#[derive(Debug, Args)]
pub(crate) struct TargetOptions {
    /// The cache file; the control socket of a process; or the URL with which a process was started, also
    /// `redis://…` [default: the URL in the environment variable `LARDER_URL`]. If a process owns the file
    /// and serves a socket, the command asks that process.
    #[arg(value_name = "FILE|SOCKET", default_value = NOT_GIVEN, hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) file: CacheArgument,

    /// The control socket of the process that owns the file. The process makes the change, in its memory and
    /// in the file.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) socket: Option<PathBuf>,

    /// Change the file directly, without asking its process.
    #[arg(long, conflicts_with = "socket")]
    pub(crate) file_only: bool,

    /// Print JSON. Errors on standard error are JSON too.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveOptions {
    #[command(flatten)]
    pub(crate) target: TargetOptions,

    /// The key, as `larder keys` shows it.
    #[arg(index = 2, allow_hyphen_values = true)]
    pub(crate) key: String,

    /// The keyspace of the key. The key is then read literally [default: the only keyspace, or the keyspace
    /// of a product key].
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// Only show what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemovePrefixOptions {
    #[command(flatten)]
    pub(crate) target: TargetOptions,

    /// The prefix: the first letters of a text, or the first parts of a tuple, as in `("MTNDATA",)`.
    #[arg(index = 2, allow_hyphen_values = true)]
    pub(crate) prefix: String,

    /// The keyspace of the keys [default: the only keyspace].
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// Only count what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ClearOptions {
    #[command(flatten)]
    pub(crate) target: TargetOptions,

    /// Remove only the entries of this keyspace.
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// Only count what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    #[command(flatten)]
    pub(crate) cache: FileOptions,

    /// The export, in either format.
    #[arg(index = 2, value_hint = ValueHint::FilePath)]
    pub(crate) export: PathBuf,

    /// Import only the entries of this keyspace.
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// If the export defines a keyspace differently than the file, retire the keyspace in the file, with
    /// its entries.
    #[arg(long)]
    pub(crate) replace: bool,

    /// Create the cache file if it does not exist.
    #[arg(long)]
    pub(crate) create: bool,

    /// Only show what would be written.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A live cache, given by its control socket.
#[derive(Debug, Args)]
pub(crate) struct SocketOptions {
    /// The control socket of the process that owns the cache; its cache file; or the URL with which this
    /// process was started [default: the URL in the environment variable `LARDER_URL`].
    #[arg(value_name = "SOCKET|FILE", default_value = NOT_GIVEN, hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) socket: CacheArgument,

    /// Print JSON. Errors on standard error are JSON too.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatsOptions {
    /// The control socket of the process that owns the cache; a cache file; or the URL with which a service
    /// was started [default: the URL in the environment variable `LARDER_URL`].
    #[arg(value_name = "SOCKET|FILE", default_value = NOT_GIVEN, hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) target: CacheArgument,

    /// Read only the file, even if its process could be asked.
    #[arg(long)]
    pub(crate) file_only: bool,

    /// Print JSON. Errors on standard error are JSON too.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TopOptions {
    /// The control socket of the process that owns the cache; a cache file; or the URL with which a service
    /// was started [default: the URL in the environment variable `LARDER_URL`].
    #[arg(value_name = "SOCKET|FILE", default_value = NOT_GIVEN, hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) target: CacheArgument,

    /// Read only the file, even if its process could be asked.
    #[arg(long)]
    pub(crate) file_only: bool,

    /// Milliseconds between two updates.
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    #[arg(value_parser = value_parser!(u64).range(100..=60_000))]
    pub(crate) interval: u64,
}
