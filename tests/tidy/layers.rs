//! The layers of the cache from top to bottom, and the imports that are allowed between them.
//!
//! The layer of a file is the first part of its path below `crates/larder/src`. A file may import its own
//! layer and the layers in the rows below. [`BESIDE`] lists the imports between two layers of one row.

use super::imports::Edge;

pub(crate) const LAYERS: [&[&str]; 12] = [
    // `lib` only re-exports, and `testing` may import everything.
    &["lib", "testing"],
    &["api", "ops"],
    &["engine"],
    &["memory", "disk"],
    &["stats"],
    &["config"],
    &["event"],
    &["remote"],
    &["error"],
    &["format"],
    &["sys"],
    &["units"],
];

/// The allowed imports between two layers of one row, as pairs of an importing and an imported file. Listing
/// single files keeps these dependencies few.
const BESIDE: [(&str, &str); 3] = [
    // A cache checks the path of its control socket, and starts the socket.
    ("api/cache/mod.rs", "ops/control/listen.rs"),
    ("api/cache/mod.rs", "ops/control/serve.rs"),
    // The metrics for other programs are read through a cache.
    ("ops/metrics/mod.rs", "api/cache/mod.rs"),
];

fn row_of(file: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&layer_of(file)))
}

/// Returns the layer of a file: the first folder of its path, or its own name.
fn layer_of(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// Returns the imports that go up or sideways, and the files without a layer.
pub(crate) fn upward(edges: &[Edge]) -> Vec<String> {
    let mut faults = Vec::new();
    for edge in edges {
        let (from, to) = (layer_of(&edge.from), layer_of(&edge.to));
        match (row_of(from), row_of(to)) {
            (Some(row), Some(below)) if from == to || row < below => {}
            (Some(_), Some(_)) if BESIDE.contains(&(&edge.from, &edge.to)) => {}
            (Some(_), Some(_)) => faults.push(format!("{edge}: `{from}` may not use `{to}`")),
            (None, _) => faults.push(format!("{}: LAYERS has no `{from}`", edge.from)),
            (_, None) => faults.push(format!("{}: LAYERS has no `{to}`", edge.to)),
        }
    }
    faults.sort();
    faults.dedup();
    faults
}
