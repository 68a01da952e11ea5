//! The command line: what can be asked for, the bounds of it, and the text of `--help`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, value_parser};
use serde::{Deserialize, Serialize};

/// Requests of one phase unless told otherwise: enough that the first load of every popular key is a small
/// share, as it is in a shop that has been open for a while.
pub(crate) const DEFAULT_REQUESTS: u64 = 600_000;

#[derive(Debug, Parser)]
#[command(name = "larder", version, about = "An embedded, persistent, two-tier cache", long_about = None)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try a cache out where it is to work, and say what was found.
    ///
    /// Opens the cache as a service would (a file that is not there is made), writes a probe, reads it back, lets
    /// it expire and removes it, in memory and in the file; then removes what is left of it. Exits with 0 if every
    /// tier works, with 1 if one does not, and with 2 if the cache could not be opened: then, too, if a service is
    /// using the file.
    Check {
        /// The cache, as in `file:/var/lib/shop/shop.larder?memory=64MiB&disk=1GiB` or `memory:`
        /// [default: what the environment variable `LARDER_URL` says].
        url: Option<String>,
    },

    /// Run the cache on a real database and show what it saves.
    ///
    /// Fills a database with a shop, answers a skewed stream of requests from several threads without and
    /// with larder while products are updated, restarts its own process, and answers again from disk. Every
    /// answer is checked: exits with 1 if one was older than an invalidation that had returned.
    Demo(DemoOptions),

    /// The demo's second half: what its process becomes when it restarts itself.
    #[command(hide = true)]
    DemoRestarted {
        /// What the first half left for the second.
        handover: PathBuf,
    },
}

#[derive(Clone, Debug, Args, Serialize, Deserialize)]
pub(crate) struct DemoOptions {
    /// Requests in each of the three phases.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_REQUESTS)]
    #[arg(value_parser = value_parser!(u64).range(1..=100_000_000))]
    pub(crate) requests: u64,

    /// Threads that ask at the same time.
    #[arg(long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = value_parser!(u64).range(1..=256))]
    pub(crate) threads: u64,

    /// Where to keep the database and the cache [default: a temporary directory, removed at the end].
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// Decides which requests and updates are drawn.
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub(crate) seed: u64,

    /// Write the results to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_demo_without_requests_or_threads_is_refused() {
        assert!(Arguments::try_parse_from(["larder", "demo", "--requests", "0"]).is_err());
        assert!(Arguments::try_parse_from(["larder", "demo", "--threads", "0"]).is_err());
        assert!(Arguments::try_parse_from(["larder", "demo", "--requests", "1", "--threads", "1"]).is_ok());
    }
}
