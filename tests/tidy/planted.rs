//! Tests of the checks with small crates. Each check must find its planted fault, and must find nothing in a
//! crate without a fault.

use std::collections::BTreeMap;

use super::graph::{Figures, circles};
use super::imports::Edge;
use super::layers::upward;
use super::modules::Crate;
use super::names::{disguised_tests, shared_names};

fn sources(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn edges_of(files: &[(&str, &str)]) -> Vec<Edge> {
    Crate::read(&sources(files)).edges()
}

/// Returns the imports between files, as `from -> to`.
fn imports_of(files: &[(&str, &str)]) -> Vec<String> {
    let mut imports: Vec<String> =
        edges_of(files).iter().map(|edge| format!("{} -> {}", edge.from, edge.to)).collect();
    imports.sort();
    imports
}

const NO_IMPORTS: [String; 0] = [];

#[test]
fn a_circle_is_found_with_the_imports_that_make_it() {
    let edges = edges_of(&[
        ("lib.rs", "mod a; mod b; mod c; mod d; pub use d::D;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "pub struct B; fn of() { crate::c::c() }"),
        ("c.rs", "pub fn c() -> Option<crate::a::A> { None }"),
        ("d.rs", "use crate::a::A; pub struct D(A);"),
    ]);
    let circles = circles(&edges);
    let files: Vec<_> = circles.iter().map(|circle| circle.files.join(" ")).collect();
    assert_eq!(files, ["a.rs b.rs c.rs"]);
    let told = circles[0].to_string();
    assert!(told.contains("b.rs:1 uses `crate::c::c`, which is in c.rs"), "{told}");
}

#[test]
fn a_parent_and_its_child_that_use_one_another_are_a_circle_and_a_declaration_is_none() {
    let parent = "mod child; pub(crate) use child::Part; pub struct Whole;";
    let uses_nothing = edges_of(&[
        ("lib.rs", "mod parent;"),
        ("parent.rs", parent),
        ("parent/child.rs", "use super::Whole; pub struct Part(Whole);"),
    ]);
    assert!(circles(&uses_nothing).is_empty(), "the parent only declares and re-exports: {uses_nothing:?}");
    let uses_the_child = edges_of(&[
        ("lib.rs", "mod parent;"),
        ("parent.rs", "mod child; use child::Part; pub struct Whole(Part);"),
        ("parent/child.rs", "pub struct Part; fn of(whole: &super::Whole) {}"),
    ]);
    assert_eq!(circles(&uses_the_child).len(), 1);
}

#[test]
fn an_upward_import_is_found_however_it_is_spelled() {
    let engine = "pub struct Engine; pub const LIMIT: usize = 1;";
    let spellings = [
        "use crate::engine::Engine;",
        "use super::super::engine::Engine as Above;",
        "use crate::{units::Size, engine::{self, Engine}};",
        "use crate::engine; fn of() -> usize { engine::LIMIT }",
        "use crate::engine::*; fn of(engine: &Engine) {}",
        "fn of(to: usize) -> bool { (0..super::super::engine::LIMIT).contains(&to) }",
        "fn of() { assert!(super::super::engine::LIMIT > 0); }",
        "fn of() { use crate::engine::Engine; }",
        "#[cfg(test)] mod tests { fn of() {} } fn of(engine: crate::engine::Engine) {}",
        "#[cfg(test)] use crate::api::Cache; use crate::engine::Engine;",
        "fn of() { #[cfg(test)] { crate::api::check(); } crate::engine::Engine; }",
        "pub(crate) use crate::engine::Engine;",
        "mod inline { pub(super) use super::super::super::engine::Engine; }",
        "use crate::Engine;",
        "macro_rules! of { () => { $crate::engine::LIMIT } }",
    ];
    for spelling in spellings {
        let edges = edges_of(&[
            ("lib.rs", "mod api; mod engine; mod memory; mod units; pub use engine::Engine;"),
            ("api.rs", "pub struct Cache; pub fn check() {}"),
            ("engine.rs", engine),
            ("memory.rs", "mod shard;"),
            ("memory/shard.rs", spelling),
            ("units.rs", "pub struct Size;"),
        ]);
        let faults = upward(&edges);
        assert_eq!(faults.len(), 1, "{spelling}: {faults:?}");
        assert!(faults[0].contains("`memory` may not use `engine`"), "{spelling}: {faults:?}");
    }
}

#[test]
fn an_import_between_two_layers_of_a_row_is_found_unless_its_files_are_listed() {
    let faults_of = |watch: &str, entry: &str| {
        upward(&edges_of(&[
            ("lib.rs", "mod api; mod ops;"),
            ("api/mod.rs", "mod cache; mod watch;"),
            ("api/cache/mod.rs", "use crate::ops::control::serve::serve; pub struct Cache;"),
            ("api/watch.rs", watch),
            ("ops/mod.rs", "mod control; mod metrics;"),
            ("ops/control/mod.rs", "pub mod serve; mod entry;"),
            ("ops/control/serve.rs", "pub fn serve() {}"),
            ("ops/control/entry.rs", entry),
            ("ops/metrics/mod.rs", "use crate::api::cache::Cache;"),
        ]))
    };
    assert_eq!(faults_of("", ""), NO_IMPORTS, "the listed imports");
    let from_api = faults_of("use crate::ops::control::serve::serve;", "");
    assert_eq!(from_api.len(), 1, "{from_api:?}");
    assert!(from_api[0].starts_with("api/watch.rs:1 uses"), "{from_api:?}");
    let from_ops = faults_of("", "fn of(cache: &crate::api::cache::Cache) {}");
    assert_eq!(from_ops.len(), 1, "{from_ops:?}");
    assert!(from_ops[0].contains("`ops` may not use `api`"), "{from_ops:?}");
}

#[test]
fn an_import_behind_a_re_export_is_one_of_the_file_that_defines_the_name() {
    let files = [
        ("lib.rs", "mod engine; mod disk; mod memory;"),
        ("disk.rs", "mod file; pub use crate::engine::Engine as Owner; pub use file::*;"),
        ("disk/file.rs", "pub struct File; pub use File as Handle;"),
        ("engine.rs", "pub struct Engine;"),
        ("memory.rs", "use crate::disk::{Handle, Owner};"),
    ];
    assert_eq!(
        imports_of(&files),
        ["disk.rs -> engine.rs", "memory.rs -> disk/file.rs", "memory.rs -> engine.rs"]
    );
    let faults = upward(&edges_of(&files));
    assert_eq!(faults.len(), 3, "the re-export, its use, and memory, which may not use disk: {faults:?}");
}

#[test]
fn what_only_tests_compile_imports_nothing_and_what_follows_does() {
    let tests = [
        "#[cfg(test)] mod tests { use crate::engine::Engine; }",
        "#[cfg(all(test, unix))] use crate::engine::Engine;",
        "#[cfg(test)] mod tests;",
        "#![cfg(test)] use crate::engine::Engine;",
        "fn of() { #[cfg(test)] let engine = { crate::engine::LIMIT }; }",
        "struct Of { #[cfg(test)] engine: crate::engine::Engine, other: u8 }",
        "#[cfg(test)] #[derive(Debug)] struct Of<A, B>(A, B, crate::engine::Engine);",
        "#[cfg(test)] pub(crate) fn of<A, B>() { crate::engine::of() }",
        "#[cfg(test)] const OF: usize = { crate::engine::LIMIT };",
        "#[cfg(doctest)] mod page { use crate::engine::Engine; }",
    ];
    let read = |spelling: &str| {
        imports_of(&[
            ("lib.rs", "mod engine; mod memory;"),
            ("engine.rs", "pub struct Engine; pub const LIMIT: usize = 1; pub fn of() {}"),
            ("memory.rs", spelling),
            ("memory/tests.rs", "use crate::engine::Engine;"),
        ])
    };
    for spelling in tests {
        assert_eq!(read(spelling), NO_IMPORTS, "{spelling}");
        let inner = spelling.starts_with("#!");
        if !inner {
            let followed = format!("{spelling}\nfn after() {{ crate::engine::of() }}");
            assert_eq!(read(&followed), ["memory.rs -> engine.rs"], "{followed}");
        }
    }
    for spelling in [
        "#[cfg(any(test, feature = \"test-util\"))] use crate::engine::Engine;",
        "#[cfg(not(test))] use crate::engine::Engine;",
        "#[cfg(unix)] mod tests { use crate::engine::Engine; }",
    ] {
        assert_eq!(read(spelling), ["memory.rs -> engine.rs"], "{spelling}");
    }
}

#[test]
fn names_that_are_no_imports_make_none() {
    let files = [
        ("lib.rs", "mod engine; mod memory;"),
        ("engine.rs", "pub struct Engine;"),
        (
            "memory.rs",
            "//! Used by [`crate::engine`].\n\
             use std::sync::Arc; use engine::Part; // crate::engine::Engine\n\
             pub(in crate::memory) struct Slot<'engine>(&'engine str, Arc<Part>);\n\
             impl Slot<'_> { fn engine(&self) -> usize { let text = \"crate::engine::Engine\"; \
             self.0.len::<u8>() + text.len() } }",
        ),
    ];
    assert_eq!(imports_of(&files), NO_IMPORTS);
}

#[test]
fn a_path_goes_through_a_module_though_a_function_has_its_name() {
    let files = [
        ("lib.rs", "mod codec; mod raw;"),
        ("codec.rs", "mod encode; pub fn encode() { crate::raw::write() }"),
        ("codec/encode.rs", "pub struct Encoder;"),
        ("raw.rs", "use crate::codec::encode::Encoder; pub fn write() {}"),
    ];
    assert_eq!(imports_of(&files), ["codec.rs -> raw.rs", "raw.rs -> codec/encode.rs"]);
}

#[test]
fn macros_are_followed_with_a_path_and_without() {
    let files = [
        ("lib.rs", "mod sync; mod memory; mod disk;"),
        (
            "sync.rs",
            "macro_rules! global { () => {} } macro_rules! failpoint { () => {} } pub(crate) use failpoint;",
        ),
        ("memory.rs", "use crate::sync::failpoint; fn of() { failpoint!(); }"),
        ("disk.rs", "fn of() { global!(); assert!(1 != 2); }"),
    ];
    assert_eq!(imports_of(&files), ["disk.rs -> sync.rs", "memory.rs -> sync.rs"]);
}

#[test]
fn a_file_that_no_layer_has_is_a_fault() {
    let faults =
        upward(&edges_of(&[("lib.rs", "mod helpers; use helpers::X;"), ("helpers.rs", "pub struct X;")]));
    assert_eq!(faults, ["helpers.rs: LAYERS has no `helpers`"]);
}

#[test]
fn types_that_share_a_name_are_found_and_those_of_tests_do_not_count() {
    let read = Crate::read(&sources(&[
        ("lib.rs", "mod a; mod b; struct Once;"),
        ("a.rs", "pub struct Fault; fn of() { struct Once; } #[cfg(test)] mod tests { struct Probe; }"),
        (
            "b.rs",
            "\nenum Fault { A } impl Fault { const A: u8 = 1; } #[cfg(test)] mod tests { struct Probe; }",
        ),
    ]));
    assert_eq!(shared_names(&read), ["Fault: a.rs:1, b.rs:2"]);
}

#[test]
fn a_file_that_holds_only_tests_is_found_by_its_name() {
    let files = sources(&[
        ("lib.rs", "mod a; #[cfg(test)] mod spread; #[cfg(test)] mod tests;"),
        ("a.rs", "//! Tests.\n#[cfg(test)] mod tests { fn of() {} }"),
        ("spread.rs", "fn of() {}"),
        ("tests.rs", "mod more;"),
        ("tests/more.rs", "fn of() {}"),
    ]);
    assert_eq!(disguised_tests(&files, &Crate::read(&files)), ["a.rs", "spread.rs"]);
}

#[test]
fn the_figures_count_files_folders_and_the_imports_between_them() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "mod x; mod y; use x::X;"),
        ("a/x.rs", "use super::y::Y; use crate::b::B; pub struct X;"),
        ("a/y.rs", "use crate::b::B; pub struct Y;"),
        ("b.rs", "pub struct B;"),
    ];
    let read = Crate::read(&sources(&files));
    let figures = Figures::of(&read.files, &read.edges());
    assert_eq!(
        figures.to_string(),
        "5 files in 2 folders; 4 imports, 2 of them between folders (1 pairs of folders); 0 circles with 0 files"
    );
}
