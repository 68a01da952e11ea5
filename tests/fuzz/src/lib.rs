//! What the fuzzers drive: a function a target, from any bytes to a panic if something is wrong.
//!
//! libFuzzer calls them (`fuzz_targets/`, `just fuzz record`), and so does `cargo test -p larder-fuzz`, which
//! needs nothing but stable cargo: it replays the corpus and runs made-up inputs. Every target has a broken
//! twin in the tests that it must find fault with.

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
    /// Its name, which is also that of its binary and of its folder in the corpus.
    pub name: &'static str,
    /// Runs it on one input.
    pub run: fn(&[u8]),
    /// How many made-up inputs a plain test run gives it: a second's worth or less.
    pub rounds: u64,
}

/// All of them.
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
/// When what is read is not what was written.
pub fn record(data: &[u8]) {
    record::check(&record::RECORDS, data);
}

/// Values: the codec and its limits.
///
/// # Panics
/// When a value does not read back, or a limit does not hold.
pub fn value(data: &[u8]) {
    value::check::<value::Real>(data);
}

/// Keys: order, prefixes, and what is no key.
///
/// # Panics
/// When an order or a prefix is not kept.
pub fn key(data: &[u8]) {
    key::check::<key::Real>(data);
}

/// Whole files: anything at the path.
///
/// # Panics
/// When a foreign file is changed, or something damaged is served.
pub fn file(data: &[u8]) {
    file::check(|_, builder| builder.open(), data);
}

/// Sequences of operations.
///
/// # Panics
/// When an answer is not the model's.
pub fn operations(data: &[u8]) {
    operations::check(larder::Keyspace::remove, data);
}

/// The settings of a cache.
///
/// # Panics
/// When a setting is accepted that the documentation does not allow, or refused though it does.
pub fn settings(data: &[u8]) {
    settings::check(larder::CacheBuilder::open, data);
}

/// URLs of settings.
///
/// # Panics
/// When a URL is misread, or a password is shown.
pub fn url(data: &[u8]) {
    url::check(larder::CacheBuilder::from_url, data);
}

/// Exports, of both forms.
///
/// # Panics
/// When a part of one passes for the whole, or one changes when it is written again.
pub fn export(data: &[u8]) {
    export::check(export::read, data);
}

/// Requests to the control socket, a line each.
///
/// # Panics
/// When a line has no answer, or more is removed than was asked for.
pub fn control(data: &[u8]) {
    control::check(larder::control::answer_line, data);
}
