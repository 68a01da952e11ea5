//! Checks of the source tree and of the pages. The compiler does not make these checks.
//!
//! `cargo test -p larder-tests tidy -- --nocapture` prints the figures of the import graph.
//! `LARDER_TIDY_ROOT` makes the checks read another checkout.

mod graph;
mod imports;
mod layers;
mod modules;
mod names;
mod pages;
mod planted;
mod text;
mod tokens;
mod tree;

use std::fmt::Display;

use graph::{Figures, circles};
use modules::Crate;
use tree::{all_pages, all_sources, crates, files_below, root};

const CACHE: &str = "crates/larder/src";

/// Panics with a list of the faults, if there are any.
fn assert_none<T: Display>(what: &str, faults: &[T]) {
    let list: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
    assert!(faults.is_empty(), "{what}:\n{}", list.join("\n"));
}

#[test]
fn imports_of_the_cache_go_down_its_layers() {
    let edges = Crate::read(&files_below(CACHE, "rs")).edges();
    assert_none("these imports do not go down", &layers::upward(&edges));
}

#[test]
fn the_figures_of_every_crate_are_printed() {
    for name in crates() {
        let read = Crate::read(&files_below(&format!("crates/{name}/src"), "rs"));
        println!("{name}: {}", Figures::of(&read.files, &read.edges()));
    }
}

#[test]
fn no_files_of_a_crate_use_one_another_in_a_circle() {
    let mut found = Vec::new();
    for name in crates() {
        let read = Crate::read(&files_below(&format!("crates/{name}/src"), "rs"));
        found.extend(circles(&read.edges()).into_iter().map(|circle| format!("crates/{name}/src: {circle}")));
    }
    assert_none("files that can't be read one after another", &found);
}

#[test]
fn no_two_types_of_a_crate_share_a_name() {
    let mut found = Vec::new();
    let folders = crates().into_iter().map(|name| format!("crates/{name}/src"));
    for folder in folders.chain(["tests".to_owned(), "benches/src".to_owned()]) {
        let read = Crate::read(&files_below(&folder, "rs"));
        found.extend(names::shared_names(&read).into_iter().map(|shared| format!("{folder}: {shared}")));
    }
    assert_none("types that share a name", &found);
}

#[test]
fn a_file_of_tests_is_called_so() {
    let mut found = Vec::new();
    for name in crates() {
        let sources = files_below(&format!("crates/{name}/src"), "rs");
        let disguised = names::disguised_tests(&sources, &Crate::read(&sources));
        found.extend(disguised.into_iter().map(|file| format!("crates/{name}/src/{file}")));
    }
    assert_none("files of tests under another name", &found);
}

#[test]
fn every_file_says_what_it_is_and_is_no_longer_than_it_should_be() {
    let mut faults = Vec::new();
    for (path, text) in all_sources() {
        if !text::has_header(&text) && !path.ends_with("/tests.rs") {
            faults.push(format!("{path} has no header"));
        }
        let lines = text.lines().count();
        if lines > text::MAX_FILE_LINES {
            faults.push(format!("{path} has {lines} lines; split it by idea"));
        }
    }
    assert_none("files", &faults);
    // Clippy checks the length of functions.
    let clippy = std::fs::read_to_string(root().join("clippy.toml")).unwrap();
    assert!(clippy.contains("too-many-lines-threshold = 70\n"), "clippy lets functions be longer");
}

#[test]
fn comments_and_pages_fit_a_screen() {
    let mut faults = Vec::new();
    for (path, text) in all_sources() {
        faults.extend(text::wide_comments(&text).into_iter().map(|line| format!("{path}:{line}")));
    }
    for (path, text) in all_pages() {
        faults.extend(text::wide_lines_of_page(&text).into_iter().map(|line| format!("{path}:{line}")));
    }
    assert_none(&format!("lines of more than {} characters", text::MAX_TEXT_WIDTH), &faults);
}

#[test]
fn every_promise_is_stated_and_names_its_proofs() {
    let contract = std::fs::read_to_string(root().join("docs/contract.md")).unwrap();
    for promise in 1..=8 {
        let section = pages::section(&contract, promise);
        assert!(section.contains("Proved by"), "docs/contract.md does not prove promise {promise}");
        let own = format!("`tests/contract/contract_{promise}_");
        assert!(section.contains(&own), "promise {promise} does not name its own tests");
    }
    let proofs = pages::proofs(&files_below("tests", "rs"));
    let faults = pages::unproved(&contract, &proofs, |path| root().join(path).exists());
    assert_none("docs/contract.md and tests/ differ", &faults);
}

#[test]
fn the_design_page_names_every_top_folder_and_no_file_that_is_gone() {
    let design = std::fs::read_to_string(root().join("docs/design.md")).unwrap();
    let named = pages::table_of_modules(&design, "## Modules");
    assert!(!named.is_empty(), "docs/design.md has no table of modules");
    let mut faults = Vec::new();
    for path in &named {
        if !root().join(CACHE).join(path).exists() {
            faults.push(format!("{CACHE}/{path}: the table names it, and it does not exist"));
        }
    }
    for entry in std::fs::read_dir(root().join(CACHE)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_folder = entry.file_type().unwrap().is_dir();
        if is_folder && !named.iter().any(|path| path.trim_end_matches('/') == name) {
            faults.push(format!("{CACHE}/{name}/: the table does not name it"));
        }
    }
    for path in pages::files_named(&design) {
        if !root().join(CACHE).join(&path).exists() && !root().join(&path).exists() {
            faults.push(format!("{CACHE}/{path}: the page names it, and it does not exist"));
        }
    }
    assert_none("docs/design.md and the tree differ", &faults);
}

#[test]
fn nothing_speaks_of_the_machine_it_was_written_on() {
    let above = root().parent().unwrap().to_str().unwrap().to_owned() + "/";
    // In a checkout directly below the root directory, there is no path to search for.
    if above.len() < 4 {
        return;
    }
    for (path, text) in all_sources() {
        assert!(!text.contains(&above), "{path} names {above}");
    }
}
