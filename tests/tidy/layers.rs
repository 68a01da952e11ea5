//! The layers of the cache, top to bottom: the one table that says what may import what.
//!
//! Each file belongs to the layer that is named as the first part of its path below `crates/larder/src`. It
//! may import its own layer, those of the rows below, and those that [`BESIDE`] allows.

use super::imports::Edge;

pub(crate) const LAYERS: [&[&str]; 11] = [
    // The root only says where names are. The tests' simulated disk may use everything.
    &["lib", "testing"],
    &["api", "ops"],
    &["engine"],
    &["memory", "disk"],
    &["stats"],
    &["config"],
    &["event"],
    &["error"],
    &["format"],
    &["sys"],
    &["units"],
];

/// Imports within a row that are allowed. No two files may use one another all the same.
const BESIDE: [(&str, &str); 2] = [
    // A cache starts its control socket; statistics for other programs are read through a cache.
    ("api", "ops"),
    ("ops", "api"),
];

fn row_of(file: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&layer_of(file)))
}

/// Returns the layer of a file: the folder or file that it is below the root.
fn layer_of(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// Returns the imports that go up or sideways, and the files that have no layer.
pub(crate) fn upward(edges: &[Edge]) -> Vec<String> {
    let mut faults = Vec::new();
    for edge in edges {
        let (from, to) = (layer_of(&edge.from), layer_of(&edge.to));
        match (row_of(from), row_of(to)) {
            (Some(row), Some(below)) if from == to || row < below || BESIDE.contains(&(from, to)) => {}
            (Some(_), Some(_)) => faults.push(format!("{edge}: `{from}` may not use `{to}`")),
            (None, _) => faults.push(format!("{}: LAYERS has no `{from}`", edge.from)),
            (_, None) => faults.push(format!("{}: LAYERS has no `{to}`", edge.to)),
        }
    }
    faults.sort();
    faults.dedup();
    faults
}
