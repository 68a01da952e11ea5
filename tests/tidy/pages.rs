//! Checks what the pages say about the tree: which tests prove each promise, and which files exist.

use std::collections::{BTreeMap, BTreeSet};

/// Folders whose tests prove promises.
pub(crate) const PROOFS: [&str; 5] = ["contract", "outages", "faults", "concurrency", "ops"];

/// A test file that proves promises. `promises` are the numbers in the names of its tests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) path: String,
    pub(crate) promises: BTreeSet<u32>,
}

/// Finds the proofs below `tests/`. A proof is a file with tests, or a folder with a `mod.rs` and tests.
pub(crate) fn proofs(tests: &BTreeMap<String, String>) -> Vec<Proof> {
    let mut proofs = Vec::new();
    for name in tests.keys() {
        let parts: Vec<&str> = name.split('/').collect();
        let path = match parts[..] {
            [folder, file] if PROOFS.contains(&folder) => format!("{folder}/{file}"),
            [folder, inside, "mod.rs"] if PROOFS.contains(&folder) => format!("{folder}/{inside}/"),
            _ => continue,
        };
        let of_it = || tests.iter().filter(|(other, _)| other.starts_with(&path));
        if of_it().any(|(_, text)| text.contains("#[test]")) {
            let promises = of_it().flat_map(|(_, text)| promises_in(text)).collect();
            proofs.push(Proof { path: format!("tests/{path}"), promises });
        }
    }
    proofs
}

fn promises_in(text: &str) -> BTreeSet<u32> {
    let names = text.split("fn contract_").skip(1);
    names.filter_map(|rest| rest.split('_').next().and_then(|number| number.parse().ok())).collect()
}

/// Compares the lists of proofs in `docs/contract.md` with the existing proofs. Returns the differences.
pub(crate) fn unproved(contract: &str, proofs: &[Proof], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for Proof { path, promises } in proofs {
        let named = format!("`{path}`");
        if !contract.contains(&named) {
            faults.push(format!("the contract does not name {path}"));
        }
        for promise in promises {
            if !section(contract, *promise).contains(&named) {
                faults.push(format!("promise {promise} does not name {path}, whose tests name the promise"));
            }
        }
    }
    let named = contract.split('`').skip(1).step_by(2).filter(|code| code.starts_with("tests/"));
    for path in named.filter(|path| !path.contains('…') && !path.contains(' ')) {
        if !exists(path) {
            faults.push(format!("the contract names {path}, which does not exist"));
        }
    }
    faults
}

/// Returns the section about a promise, or an empty text if there is none.
pub(crate) fn section(contract: &str, promise: u32) -> &str {
    let Some((_, rest)) = contract.split_once(&format!("\n## {promise}. ")) else { return "" };
    rest.split("\n## ").next().unwrap_or(rest)
}

/// Returns the files and folders in the first column of the table in this section.
pub(crate) fn table_of_modules(page: &str, heading: &str) -> Vec<String> {
    let Some((_, rest)) = page.split_once(&format!("\n{heading}\n")) else { return Vec::new() };
    let section = rest.split("\n## ").next().unwrap_or(rest);
    let rows = section.lines().filter(|line| line.starts_with('|'));
    let first = rows.filter_map(|row| row.split('|').nth(1));
    let named = first.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    named.map(str::to_owned).collect()
}

/// Returns the paths of source files that a page mentions, such as `memory/slot.rs`.
pub(crate) fn files_named(page: &str) -> Vec<String> {
    let code = page.split('`').skip(1).step_by(2);
    let is_file = |code: &&str| {
        code.strip_suffix(".rs").is_some_and(|path| path.contains('/') && !path.contains(['*', '…', ' ']))
    };
    code.filter(is_file).map(str::to_owned).collect()
}

#[test]
fn a_proof_that_is_missing_or_gone_is_found() {
    let tests = BTreeMap::from([
        ("contract/contract_1_a.rs".to_owned(), "#[test] fn contract_1_holds() {}".to_owned()),
        ("faults/kill/mod.rs".to_owned(), "mod judge;".to_owned()),
        ("faults/kill/judge.rs".to_owned(), "#[test]\nfn contract_2_holds() {}".to_owned()),
        ("faults/workload.rs".to_owned(), "fn helps() {}".to_owned()),
        ("support/child.rs".to_owned(), "#[test] fn child() {}".to_owned()),
    ]);
    let proofs = proofs(&tests);
    let found: Vec<_> = proofs.iter().map(|proof| (proof.path.as_str(), proof.promises.len())).collect();
    assert_eq!(found, [("tests/contract/contract_1_a.rs", 1), ("tests/faults/kill/", 1)]);

    let contract = "\n## 1. One\n\nProved by `tests/contract/contract_1_a.rs` and `tests/faults/kill/`.\n\
                    \n## 2. Two\n\nProved by `tests/gone.rs`.\n";
    let faults = unproved(contract, &proofs, |path| path != "tests/gone.rs");
    assert_eq!(
        faults,
        [
            "promise 2 does not name tests/faults/kill/, whose tests name the promise",
            "the contract names tests/gone.rs, which does not exist"
        ]
    );
    let unnamed = unproved("", &proofs, |_| true);
    assert!(unnamed.contains(&"the contract does not name tests/faults/kill/".to_owned()), "{unnamed:?}");
}

#[test]
fn the_table_of_modules_is_read_by_its_first_column() {
    let page = "# Design\n\n## Modules\n\n| module | what |\n|---|---|\n| `api/`, `lib.rs` | uses `x` |\n\n## Next\n\n\
                | `other/` |\n";
    assert_eq!(table_of_modules(page, "## Modules"), ["api/", "lib.rs"]);
    assert_eq!(files_named("`lib.rs`, `api/a.rs`, `api/*.rs` and `b/`"), ["api/a.rs"]);
}
