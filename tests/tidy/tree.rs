//! The files that the checks read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Environment variable for the path of another checkout, so that two checkouts can be compared.
const ROOT: &str = "LARDER_TIDY_ROOT";
/// Folders that contain no source files of this project.
const SKIPPED: [&str; 4] = ["target", ".git", "corpus", "node_modules"];

pub(crate) fn root() -> PathBuf {
    std::env::var_os(ROOT).map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// Returns the content of the files with this extension below a folder of the checkout, by their paths
/// relative to that folder.
pub(crate) fn files_below(folder: &str, extension: &str) -> BTreeMap<String, String> {
    let base = root().join(folder);
    let mut found = BTreeMap::new();
    let mut folders = vec![base.clone()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                let name = path.file_name().unwrap_or_default();
                if !SKIPPED.iter().any(|skipped| name == *skipped) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(relative(&path, &base), text);
            }
        }
    }
    found
}

fn relative(path: &Path, base: &Path) -> String {
    let parts = path.strip_prefix(base).unwrap().iter();
    parts.map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("/")
}

/// Returns the names of the packages in `crates/`.
pub(crate) fn crates() -> Vec<String> {
    let folder = std::fs::read_dir(root().join("crates")).unwrap();
    let mut names: Vec<String> =
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Returns the content of every source file, by its path in the checkout.
pub(crate) fn all_sources() -> BTreeMap<String, String> {
    files_below("", "rs")
}

/// Returns the content of every page, by its path in the checkout.
pub(crate) fn all_pages() -> BTreeMap<String, String> {
    files_below("", "md")
}
