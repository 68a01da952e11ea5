//! Tests the times at which the server answers removals and writes, and the replies of walks while the disk
//! does not work.

use larder::testing::{Failure, SimulatedVolume, StallingDisk};
use larder_serve::RemovalMode;

use crate::resp::RespClient;
use crate::support::{Served, request};

/// Returns a server over a disk that can stall. The removals of database 2 are buffered.
fn stalling() -> (StallingDisk, Served) {
    let disk = StallingDisk::new();
    let served = Served::over(
        |builder| builder.stalling_disk(&disk),
        |builder| builder.databases(3).removals_of(2, RemovalMode::Buffered),
    );
    (disk, served)
}

/// Resumes the disk even when a test has failed. Without this, the shutdown of the server would wait for the
/// disk.
struct Stalled<'a>(&'a StallingDisk);

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.resume();
    }
}

#[test]
fn flushall_waits_for_the_commit_if_any_database_asks_for_that() {
    let (disk, served) = stalling();
    let mut client = served.connect();
    client.expect(&["SET", "a", "1"], "+OK\r\n");
    client.expect(&["SELECT", "2"], "+OK\r\n");
    served.cache.flush().unwrap();
    let stalled = Stalled(&disk);
    disk.stall();
    client.expect(&["FLUSHDB"], "+OK\r\n");
    client.send(request(&["FLUSHALL"]));
    disk.await_sync();
    client.expect_nothing();
    drop(stalled);
    client.receive("+OK\r\n");
}

#[test]
fn a_walk_in_an_outage_is_an_error_and_not_an_early_end() {
    let disk = SimulatedVolume::new();
    let served = Served::over(|builder| builder.path("/cache/shop.larder").volume(&disk), |builder| builder);
    let mut client = RespClient::connect(&served.socket).unwrap();
    client.ask(&["SET", "a", "1"]);
    served.cache.flush().unwrap();
    assert_eq!(client.ask(&["DBSIZE"]).integer(), Some(1));
    disk.fail_from(0, Failure::Io);
    client.ask(&["SET", "b", "1"]);
    assert!(served.cache.flush().is_err());
    for words in [&["SCAN", "0"][..], &["KEYS", "*"], &["DBSIZE"], &["RANDOMKEY"]] {
        let reply = client.ask(words);
        assert!(reply.error().is_some_and(|text| text.contains("keys would be left out")), "{reply:?}");
    }
    disk.heal();
}
