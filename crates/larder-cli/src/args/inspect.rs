//! The options of the commands that read a cache.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::cache::{CacheArgument, NOT_GIVEN};

/// A cache file, and the form of the output.
#[derive(Debug, Args)]
pub(crate) struct FileOptions {
    /// The cache file, or the URL with which its service is started, also `redis://…` [default: the URL in
    /// the environment variable `LARDER_URL`].
    #[arg(value_name = "FILE", default_value = NOT_GIVEN, hide_default_value = true, value_hint = ValueHint::FilePath)]
    pub(crate) file: CacheArgument,

    /// Print JSON. Errors on standard error are JSON too.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A key of a cache.
#[derive(Debug, Args)]
pub(crate) struct KeyOptions {
    #[command(flatten)]
    pub(crate) cache: FileOptions,

    /// The key: `MTNVTU`, `7`, `("MTNDATA", 3)`, `b"MTN\x00"`, a product key such as `product_MTNVTU`, or
    /// `0x` and the hexadecimal digits of its bytes.
    #[arg(index = 2, allow_hyphen_values = true)]
    pub(crate) key: String,

    /// The keyspace of the key. The key is then read literally [default: the only keyspace, or the keyspace
    /// of a product key].
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// Read only the file, even if its process could be asked.
    #[arg(long)]
    pub(crate) file_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GetOptions {
    #[command(flatten)]
    pub(crate) key: KeyOptions,

    /// Show all bytes of the value.
    #[arg(long)]
    pub(crate) full: bool,

    /// Print only the bytes of the value, unchanged.
    #[arg(long, conflicts_with_all = ["json", "full"])]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct KeysOptions {
    #[command(flatten)]
    pub(crate) cache: FileOptions,

    /// List only keys of this keyspace.
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,

    /// List only keys with this prefix: the first letters of a text, or the first parts of a tuple, such as
    /// `("MTNDATA",)`.
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub(crate) prefix: Option<String>,

    /// Maximum number of keys.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,

    /// Include keys without a live entry, such as expired keys that are not deleted yet, and keys with a
    /// damaged record.
    #[arg(long)]
    pub(crate) all: bool,

    /// Show the largest values, the oldest entries, or the entries that expire soonest: the first 20, or
    /// `--limit`. Each key is followed by its size in bytes, its age or its remaining lifetime in seconds.
    #[arg(long, value_name = "BY", value_enum, conflicts_with = "big")]
    pub(crate) sort: Option<SortBy>,

    /// Instead of keys, show the number of entries, the total size of the values, and the largest value of
    /// each keyspace.
    #[arg(long, conflicts_with_all = ["limit", "long"])]
    pub(crate) big: bool,

    /// Read only the file, even if its process could be asked.
    #[arg(long)]
    pub(crate) file_only: bool,

    /// Show the state, the remaining lifetime in seconds, and the length of the value after each key.
    #[arg(long, short)]
    pub(crate) long: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportOptions {
    #[command(flatten)]
    pub(crate) cache: FileOptions,

    /// The format of the export.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    pub(crate) format: Format,

    /// The file to write. An existing file is replaced [default: standard output].
    #[arg(long, short, value_name = "F", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// Export only entries of this keyspace.
    #[arg(long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,
}

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// JSON lines, for other programs.
    Jsonl,
    /// Compact, for `larder import`.
    Binary,
}

/// The order of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    /// The largest values first, by their bytes before compression.
    Size,
    /// The oldest entries first.
    Age,
    /// The entries that expire soonest first.
    Ttl,
}
