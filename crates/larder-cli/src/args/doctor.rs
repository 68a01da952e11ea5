//! The options of `larder doctor`.

use std::path::PathBuf;

use clap::{Args, ValueHint, value_parser};

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// The cache file, the URL with which a service is started, also `redis://…`, or its control socket
    /// [default: the URL in the environment variable `LARDER_URL`].
    #[arg(value_name = "FILE|URL|SOCKET", value_hint = ValueHint::FilePath)]
    pub(crate) target: Option<String>,

    /// The control socket of the process that owns the file [default: the socket in the URL, or the socket
    /// that the lock file names].
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) socket: Option<PathBuf>,

    /// Watch the running service for N seconds to measure its rates. With 0, ask the service only once.
    #[arg(long, value_name = "N", default_value_t = 2)]
    #[arg(value_parser = value_parser!(u64).range(0..=3600))]
    pub(crate) seconds: u64,

    /// Check every page and every record, even in a long file.
    #[arg(long)]
    pub(crate) deep: bool,

    /// Print JSON. Errors on standard error are JSON too.
    #[arg(long)]
    pub(crate) json: bool,
}
