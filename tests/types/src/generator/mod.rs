//! Generates the types in `generated/`. The same seed gives the same types.
//!
//! Each type belongs to a row of the table *serde feature × format* in `docs/guide.md`, and uses no other
//! unusual feature. So a row shows the effect of its own feature only. The types of the last row contain
//! types of earlier rows.

mod attributes;
mod kinds;
mod plan;
pub(crate) mod random;
mod render;
mod shapes;

use std::fmt::Write;

use kinds::{STANDARD, spelled};
use plan::{Planner, field};
use render::{Body, Type};

/// Seed of the types in the repository.
pub(crate) const SEED: u64 = 11;

/// Number of types per file.
const IN_A_FILE: usize = 16;

/// The row for raw keyspaces.
const RAW: (&str, &[&str]) = (
    "a newtype of bytes or of text",
    &[
        "Vec<u8>",
        "String",
        "Box<str>",
        "Box<[u8]>",
        "[u8; 8]",
        "BTreeSet<u8>",
        "Cow<'static, str>",
        "Arc<str>",
        "VecDeque<u8>",
        "PathBuf",
        "CString",
        "Vec<Wrapping<u8>>",
    ],
);

/// Returns the names and contents of the generated files for a seed.
pub(crate) fn sources(seed: u64) -> Vec<(String, String)> {
    let types = types(seed);
    let parts = types.chunks(IN_A_FILE).enumerate();
    let mut files: Vec<_> = parts.map(|(at, types)| (format!("part_{at:02}.rs"), part(at, types))).collect();
    files.push(("mod.rs".to_owned(), index(seed, &types, files.len())));
    files
}

fn types(seed: u64) -> Vec<Type> {
    let mut plan = Planner::new(seed);
    let mut types = Vec::new();
    for (row, number, make) in shapes::ROWS {
        types.extend((0..number).map(|at| make(&mut plan, row, at)));
    }
    for alone in RAW.1 {
        types.push(plan.structure(RAW.0, Body::Tuple(vec![field("", alone)])));
    }
    for (row, of) in STANDARD {
        types.extend(of_standard(&mut plan, row, of));
    }
    for (row, number, make) in attributes::ROWS {
        types.extend((0..number).map(|at| make(&mut plan, row, at)));
    }
    types
}

/// Returns structs that together contain all types of a row.
fn of_standard(plan: &mut Planner, row: &'static str, of: &[&str]) -> Vec<Type> {
    let mut types = Vec::new();
    for some in of.chunks(3) {
        let names = plan.names(some.len() + 1);
        let mut fields: Vec<_> =
            names.iter().zip(some).map(|(name, ty)| field(name, &spelled(&mut plan.random, ty))).collect();
        // The last field is wrong if any field before it is read too long or too short.
        fields.push(field(&names[some.len()], "u16"));
        let body = if types.is_empty() { Body::Named(fields) } else { Body::Tuple(fields) };
        let made = plan.structure(row, body);
        let is_shared = !row.contains("`Rc`");
        types.push(Type { is_shared, ..made });
    }
    types
}

fn part(at: usize, types: &[Type]) -> String {
    let mut out = format!(
        "//! Generated types, part {at}: written by `cargo run -p larder-types --bin generate`, not by hand.\n\n\
         use super::*;\n\n/// Lets the judge try values of each type.\npub(super) fn all(judge: &mut Judge) {{\n",
    );
    for Type { name, row, .. } in types {
        writeln!(out, "    judge.values_of::<{name}>(\"{name}\", {row:?});").ok();
    }
    out += "}\n";
    for one in types {
        out += "\n";
        out += &one.render();
    }
    out
}

fn index(seed: u64, types: &[Type], parts: usize) -> String {
    let mut out = format!(
        "//! Generated types, from seed {seed}: written by `cargo run -p larder-types --bin generate`, not by hand.\n\n"
    );
    let each = |out: &mut String, line: &dyn Fn(usize) -> String| {
        (0..parts).for_each(|at| writeln!(out, "{}", line(at)).unwrap_or_default());
        out.push('\n');
    };
    each(&mut out, &|at| format!("mod part_{at:02};"));
    each(&mut out, &|at| format!("use part_{at:02}::*;"));
    out += "use crate::judge::Judge;\nuse crate::prelude::*;\n\n";
    out += "/// Shows each type to the judge.\npub(crate) fn all(judge: &mut Judge) {\n";
    each(&mut out, &|at| format!("    part_{at:02}::all(judge);"));
    out.pop();
    out += "}\n\n// Any value of a type that threads may share: one keyspace holds them all.\nany! {\n";
    let shared: Vec<&str> = types.iter().filter(|one| one.is_shared).map(|one| one.name.as_str()).collect();
    for line in shared.chunks(16) {
        writeln!(out, "    {}", line.join(" ")).ok();
    }
    out += "}\n";
    out
}
