//! The house: what the compiler does not check of how the code is arranged.

use std::fs;
use std::path::{Path, PathBuf};

const MAX_FILE: usize = 400;

/// Modules of the cache, top to bottom: each may use those after it, and itself. Those in one row may use one
/// another.
const ORDER: [&[&str]; 13] = [
    &["testing"],
    &["admin", "cache", "control", "follower", "inspect", "invalidation", "metrics"],
    &["keyspace"],
    &["removal"],
    &["inner", "space"],
    &["load", "observe"],
    &["disk"],
    &["memory"],
    &["url"],
    &["config", "stats", "error", "event"],
    &["record", "key", "codec", "holders"],
    &["clock", "volume"],
    &["escape", "heap", "id", "process", "units", "sync"],
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(below: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            if file.is_dir() {
                folders.push(file);
            } else if file.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&file).unwrap();
                found.push((file, text));
            }
        }
    }
    found
}

fn all_sources() -> Vec<(PathBuf, String)> {
    ["crates", "tests", "benches"].into_iter().flat_map(sources).collect()
}

#[test]
fn every_file_says_what_it_is_and_is_no_longer_than_it_should_be() {
    for (path, text) in all_sources() {
        let is_tests = path.ends_with("tests.rs");
        let begins = text.starts_with("//!") || text.starts_with("#![");
        assert!(begins || is_tests, "{} has no header", path.display());
        let lines = text.lines().count();
        assert!(lines <= MAX_FILE, "{} has {lines} lines; split it by idea", path.display());
    }
}

fn rank(module: &str) -> usize {
    let row = ORDER.iter().position(|row| row.contains(&module));
    row.unwrap_or_else(|| panic!("the module {module} has no place in the order"))
}

#[test]
fn modules_of_the_cache_import_one_way() {
    let src = root().join("crates/larder/src");
    for (path, text) in sources("crates/larder/src") {
        let relative = path.strip_prefix(&src).unwrap();
        let first = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        // Tests may look anywhere, in a file of their own too.
        if first == "lib" || relative.ends_with("tests.rs") {
            continue;
        }
        // Tests at the end of a file may look anywhere.
        let code = text.split("#[cfg(test)]").next().unwrap();
        for used in code.split("crate::").skip(1) {
            let used: String =
                used.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            let is_module = used.starts_with(|letter: char| letter.is_lowercase());
            if is_module {
                assert!(
                    rank(first) <= rank(&used),
                    "{} uses {used}, which stands above {first}",
                    relative.display()
                );
            }
        }
    }
}

#[test]
fn every_promise_is_stated_and_names_its_proof() {
    let contract = fs::read_to_string(root().join("docs/contract.md")).unwrap();
    for promise in 1..=8 {
        assert!(
            contract.contains(&format!("\n## {promise}. ")),
            "docs/contract.md does not state promise {promise}"
        );
    }
    for (path, text) in sources("tests") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        if let Some(promise) = name.strip_prefix("contract_").and_then(|rest| rest.split('_').next()) {
            assert!(contract.contains(&format!("tests/{name}.rs")), "docs/contract.md does not name {name}");
            assert!(text.contains(&format!("fn contract_{promise}_")), "{name} has no test of its promise");
        }
    }
}

#[test]
fn nothing_speaks_of_the_machine_it_was_written_on() {
    let above = root().parent().unwrap().to_str().unwrap().to_owned() + "/";
    // A checkout right below the root has no name of its own to look for.
    if above.len() < 4 {
        return;
    }
    for (path, text) in all_sources() {
        assert!(!text.contains(&above), "{} names {above}", path.display());
    }
}
