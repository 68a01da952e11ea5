//! The limit on the number of keys that a command shows.

use crate::args::KeysOptions;
use crate::term::out::note;

/// Number of keys that `--sort` shows without `--limit`.
pub(super) const SORTED: u64 = 20;

/// Says on standard error that more keys exist than `--limit` allows.
pub(super) fn note_more(options: &KeysOptions) {
    let limit = options.limit.unwrap_or_default();
    note(options.cache.json, &format!("there are more keys than the {limit} of --limit"));
}
