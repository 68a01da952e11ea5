//! How many keys are listed.

use crate::args::KeysOptions;
use crate::term::out::note;

/// Keys that `--sort` shows without `--limit`.
pub(super) const SORTED: u64 = 20;

/// Says that `--limit` has left keys out.
pub(super) fn note_more(options: &KeysOptions) {
    let limit = options.limit.unwrap_or_default();
    note(options.cache.json, &format!("there are more keys than the {limit} of --limit"));
}
