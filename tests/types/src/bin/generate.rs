//! Writes the generated types: `cargo run -p larder-types --bin generate -- --seed N`.

#![expect(clippy::indexing_slicing, clippy::print_stdout, reason = "a tool of the tests")]

#[path = "../generator/mod.rs"]
mod generator;

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    let seed = match arguments.iter().position(|argument| argument == "--seed") {
        Some(at) => arguments
            .get(at + 1)
            .and_then(|seed| seed.parse().ok())
            .ok_or_else(|| io::Error::other("--seed takes a number"))?,
        None => generator::SEED,
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/generated");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let sources = generator::sources(seed);
    for (name, text) in &sources {
        fs::write(folder.join(name), text)?;
    }
    println!("wrote {} files from seed {seed}", sources.len());
    Ok(())
}
