//! The command line: what can be asked for, the bounds of it, and the text of `--help`.

mod activity;
mod cache;
mod change;
#[cfg(test)]
mod documented;
mod examples;
mod parse;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint, value_parser};
use clap_complete::Shell;

pub(crate) use activity::{ActivityOptions, MonitorOptions, SortBy};
use cache::is_required;
pub(crate) use cache::{CacheArgument, NOT_GIVEN};
pub(crate) use change::{
    ClearOptions, ImportOptions, RemoveOptions, RemovePrefixOptions, SocketOptions, StatsOptions,
    TargetOptions, TopOptions,
};
pub(crate) use examples::EXAMPLES;

#[derive(Debug, Parser)]
#[command(name = "larder", version, about = "An embedded, persistent, two-tier cache", long_about = None)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the commands on a cache file exit with. The table of docs/command.md says the same.
pub(crate) const EXIT_CODES: &str = "\
Exit codes of the commands on a cache file:
  0    it is as asked
  1    the answer is no: there is no such key or keyspace, it has expired, or the application does not sample keys
  2    the command line is not understood, or neither it nor `LARDER_URL` says which cache
  3    there is no such file
  4    another program has the file, or its owner keeps it from being verified
  5    the file is not a larder file
  6    the file or a record is damaged
  7    the file is of a newer format
  8    the operating system refused or failed
  9    `doctor` warns
  10   `doctor` found something that is wrong
  130  interrupted with Ctrl-C
  141  the reader of the output went away
`check` has its own, which its help tells.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what a cache file is, and what is in it.
    ///
    /// Reads the file whoever has it: also while a service is using it, which it does not disturb, and after a crash, as its next
    /// owner will find it. Changes nothing. So do `keys`, `get`, `ttl`, `why`, `verify`, `export` and `doctor`.
    Info(FileOptions),

    /// List the keys of a cache file.
    ///
    /// One key a line, behind the name of its keyspace and a tab. A key is shown as `get`, `ttl` and `why` read it.
    #[command(alias = "scan")]
    Keys(KeysOptions),

    /// Show the entry of a key.
    ///
    /// The value is shown as its bytes, and the texts it begins with: its type is the application's, and not in the file.
    #[command(mut_arg("file", is_required), override_usage = "larder get [OPTIONS] [FILE] <KEY>")]
    Get(GetOptions),

    /// Say how long the entry of a key has still to live, in seconds.
    #[command(mut_arg("file", is_required), override_usage = "larder ttl [OPTIONS] [FILE] <KEY>")]
    Ttl(KeyOptions),

    /// Say why a key is found, or is not.
    #[command(mut_arg("file", is_required), override_usage = "larder why [OPTIONS] [FILE] <KEY>")]
    Why(KeyOptions),

    /// Check every page and every record of a cache file, without changing it.
    ///
    /// While a service is using the file, one of its commits is checked; it can't reuse space for as long.
    Verify(FileOptions),

    /// Print what a live cache did and holds; or what a file has counted since it was made.
    Stats(StatsOptions),

    /// Watch a live cache: hit rates by tier and keyspace, latencies, evictions, memory and disk. Of a file alone, its entries and changes.
    ///
    /// `q` leaves, and `?` shows the keys. Needs a terminal of any size; for a pipe there is `larder stats`.
    Top(TopOptions),

    /// Say which keys a live cache is asked for most, and which it misses most, through its control socket.
    ///
    /// The shares are of a sample, and each is shown with its error. The application must have been started with `sample_keys=on` in its URL.
    Hot(ActivityOptions),

    /// Print the latest slow loads of a live cache, through its control socket: which key took how long.
    ///
    /// The latest 128 are kept. What is slow is the application's setting, a second unless set: `slow_load=300ms` in its URL.
    Slow(ActivityOptions),

    /// Print what a live cache does as it does it: a sample of its lookups, loads, inserts and removals.
    ///
    /// The cache never waits for it: what comes faster than it can be shown is counted as missed. Ends after a minute unless told otherwise. The application
    /// must have been started with `sample_keys=on` in its URL.
    Monitor(MonitorOptions),

    /// Check what a cache in production needs, and say what to do about the rest.
    ///
    /// Persistence, permissions, memory and disk against the machine, the clock, how the file was left, leftovers, length, integrity; and of a live cache with a control
    /// socket its disk tier, flushes, hit rate and invalidations. Exits with 0 if all is well, with 9 if it warns, and with 10 if something is wrong. Changes nothing.
    #[command(alias = "health")]
    Doctor(DoctorOptions),

    /// Write the live entries of a cache file to another file, or to standard output.
    ///
    /// All entries are those of one commit. A file appears under its name when it is complete, not before.
    Export(ExportOptions),

    /// Remove an entry, durably.
    ///
    /// From a file that nobody has; or, through its control socket, from the cache of the process that has it. Exits with 0 also if there was no such
    /// entry: there is none now.
    #[command(alias = "del", mut_arg("file", is_required))]
    #[command(override_usage = "larder remove [OPTIONS] [FILE|SOCKET] <KEY>")]
    Remove(RemoveOptions),

    /// Remove every entry whose key starts so, durably.
    ///
    /// From a file that nobody has; or, through its control socket, from the cache of the process that has it.
    #[command(
        mut_arg("file", is_required),
        override_usage = "larder remove-prefix [OPTIONS] [FILE|SOCKET] <PREFIX>"
    )]
    RemovePrefix(RemovePrefixOptions),

    /// Remove all entries, or those of one keyspace, durably.
    ///
    /// From a file that nobody has; or, through its control socket, from the cache of the process that has it.
    Clear(ClearOptions),

    /// Have a live cache commit what it has not, through its control socket.
    Flush(SocketOptions),

    /// Give the space that a cache file does not need back to the file system.
    ///
    /// Deletes what has expired first. The file is one that nobody has. Ctrl-C ends it at once, and loses nothing.
    Compact(FileOptions),

    /// Write the entries of an export to a cache file.
    ///
    /// The file is one that nobody has. The export is checked to its end first. Entries keep when they expire; what has expired is skipped, and so is what
    /// the file has of a later time. An import is a write: what was removed since the export comes back.
    #[command(mut_arg("file", is_required), override_usage = "larder import [OPTIONS] [FILE] <EXPORT>")]
    Import(ImportOptions),

    /// Print what makes a shell complete this command's words.
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

    /// Try a cache out where it is to work, and say what was found.
    ///
    /// Opens the cache as a service would (a file that is not there is made, and removed at the end), writes a probe, reads it back, lets
    /// it expire and removes it, in memory and in the file; then removes what is left of it. Exits with 0 if every
    /// tier works, with 1 if one does not, and with 2 if the cache could not be opened: then, too, if a service is
    /// using the file, or if neither a URL nor `LARDER_URL` says which cache it is.
    Check {
        /// The cache, as in `file:/var/lib/shop/shop.larder?memory=64MiB&disk=1GiB` or `memory:`, or the path of its file
        /// [default: what the environment variable `LARDER_URL` says].
        url: Option<String>,
    },
}

/// A cache file, and how to tell of it.
#[derive(Debug, Args)]
pub(crate) struct FileOptions {
    /// The cache file, or the URL that its service is started with [default: that of the environment variable `LARDER_URL`].
    #[arg(value_name = "FILE", default_value = NOT_GIVEN, hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) file: CacheArgument,

    /// Print JSON, with errors on standard error as JSON too.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A key of a cache file.
#[derive(Debug, Args)]
pub(crate) struct KeyOptions {
    #[command(flatten)]
    pub(crate) look: FileOptions,

    /// The key: `MTNVTU`, `7`, `("MTNDATA", 3)`, `b"MTN\x00"`, a product key as `product_MTNVTU`, or `0x` and the
    /// hexadecimal digits of its bytes.
    #[arg(index = 2, allow_hyphen_values = true)]
    pub(crate) key: String,

    /// The keyspace of the key, which is then taken as it stands [default: the only one, or that of a product
    /// key].
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// Look at the file alone, also where a process has it that could be asked.
    #[arg(long)]
    pub(crate) file_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GetOptions {
    #[command(flatten)]
    pub(crate) key: KeyOptions,

    /// Show all bytes of the value, however many.
    #[arg(long)]
    pub(crate) full: bool,

    /// Print the value's bytes as they are, and nothing else.
    #[arg(long, conflicts_with_all = ["json", "full"])]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct KeysOptions {
    #[command(flatten)]
    pub(crate) look: FileOptions,

    /// The keys of this keyspace alone.
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// Keys that start so: a text's first letters, or the first parts of a tuple, as in `("MTNDATA",)`.
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(crate) prefix: Option<String>,

    /// So many keys at most.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,

    /// Keys too that have expired and are not swept, or whose record is damaged.
    #[arg(long)]
    pub(crate) all: bool,

    /// The largest values, what was written first, or what expires soonest: the first 20, or `--limit`. Behind each key
    /// stands what it is sorted by: bytes, or seconds.
    #[arg(long, value_name = "BY", value_enum, conflicts_with = "big")]
    pub(crate) sort: Option<SortBy>,

    /// For each keyspace, in place of its keys: how many entries it has, what their values take, and which is the
    /// largest.
    #[arg(long, conflicts_with_all = ["limit", "long"])]
    pub(crate) big: bool,

    /// Look at the file alone, also where a process has it that could be asked.
    #[arg(long)]
    pub(crate) file_only: bool,

    /// Behind each key its state, the seconds it has to live, and the length of its value.
    #[arg(long, short)]
    pub(crate) long: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// The cache file, the URL that a service is started with, or its control socket [default: what the environment variable `LARDER_URL` says].
    #[arg(value_name = "FILE|URL|SOCKET", value_hint = ValueHint::FilePath)]
    pub(crate) target: Option<String>,

    /// The control socket of the process that has the file [default: that of the URL, or the one that the process names beside its file].
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) socket: Option<PathBuf>,

    /// Watch the running service for so many seconds, for what it does by the second; 0 asks it once.
    #[arg(long, value_name = "N", default_value_t = 2)]
    #[arg(value_parser = value_parser!(u64).range(0..=3600))]
    pub(crate) seconds: u64,

    /// Check every page and record of a long file, too.
    #[arg(long)]
    pub(crate) deep: bool,

    /// Print JSON, with errors on standard error as JSON too.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    #[command(flatten)]
    pub(crate) look: FileOptions,

    /// The form.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub(crate) format: Format,

    /// Where to write it; what stands there is replaced [default: standard output].
    #[arg(long, short, value_name = "F", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// The entries of this keyspace alone.
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// JSON lines, for other programs.
    Jsonl,
    /// Compact, for `larder import`.
    Binary,
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
    fn the_words_of_other_tools_are_understood_and_not_shown() {
        for (words, command) in
            [(&["scan", "F"][..], "Keys"), (&["del", "F", "K"], "Remove"), (&["health", "F"], "Doctor")]
        {
            let read = Arguments::read([&["larder"], words].concat()).unwrap();
            assert!(format!("{:?}", read.command).starts_with(command), "{read:?}");
        }
        let help = Arguments::command().render_long_help().to_string();
        assert!(!["  scan", "  del", "  health"].iter().any(|word| help.contains(word)), "{help}");
    }
}
