//! The limit on the number of keys that a command shows.

use crate::args::KeysOptions;
use crate::term::out::note;

/// Default number of keys that `--sort` shows.
pub(super) const SORTED: u64 = 20;

/// Prints on standard error that there are more keys than `--limit` allows.
pub(super) fn note_more(options: &KeysOptions) {
    let limit = options.limit.unwrap_or_default();
    note(options.cache.json, &format!("there are more keys than the {limit} of --limit"));
}
