//! The command line: subcommands, options with their bounds, and the text of `--help`.

mod activity;
mod cache;
mod change;
mod doctor;
mod examples;
mod inspect;
mod parse;
mod serve;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use activity::{ActivityOptions, MonitorOptions};
pub(crate) use cache::CacheArgument;
use cache::is_required;
pub(crate) use change::{
    ClearOptions, ImportOptions, RemoveOptions, RemovePrefixOptions, SocketOptions, StatsOptions,
    TargetOptions, TopOptions,
};
pub(crate) use doctor::DoctorOptions;
pub(crate) use examples::EXAMPLES;
pub(crate) use inspect::{ExportOptions, FileOptions, Format, GetOptions, KeyOptions, KeysOptions, SortBy};
pub(crate) use serve::ServeOptions;

#[derive(Debug, Parser)]
#[command(name = "larder", version, about = "An embedded, persistent, two-tier cache", long_about = None)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The exit codes of the commands on a cache file. docs/command.md lists the same codes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes of the commands on a cache file:
  0    success
  1    the answer is no: there is no such key or keyspace, it has expired, or the application does not sample keys
  2    the command line is invalid, or neither it nor `LARDER_URL` names a cache
  3    there is no such file
  4    another program has the file, or its owner keeps it from being verified
  5    the file is not a larder file
  6    the file or a record is damaged
  7    the file is of a newer format
  8    the operating system or a server refused or failed
  9    `doctor` warns
  10   `doctor` found something that is wrong
  130  interrupted with Ctrl-C
  141  the reader of the output went away
`check` has its own, which its help lists.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a cache file: its owner, its state and its keyspaces.
    ///
    /// Works while a service uses the file, and does not disturb the service. After a crash, shows the file
    /// as its next owner will find it. Like `keys`, `get`, `ttl`, `why`, `verify`, `export` and `doctor`,
    /// changes nothing.
    Info(FileOptions),

    /// List the keys of a cache.
    ///
    /// Prints one key per line, after the name of its keyspace and a tab. `get`, `ttl`, `why` and `remove`
    /// accept keys in this form.
    #[command(alias = "scan")]
    Keys(KeysOptions),

    /// Show the entry of a key.
    ///
    /// A file does not record the types of values. Shows MessagePack as JSON and text as text. Shows any
    /// other value as its bytes, with the texts at its beginning.
    #[command(mut_arg("file", is_required), override_usage = "larder get [OPTIONS] [FILE] <KEY>")]
    Get(GetOptions),

    /// Show the remaining lifetime of an entry, in seconds.
    #[command(mut_arg("file", is_required), override_usage = "larder ttl [OPTIONS] [FILE] <KEY>")]
    Ttl(KeyOptions),

    /// Explain why a lookup of a key hits or misses.
    #[command(mut_arg("file", is_required), override_usage = "larder why [OPTIONS] [FILE] <KEY>")]
    Why(KeyOptions),

    /// Check every page and every record of a cache file.
    ///
    /// If a service uses the file, checks the state of one commit. Until the check ends, the service cannot
    /// reuse space.
    Verify(FileOptions),

    /// Print the statistics of a live cache, or the counters of a file since it was created.
    Stats(StatsOptions),

    /// Watch a live cache: hit rates, latencies, evictions, memory and disk. For a file alone, watch its
    /// entries and changes.
    ///
    /// `q` quits, and `?` shows the keys. Requires a terminal. For a pipe, use `larder stats`.
    Top(TopOptions),

    /// Show the keys of a live cache with the most hits, and the keys with the most misses.
    ///
    /// Uses the control socket. The shares are estimated from a sample, and shown with their error. The
    /// application must be started with `sample_keys=on` in its URL.
    Hot(ActivityOptions),

    /// Print the latest slow loads of a live cache, with their keys and durations.
    ///
    /// Uses the control socket. The application keeps the latest 128 slow loads. A load is slow if it takes
    /// at least one second, or the time set in the application's URL (`slow_load=300ms`).
    Slow(ActivityOptions),

    /// Print a sample of the operations of a live cache as they happen: lookups, loads, inserts and removals.
    ///
    /// Uses the control socket. The cache never waits for this command: if operations come too fast, some are
    /// only counted as missed. Ends after a minute by default. The application must be started with
    /// `sample_keys=on` in its URL.
    Monitor(MonitorOptions),

    /// Check a cache for use in production, and say how to correct each fault.
    ///
    /// Checks persistence, permissions, memory and disk space, the clock, whether the file was closed,
    /// leftover files, and the file's length and integrity. For a live cache with a control socket, also
    /// checks the disk tier, flushes, hit rate and invalidations. Exits with 0 if all is well, with 9 for
    /// warnings, and with 10 for failures. Changes nothing.
    #[command(alias = "health")]
    Doctor(DoctorOptions),

    /// Write the live entries of a cache file to another file, or to standard output.
    ///
    /// The export has the state of one commit. The output file appears only when it is complete.
    Export(ExportOptions),

    /// Durably remove an entry.
    ///
    /// Removes the entry from a file that no process owns, from a live cache through its control socket, or
    /// from a cache at a server. Exits with 0 even if there is no such entry, unless the text may mean
    /// another key.
    #[command(alias = "del", mut_arg("file", is_required))]
    #[command(override_usage = "larder remove [OPTIONS] [FILE|SOCKET] <KEY>")]
    Remove(RemoveOptions),

    /// Durably remove every entry whose key starts with a prefix.
    ///
    /// Removes them from a file that no process owns, from a live cache through its control socket, or from a
    /// cache at a server.
    #[command(
        mut_arg("file", is_required),
        override_usage = "larder remove-prefix [OPTIONS] [FILE|SOCKET] <PREFIX>"
    )]
    RemovePrefix(RemovePrefixOptions),

    /// Durably remove all entries, or all entries of one keyspace.
    ///
    /// Removes them from a file that no process owns, from a live cache through its control socket, or from a
    /// cache at a server.
    Clear(ClearOptions),

    /// Make a live cache commit its pending writes. Uses the control socket.
    Flush(SocketOptions),

    /// Return unused space of a cache file to the file system.
    ///
    /// Also deletes expired entries, after their grace time. No process may own the file. Ctrl-C stops the
    /// command without losing anything.
    Compact(FileOptions),

    /// Write the entries of an export to a cache file.
    ///
    /// No process may own the file. The whole export is checked before anything is written. Entries keep
    /// their expiry. Skips expired entries, and entries whose key was written later in the file. Entries that
    /// were removed since the export come back.
    #[command(mut_arg("file", is_required), override_usage = "larder import [OPTIONS] [FILE] <EXPORT>")]
    Import(ImportOptions),

    /// Open a cache, and serve it to other processes through the Redis protocol.
    ///
    /// Redis clients such as redis-cli, redis-py and Django work unchanged, with this server's address. By
    /// default, the reply to a removal is sent when the removal is durable. On SIGTERM or Ctrl-C, answers
    /// the requests that have arrived, commits buffered entries, and exits. Supports socket activation by
    /// systemd.
    Serve(ServeOptions),

    /// Print the completion script of a shell.
    ///
    /// For bash: `larder completions bash > /etc/bash_completion.d/larder`.
    Completions {
        /// The shell.
        shell: Shell,
    },

    /// Print the manual page.
    ///
    /// To read it: `larder man | man -l -`.
    Man,

    /// Test a cache in the place where it will be used.
    ///
    /// Opens the cache as a service would. In memory and in the file, writes a probe, reads it back, lets it
    /// expire and removes it. If the file does not exist, creates it, and removes it at the end. Exits with 0
    /// if every tier works, with 1 if a tier does not work, and with 2 if the cache could not be opened. That
    /// happens if a service is using its file, or if no URL is given and `LARDER_URL` is not set.
    Check {
        /// The cache: a URL such as `file:/var/lib/shop/shop.larder?memory=64MiB&disk=1GiB` or `memory:`, or
        /// the path of its file [default: the URL in the environment variable `LARDER_URL`].
        url: Option<String>,
    },
}

#[cfg(test)]
mod tests;
