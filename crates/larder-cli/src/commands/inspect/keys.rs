//! `larder keys`: lists the keys of a cache, one per line.

mod file;
mod limit;
mod process;
mod sizes;
mod top_k;

use crate::args::KeysOptions;
use crate::cache::owner::connect_owner;
use crate::cache::path::is_socket;
use crate::term::exit::{Exit, Failure};

pub(crate) fn run(options: &KeysOptions) -> Result<Exit, Failure> {
    let file = &options.cache.file;
    // `--sort` and `--big` visit every entry, so they read a given file instead of asking its process.
    let reads_file = (options.big || options.sort.is_some()) && !is_socket(file);
    match connect_owner(file, options.file_only || reads_file, options.cache.json)? {
        Some(client) => process::run(client, options),
        None => file::run(options),
    }
}
