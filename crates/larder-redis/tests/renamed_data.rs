//! Tests of a client that does not know yet that the data on the server has another name.

use std::thread;

use larder::{Cache, Keyspace, KeyspaceDefinition};

use crate::proxy::Proxy;
use crate::server::RedisServer;
use crate::support::eventually;

type Pages = Keyspace<(String, u64), u64>;

const FLAT: KeyspaceDefinition<(String, u64), u64> = KeyspaceDefinition::new("pages");

fn open(url: &str, range_parts: u8) -> (Cache, Pages) {
    let cache = larder_redis::open_url(url).unwrap();
    let definition = if range_parts > 0 { FLAT.range_parts(range_parts) } else { FLAT };
    let pages = cache.keyspace(definition).unwrap();
    (cache, pages)
}

/// Gives the data a name that no client knows, and returns the name that a client gives it next.
fn rename(server: &RedisServer) -> String {
    // The ids are not those of the server, so the next client that reads the marker changes the name.
    assert_eq!(server.cli(&["SET", "shop::world", "x x x"]), "OK");
    let mut marker = String::new();
    eventually("a client names the data", || {
        marker = server.cli(&["GET", "shop::world"]);
        marker != "x x x"
    });
    marker.rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn a_removal_of_a_range_ends_the_records_of_data_with_a_new_name() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let key = ("A".to_owned(), 1);
    // The clients agree about the ranges, or the other client has none.
    for range_parts in [1, 0] {
        let proxy = Proxy::start(server.socket());
        let options = "prefix=shop&staleness=5s&request_timeout=20s&memory=8MiB";
        let (_late, late) = open(&proxy.url(options), 1);
        let (_other, other) = open(&server.url(options), range_parts);
        late.insert(&key, 1).unwrap();
        proxy.hold_answers(true);
        let generation = format!("shop::g:{}:0:pages", rename(&server));
        eventually("the other client stores under the new name", || {
            other.insert(&key, 2).unwrap();
            server.cli(&["EXISTS", &generation]) == "1"
        });
        eventually("memory of the other client has the page", || {
            let before = other.stats().memory_hits;
            other.get(&key).is_some() && other.stats().memory_hits > before
        });
        thread::scope(|scope| {
            let scripts = || server.calls("evalsha");
            let before = scripts();
            let removed = scope.spawn(|| late.remove_prefix(("A",)));
            eventually("the server has removed the range", || scripts() > before);
            proxy.hold_answers(false);
            removed.join().unwrap().unwrap();
        });
        let (_new, new) = open(&server.url(options), range_parts);
        assert_eq!(new.get(&key), None, "{range_parts} parts: the removal was acknowledged");
        eventually("the near copy is gone, too", || other.get(&key).is_none());
        server.cli(&["FLUSHALL"]);
    }
}
