//! Names: no two types of a crate share one, and a file of tests says that it is one.

use std::collections::BTreeMap;

use super::modules::Crate;

/// Folders that are compiled in place of another part of the crate, so their types have the same names.
const ALTERNATIVES: [&str; 1] = ["sys/sync/model/"];

/// Returns the types that share a name, with the places where they are defined.
pub(crate) fn shared_names(read: &Crate) -> Vec<String> {
    let mut places = BTreeMap::<&str, BTreeMap<&str, usize>>::new();
    for module in &read.modules {
        let file = &read.files[module.file];
        if ALTERNATIVES.iter().any(|folder| file.starts_with(folder)) {
            continue;
        }
        for (name, line) in &module.types {
            // Of two in one file, each is compiled without the other.
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

/// Returns the files that hold only tests under a name that does not say so.
///
/// A file that a build without tests has no part of is in a folder `tests`, or is called `tests.rs`.
pub(crate) fn disguised_tests(sources: &BTreeMap<String, String>, read: &Crate) -> Vec<String> {
    let says_tests = |file: &str| file.split('/').any(|part| part == "tests" || part == "tests.rs");
    let is_empty = |name: &str| {
        let file = read.files.iter().position(|file| file == name);
        let mut modules = read.modules.iter().filter(|module| Some(module.file) == file);
        modules.all(|module| module.names.is_empty() && module.mentions.is_empty())
    };
    sources.keys().filter(|file| !says_tests(file) && is_empty(file)).cloned().collect()
}
