//! Commands on a cache at a real Redis server.

use larder::{Cache, Format, KeyspaceDefinition};
use serde_json::Value;

use crate::redis_process::RedisProcess;
use crate::support::{PRODUCTS, Place, Product, larder, printed, stderr, transcript};

const PAGES: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("page").format(Format::Raw);

struct RedisServer(RedisProcess);

impl RedisServer {
    /// Starts a server without persistence. If redis-server is not installed, prints the reason and returns
    /// `None`.
    fn start(place: &Place) -> Option<Self> {
        RedisProcess::start_or_skip(place.dir(), &[]).map(Self)
    }

    fn url(&self) -> String {
        format!("redis+unix://{}?prefix=shop&request_timeout=20s", self.0.socket.display())
    }

    /// Sends a request whose words contain no spaces.
    fn send(&self, request: &str) {
        let reply = self.0.send(request).unwrap();
        assert!(!reply.starts_with('-'), "{request}: {reply}");
    }
}

/// Opens a cache with two products and a page.
fn fill(server: &RedisServer) -> Cache {
    let cache = larder_redis::open_url(&server.url()).unwrap();
    let products = cache.keyspace(PRODUCTS).unwrap();
    for code in ["MTNVTU", "MTNDATA"] {
        products.insert(code, Product { name: "MTN airtime".to_owned(), price: 100 }).unwrap();
    }
    cache.keyspace(PAGES).unwrap().insert("/help", "Call 121.\n".to_owned()).unwrap();
    cache
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_entries_of_a_server_are_read_and_removed() {
    let place = Place::new();
    let Some(server) = RedisServer::start(&place) else { return };
    let cache = fill(&server);
    let (url, dir) = (server.url(), place.dir());
    let ok = |arguments: &[&str]| printed(dir, arguments, 0);
    let keys = ok(&["keys", &url]);
    let all =
        ["page\tshop:0:page:/help", "product\tshop:1:product_MTNDATA", "product\tshop:1:product_MTNVTU"];
    assert_eq!(sorted(&keys), all);
    assert_eq!(sorted(&ok(&["keys", &url, "--keyspace", "page"])), all[..1]);
    assert_eq!(sorted(&ok(&["keys", &url, "--prefix", "shop:1:product_MTND"])), all[1..2]);
    let long = ok(&["keys", &url, "--long", "--keyspace", "page"]);
    assert!(long.starts_with("page\tshop:0:page:/help\tplain\t86"), "{long}");
    let json: Value = serde_json::from_str(&ok(&["keys", &url, "--json", "--keyspace", "page"])).unwrap();
    assert_eq!(json["key"], "shop:0:page:/help");

    let product = ok(&["get", &url, "shop:1:product_MTNVTU"]);
    for text in
        ["keyspace    product, version 1", "a record", "begins with \"MTN airtime\"", "expires     in 59 min"]
    {
        assert!(product.contains(text), "{text}: {product}");
    }
    assert_eq!(ok(&["get", "--raw", &url, "shop:0:page:/help"]), "Call 121.\n");
    let ttl = ok(&["ttl", &url, "shop:1:product_MTNVTU"]);
    assert!(ttl.starts_with("35"), "{ttl}");
    assert!(ok(&["why", &url, "shop:1:product_MTNVTU"]).contains("a lookup finds it; it expires in 59 min"));
    // A product key without a version has version 0.
    assert!(
        printed(dir, &["why", &url, "product_MTNVTU"], 1)
            .starts_with("shop:0:product_MTNVTU: the server has nothing")
    );
    let unknown = larder(dir, &["get", &url, "MTNVTU"]);
    assert!(
        stderr(&unknown).contains("write it as `larder keys` shows it: shop:VERSION:KEYSPACE:KEY"),
        "{}",
        transcript(&unknown)
    );
    let products = cache.keyspace(PRODUCTS).unwrap();
    let loaded = products.get_or_load("GLOVTU", || {
        let why = printed(dir, &["why", &url, "shop:1:product_GLOVTU"], 1);
        assert!(why.contains("a load of it is under way, whose lease ends in"), "{why}");
        printed(dir, &["get", &url, "shop:1:product_GLOVTU"], 1);
        assert!(ok(&["remove", &url, "shop:1:product_GLOVTU"]).starts_with("removed 1: "));
        Ok::<_, std::io::Error>(Product { name: "Glo airtime".to_owned(), price: 100 })
    });
    drop(loaded.unwrap());
    assert!(products.get("GLOVTU").is_none(), "the removal has voided the load");
    server.send("SET shop:1:product_MTNDATA foreign");
    assert!(ok(&["why", &url, "shop:1:product_MTNDATA"]).contains("A keyspace of another format misses it"));

    let info = ok(&["info", &url]);
    assert!(info.contains("prefix shop") && info.contains("product   1        2"), "{info}");
    assert!(ok(&["stats", &url]).contains("keyspace hits"));
    let dry = ok(&["remove-prefix", "--dry-run", &url, "shop:1:product_MTN"]);
    assert!(dry.starts_with("would remove 2: "), "{dry}");
    assert!(ok(&["remove-prefix", &url, "shop:1:product_MTN"]).starts_with("removed 2: "));
    printed(dir, &["remove-prefix", &url, "shop:"], 2);
    assert!(ok(&["clear", &url, "--keyspace", "product"]).starts_with("removed 0: "));
    assert!(ok(&["clear", &url]).starts_with("removed 1: "));
    assert_eq!(ok(&["keys", &url]), "");
}

#[test]
fn a_record_of_before_a_clear_has_ended() {
    let place = Place::new();
    let Some(server) = RedisServer::start(&place) else { return };
    let _cache = fill(&server);
    let url = server.url();
    server.send("RENAME shop:1:product_MTNVTU kept");
    printed(place.dir(), &["clear", &url, "--keyspace", "product"], 0);
    server.send("RENAME kept shop:1:product_MTNVTU");
    let why = printed(place.dir(), &["why", &url, "shop:1:product_MTNVTU"], 1);
    assert!(why.contains("of before a removal of all entries"), "{why}");
}

#[test]
fn a_string_that_is_too_long_is_told_by_its_length() {
    let place = Place::new();
    let Some(server) = RedisServer::start(&place) else { return };
    let (url, dir, key) = (server.url(), place.dir(), "shop:1:page:x");
    // The value has one byte more than a lookup of a cache reads.
    server.send(&format!("SETRANGE {key} {} x", 80 << 20));
    let text = "too long to show (83886081 bytes)";
    for command in ["get", "why", "ttl"] {
        let said = transcript(&larder(dir, &[command, &url, key]));
        assert!(said.contains(text) && said.contains("code Some(1)"), "{command}: {said}");
    }
    assert_eq!(
        printed(dir, &["keys", &url, "--long"], 0),
        format!("page\t{key}\ttoo_long\tnever\t83886081\n")
    );
    assert!(printed(dir, &["remove", &url, key], 0).starts_with("removed 1: "));
}

#[test]
fn doctor_checks_the_settings_of_a_server() {
    let place = Place::new();
    let Some(server) = RedisServer::start(&place) else { return };
    let (url, dir) = (server.url(), place.dir());
    let report = printed(dir, &["doctor", &url], 9);
    for text in [
        "pass  version",
        "pass  tracking",
        "warn  memory_limit",
        "warn  persistence",
        "CONFIG SET maxmemory 1gb",
    ] {
        assert!(report.contains(text), "{text}: {report}");
    }
    server.send("CONFIG SET maxmemory 100mb");
    server.send("CONFIG SET maxmemory-policy allkeys-lru");
    server.send("CONFIG SET appendonly yes");
    let report = printed(dir, &["doctor", &url, "--json"], 0);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["verdict"], "pass", "{report}");
    let report = printed(dir, &["doctor", &format!("{url}&fsync=always")], 10);
    assert!(report.contains("FAIL  persistence"), "{report}");
}

#[test]
fn a_command_that_a_server_has_no_answer_to_says_what_has() {
    let url = "redis://shop:hunter2@127.0.0.1:1/1";
    let place = Place::new();
    for (arguments, remedy) in [
        (vec!["verify", url], "larder why"),
        (vec!["export", url], "redis-cli --rdb"),
        (vec!["import", url, "x"], "redis-cli --rdb"),
        (vec!["compact", url], "the server reuses its memory"),
        (vec!["flush", url], "when it returns"),
        (vec!["top", url], "larder stats"),
        (vec!["hot", url], "control socket"),
        (vec!["slow", url], "control socket"),
        (vec!["monitor", url], "control socket"),
        (vec!["check", url], "larder doctor"),
        (vec!["serve", url], "connect to that server"),
    ] {
        let output = larder(place.dir(), &arguments);
        let said = transcript(&output);
        assert!(output.status.code() == Some(2) && said.contains("at a server"), "{arguments:?}: {said}");
        assert!(said.contains(remedy) && !said.contains("hunter2"), "{arguments:?}: {said}");
    }
    for arguments in [["info", url], ["keys", url], ["stats", url], ["doctor", url], ["clear", url]] {
        let output = larder(place.dir(), &arguments);
        let said = transcript(&output);
        assert!(
            output.status.code() == Some(8) && said.contains("no connection to redis://127.0.0.1:1"),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
}
