//! The fuzz targets. Each target is a function that takes any bytes and panics when it finds a fault.
//!
//! libFuzzer calls these functions (`fuzz_targets/`, `just fuzz record`). `cargo test -p larder-fuzz` also
//! calls them, with stable Rust: it replays the corpus and runs random inputs. The tests also give every
//! target a broken function, and the target must find that fault.

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
    /// Name of the target, of its binary, and of its folder in the corpus.
    pub name: &'static str,
    /// Runs the target on one input.
    pub run: fn(&[u8]),
    /// Number of random inputs in a test run. They take at most about a second.
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

/// Checks records: header, checksum and payload.
///
/// # Panics
/// Panics if a record is not read as it was written.
pub fn record(data: &[u8]) {
    record::check(&record::RECORDS, data);
}

/// Checks values: the codec and its limits.
///
/// # Panics
/// Panics if a value is not decoded as it was encoded, or if a limit does not hold.
pub fn value(data: &[u8]) {
    value::check::<value::Real>(data);
}

/// Checks keys: their order, their prefixes, and bytes that are not a valid key.
///
/// # Panics
/// Panics if the encodings do not sort as the keys do, or if one encoding is a prefix of another.
pub fn key(data: &[u8]) {
    key::check::<key::Real>(data);
}

/// Checks whole files: any bytes at the path of a cache file.
///
/// # Panics
/// Panics if a foreign file is changed, or if a damaged entry is served.
pub fn file(data: &[u8]) {
    file::check(|_, builder| builder.open(), data);
}

/// Checks sequences of operations against a model.
///
/// # Panics
/// Panics if an answer differs from the answer of the model.
pub fn operations(data: &[u8]) {
    operations::check(|keyspace, key| keyspace.remove(key), data);
}

/// Checks the settings of a cache.
///
/// # Panics
/// Panics if a setting is accepted that the documentation forbids, or if an allowed setting is refused.
pub fn settings(data: &[u8]) {
    settings::check(larder::CacheBuilder::open, data);
}

/// Checks URLs that contain settings.
///
/// # Panics
/// Panics if a URL is misread, or if an error shows a password.
pub fn url(data: &[u8]) {
    url::check(larder::CacheBuilder::from_url, data);
}

/// Checks exports in both forms.
///
/// # Panics
/// Panics if a part of an export is accepted as a whole export, or if an export changes when it is written
/// again.
pub fn export(data: &[u8]) {
    export::check(export::read, data);
}

/// Checks requests to the control socket, one per line.
///
/// # Panics
/// Panics if a line gets no reply, or if the number of removed keys in a reply is wrong.
pub fn control(data: &[u8]) {
    control::check(larder::testing::answer_line, data);
}

/// Checks the replies of a Redis server.
///
/// # Panics
/// Panics if splitting the stream changes the replies, or if a reply exceeds a limit.
pub fn answer(data: &[u8]) {
    answer::check(larder_redis::testing::read_replies, data);
}

/// Checks requests in the Redis protocol.
///
/// # Panics
/// Panics if splitting the stream changes the requests, or if a request exceeds a limit.
pub fn request(data: &[u8]) {
    request::check(larder_serve::testing::read_requests, data);
}
