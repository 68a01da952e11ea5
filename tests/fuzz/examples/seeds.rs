//! Writes the seed inputs into the corpus.
#![expect(clippy::unwrap_used, reason = "an example that panics has failed")]

use std::fs;
use std::path::Path;

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, name, input) in larder_fuzz::seeds::all() {
        fs::create_dir_all(corpus.join(target)).unwrap();
        fs::write(corpus.join(target).join(name), input).unwrap();
    }
}
