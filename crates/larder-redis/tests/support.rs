//! Time limits and functions that several test modules use.

use std::time::{Duration, Instant};

use larder::Format;
use larder::remote::{RemoteAnswer, RemoteKey, RemoteKeyspace, RemoteReply, RemoteResult, RemoteTier, reply};
use larder_redis::RedisTier;

use crate::watchdog::{Watch, patience};

/// Maximum time for a step of a test.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

#[expect(clippy::disallowed_methods, reason = "real servers keep real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Lets real time pass. To wait for a condition, a test calls [`eventually`].
///
/// A real server keeps real time, and so does the bound of its clients. No injected clock can take the
/// place of this function. A test calls it mostly in three cases:
///
/// - The bound must have passed before the test checks that memory answers nothing older.
/// - A thread of a trial limits the rate of its own requests. Otherwise it would take the processor from the
///   threads that it races with.
/// - A load, a proxy or a script is slow on purpose.
#[expect(clippy::disallowed_methods, reason = "real servers keep real time")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Watches the current test from now on. If the test hangs, the watchdog ends the process.
pub(crate) fn watch_this_test() -> Watch {
    let thread = std::thread::current();
    Watch::over(thread.name().unwrap_or("a thread of some test").to_owned(), patience())
}

/// Returns the options of a URL with time limits that are long enough for a busy machine, unless the options
/// have such limits.
pub(crate) fn patient(options: &str) -> String {
    let limit = |limit: &'static str| {
        let is_given = limit.split('=').next().is_some_and(|name| options.contains(name));
        if is_given { "" } else { limit }
    };
    [limit("connect_timeout=5s"), limit("request_timeout=20s"), options].join("&")
}

pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = now();
    while !is_so() {
        assert!(began.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        pause(Duration::from_millis(2));
    }
}

/// The keyspace of records that most tests use.
pub(crate) fn records() -> RemoteKeyspace {
    keyspace(7, "prices", Format::Bincode)
}

pub(crate) fn keyspace(number: u32, name: &str, format: Format) -> RemoteKeyspace {
    let (name, shape) = (name.to_owned(), "bytes".to_owned());
    RemoteKeyspace { number, name, version: 1, schema: None, shape, format, range_parts: 0 }
}

pub(crate) fn key_of(number: u32, key: &str) -> RemoteKey {
    [&number.to_be_bytes(), key.as_bytes()].concat().into()
}

/// Returns a key of the keyspace [`records`].
pub(crate) fn key(key: &str) -> RemoteKey {
    key_of(7, key)
}

pub(crate) fn ask<T>(send: impl FnOnce(RemoteReply<T>)) -> RemoteResult<T> {
    let (sender, answer): (RemoteReply<T>, RemoteAnswer<T>) = reply();
    send(sender);
    answer.wait()
}

/// Opens a tier with the keyspace [`records`], without a cache in memory.
pub(crate) fn open(url: &str) -> RedisTier {
    let tier = RedisTier::open(url).unwrap();
    tier.register(records()).unwrap();
    tier
}
