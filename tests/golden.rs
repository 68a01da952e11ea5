//! Files of every format that there has been, kept in the tree: each must be read for as long as its format is.

mod content;
mod sparse;

use std::fs;
use std::path::{Path, PathBuf};

fn kept(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/format-{format}.sparse"))
}

/// Makes the golden file of this version's format: by hand, once, when a format is new.
#[test]
#[ignore = "it replaces a file of the tree"]
fn a_golden_file_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("golden.larder");
    content::make(&path);
    let bytes = fs::read(&path).unwrap();
    let packed = sparse::packed(&bytes);
    assert_eq!(sparse::unpacked(&packed), bytes);
    fs::write(kept(1), packed).unwrap();
}
