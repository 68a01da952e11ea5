//! The fuzz targets. Each target is a function that takes any bytes, and panics if something is wrong.
//!
//! libFuzzer calls these functions (`fuzz_targets/`, `just fuzz record`). `cargo test -p larder-fuzz` calls
//! these functions too, and needs only stable cargo. It replays the corpus and runs random inputs. In the
//! tests, every target has a broken variant. The tests must find its fault.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a target that panics has found something")]

mod answer;
mod control;
mod export;
mod file;
mod input;
mod key;
mod operations;
mod record;
mod request;
pub mod seeds;
mod settings;
#[cfg(test)]
mod tests;
mod url;
mod value;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The target's name. Its binary and its folder in the corpus have the same name.
    pub name: &'static str,
    /// Runs the target on one input.
    pub run: fn(&[u8]),
    /// Number of random inputs in a plain test run, for a second or less.
    pub rounds: u64,
}

/// All targets.
pub const TARGETS: [Target; 11] = [
    Target { name: "record", run: record, rounds: 400 },
    Target { name: "value", run: value, rounds: 4_000 },
    Target { name: "key", run: key, rounds: 4_000 },
    Target { name: "file", run: file, rounds: 20 },
    Target { name: "operations", run: operations, rounds: 100 },
    Target { name: "settings", run: settings, rounds: 60 },
    Target { name: "url", run: url, rounds: 4_000 },
    Target { name: "export", run: export, rounds: 2_000 },
    Target { name: "control", run: control, rounds: 400 },
    Target { name: "request", run: request, rounds: 4_000 },
    Target { name: "answer", run: answer, rounds: 4_000 },
];

/// Records: header, checksum and payload.
///
/// # Panics
/// Panics if a record is not read as it was written.
pub fn record(data: &[u8]) {
    record::check(&record::RECORDS, data);
}

/// Values: the codec and its limits.
///
/// # Panics
/// Panics if a value does not read back, or a limit does not hold.
pub fn value(data: &[u8]) {
    value::check::<value::Real>(data);
}

/// Keys: their order, their prefixes, and bytes that are not a key.
///
/// # Panics
/// Panics if the bytes do not keep the order of the keys, or one key's bytes begin another key's bytes.
pub fn key(data: &[u8]) {
    key::check::<key::Real>(data);
}

/// Whole files: any bytes at the path.
///
/// # Panics
/// Panics if a foreign file is changed, or a damaged entry is served.
pub fn file(data: &[u8]) {
    file::check(|_, builder| builder.open(), data);
}

/// Sequences of operations.
///
/// # Panics
/// Panics if an answer differs from the model's answer.
pub fn operations(data: &[u8]) {
    operations::check(|keyspace, key| keyspace.remove(key), data);
}

/// The settings of a cache.
///
/// # Panics
/// Panics if a forbidden setting is accepted, or an allowed setting is refused. The documentation says which
/// settings are allowed.
pub fn settings(data: &[u8]) {
    settings::check(larder::CacheBuilder::open, data);
}

/// URLs of settings.
///
/// # Panics
/// Panics if a URL is misread, or a password is shown.
pub fn url(data: &[u8]) {
    url::check(larder::CacheBuilder::from_url, data);
}

/// Exports, in both forms.
///
/// # Panics
/// Panics if a part of an export is accepted as the whole, or an export changes when it is written again.
pub fn export(data: &[u8]) {
    export::check(export::read, data);
}

/// Requests to the control socket, one on each line.
///
/// # Panics
/// Panics if a line has no answer, or a key is removed that was not requested.
pub fn control(data: &[u8]) {
    control::check(larder::testing::answer_line, data);
}

/// Answers of a server in Redis' protocol.
///
/// # Panics
/// Panics if the answers depend on the parts in which the bytes arrive, or exceed a limit.
pub fn answer(data: &[u8]) {
    answer::check(larder_redis::testing::read_replies, data);
}

/// Requests in Redis' protocol.
///
/// # Panics
/// Panics if requests depend on the parts in which their bytes arrive, or a limit does not hold.
pub fn request(data: &[u8]) {
    request::check(larder_serve::testing::read_requests, data);
}
