//! Checks of names. No two types of a crate share a name, and the name of a file that contains only tests
//! says so.

use std::collections::BTreeMap;

use super::modules::Crate;

/// Folders that replace another part of the crate in some builds, and therefore repeat its type names.
const ALTERNATIVES: [&str; 1] = ["sys/sync/model/"];

/// Returns the names that several types share, with the places of their definitions.
pub(crate) fn shared_names(read: &Crate) -> Vec<String> {
    let mut places = BTreeMap::<&str, BTreeMap<&str, usize>>::new();
    for module in &read.modules {
        let file = &read.files[module.file];
        if ALTERNATIVES.iter().any(|folder| file.starts_with(folder)) {
            continue;
        }
        for (name, line) in &module.types {
            // Two definitions in the same file are taken as alternatives, of which each build compiles only
            // one.
            places.entry(name).or_default().insert(file, *line);
        }
    }
    let listed = |places: BTreeMap<&str, usize>| {
        places.iter().map(|(file, line)| format!("{file}:{line}")).collect::<Vec<_>>().join(", ")
    };
    places
        .into_iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(name, places)| format!("{name}: {}", listed(places)))
        .collect()
}

/// Returns the files that contain only tests, but whose name does not say so.
///
/// Such a file must be called `tests.rs`, or be in a folder `tests`.
pub(crate) fn disguised_tests(sources: &BTreeMap<String, String>, read: &Crate) -> Vec<String> {
    let says_tests = |file: &str| file.split('/').any(|part| part == "tests" || part == "tests.rs");
    let is_empty = |name: &str| {
        let file = read.files.iter().position(|file| file == name);
        let mut modules = read.modules.iter().filter(|module| Some(module.file) == file);
        modules.all(|module| module.names.is_empty() && module.mentions.is_empty())
    };
    sources.keys().filter(|file| !says_tests(file) && is_empty(file)).cloned().collect()
}
