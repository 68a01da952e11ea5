//! The fuzz targets. Each is a function from any bytes; it panics if something is wrong.
//!
//! libFuzzer calls them (`fuzz_targets/`, `just fuzz record`). So does `cargo test -p larder-fuzz`, which
//! needs only stable cargo: it replays the corpus and runs random inputs. In the tests every target has a
//! broken variant, in which it must find a fault.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a target that panics has found something")]

mod control;
mod export;
mod file;
mod input;
mod key;
mod operations;
mod record;
pub mod seeds;
mod settings;
#[cfg(test)]
mod tests;
mod url;
mod value;

/// A target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is also the name of its binary and of its folder in the corpus.
    pub name: &'static str,
    /// Runs it on one input.
    pub run: fn(&[u8]),
    /// Number of random inputs in a plain test run: a second's worth or less.
    pub rounds: u64,
}

/// All targets.
pub const TARGETS: [Target; 9] = [
    Target { name: "record", run: record, rounds: 400 },
    Target { name: "value", run: value, rounds: 4_000 },
    Target { name: "key", run: key, rounds: 4_000 },
    Target { name: "file", run: file, rounds: 20 },
    Target { name: "operations", run: operations, rounds: 100 },
    Target { name: "settings", run: settings, rounds: 60 },
    Target { name: "url", run: url, rounds: 4_000 },
    Target { name: "export", run: export, rounds: 2_000 },
    Target { name: "control", run: control, rounds: 400 },
];

/// Records: header, checksum and payload.
///
/// # Panics
/// If a record is not read as it was written.
pub fn record(data: &[u8]) {
    record::check(&record::RECORDS, data);
}

/// Values: the codec and its limits.
///
/// # Panics
/// If a value does not read back, or a limit does not hold.
pub fn value(data: &[u8]) {
    value::check::<value::Real>(data);
}

/// Keys: order, prefixes, and bytes that are no key.
///
/// # Panics
/// If an order or a prefix is not kept.
pub fn key(data: &[u8]) {
    key::check::<key::Real>(data);
}

/// Whole files: any bytes at the path.
///
/// # Panics
/// If a foreign file is changed, or a damaged entry is served.
pub fn file(data: &[u8]) {
    file::check(|_, builder| builder.open(), data);
}

/// Sequences of operations.
///
/// # Panics
/// If an answer is not the model's.
pub fn operations(data: &[u8]) {
    operations::check(larder::Keyspace::remove, data);
}

/// The settings of a cache.
///
/// # Panics
/// If a setting is accepted that the documentation does not allow, or refused although it does.
pub fn settings(data: &[u8]) {
    settings::check(larder::CacheBuilder::open, data);
}

/// URLs of settings.
///
/// # Panics
/// If a URL is misread, or a password is shown.
pub fn url(data: &[u8]) {
    url::check(larder::CacheBuilder::from_url, data);
}

/// Exports, in both forms.
///
/// # Panics
/// If a part of an export passes for the whole, or an export changes when it is written again.
pub fn export(data: &[u8]) {
    export::check(export::read, data);
}

/// Requests to the control socket, one a line.
///
/// # Panics
/// If a line has no answer, or other keys are removed than the requested ones.
pub fn control(data: &[u8]) {
    control::check(larder::testing::answer_line, data);
}
