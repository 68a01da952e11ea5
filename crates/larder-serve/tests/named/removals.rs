//! Tests of removals in a database that shows a keyspace of an application.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use larder::testing::StallingDisk;
use larder::{Cache, Error};
use larder_serve::RemovalMode;

use super::{PRICE, ReadReply, select, served};
use crate::modes::Stalled;
use crate::support::{Served, request};

#[test]
fn a_removal_of_a_client_is_durable_and_voids_a_load_under_way() {
    for words in [&["DEL", "GLO", "MTN"][..], &["UNLINK", "MTN", "GLO"], &["FLUSHDB"]] {
        let mut served = served();
        let prices = served.cache.keyspace(PRICE).unwrap();
        prices.insert("MTN", 1).unwrap();
        served.cache.flush().unwrap();
        let mut client = select(&served, "18");
        let (begun, begins) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let prices = &prices;
            let loading = scope.spawn(move || {
                prices.get_or_load("GLO", || {
                    begun.send(()).unwrap();
                    ends.recv().unwrap();
                    Ok::<_, Error>(1)
                })
            });
            begins.recv().unwrap();
            assert!(client.ask(words).error().is_none(), "{words:?}");
            assert!(prices.get("MTN").is_none(), "{words:?}");
            end.send(()).unwrap();
            assert_eq!(*loading.join().unwrap().unwrap(), 1);
        });
        assert!(prices.get("GLO").is_none(), "{words:?}: the load began before the removal");
        // Copies the file in the state in which a crash would leave it.
        let copy = served.dir.path().join("copy.larder");
        std::fs::copy(served.dir.path().join("shop.larder"), &copy).unwrap();
        let crashed = Cache::builder().path(&copy).open().unwrap();
        assert!(crashed.keyspace(PRICE).unwrap().get("MTN").is_none(), "{words:?}: back after a crash");
        crashed.close().unwrap();
        drop(served.server.take());
    }
}

#[test]
fn a_removal_is_answered_after_its_commit_even_if_the_other_databases_buffer() {
    let disk = StallingDisk::new();
    let served = Served::over(
        |builder| builder.stalling_disk(&disk),
        |builder| builder.removals(RemovalMode::Buffered).keyspace("price"),
    );
    let prices = served.cache.keyspace(PRICE).unwrap();
    prices.insert("MTN", 1).unwrap();
    served.cache.flush().unwrap();
    for words in [&["DEL", "MTN"][..], &["FLUSHDB"]] {
        prices.insert("MTN", 1).unwrap();
        served.cache.flush().unwrap();
        let mut client = served.connect();
        client.expect(&["SELECT", "16"], "+OK\r\n");
        let stalled = Stalled(&disk);
        disk.stall();
        client.send(request(words));
        disk.await_sync();
        client.expect_nothing();
        drop(stalled);
        client.receive(if words[0] == "DEL" { ":1\r\n" } else { "+OK\r\n" });
    }
}

/// Ends the loading threads when this value is dropped, even if the test has failed.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The source changes, and then a client removes the key. No lookup after the reply returns an older value.
#[test]
fn nothing_is_stale_after_the_reply_to_a_removal_while_the_application_loads() {
    let served = served();
    let prices = served.cache.keyspace(PRICE).unwrap();
    let (source, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let load = || *prices.get_or_load("MTN", || Ok::<_, Error>(source.load(Ordering::SeqCst))).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    load();
                }
            });
        }
        let _over = SetOnDrop(&is_over);
        let mut client = select(&served, "18");
        for round in 0..40 {
            let changed = source.fetch_add(1, Ordering::SeqCst) + 1;
            let words = if round % 5 == 4 { &["FLUSHDB"][..] } else { &["DEL", "MTN"] };
            assert!(client.ask(words).error().is_none());
            assert_eq!(load(), changed, "round {round}: {words:?}");
            assert_eq!(client.ask(&["GET", "MTN"]).value().len(), if changed < 251 { 1 } else { 3 });
        }
    });
}
