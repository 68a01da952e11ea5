//! Tests of `larder hot`, `slow` and `monitor`, and of `larder keys --sort` and `--big`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use larder::{Cache, InsertOptions, KeyspaceDefinition};
use serde_json::Value;

use crate::support::{HOUR, Place, command, larder, printed, stderr, stdout, transcript};

const NAMES: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("name").ttl(HOUR);
const NUMBERS: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("number").ttl(HOUR);
const FILE: &str = "shop.larder";

fn serve(place: &Place) -> Cache {
    let builder = Cache::builder().sample_keys(true).control_socket(place.dir().join("shop.sock"));
    builder.slow_load(Duration::ZERO).open().unwrap()
}

#[test]
fn hot_keys_are_shown_with_their_errors_hits_apart_from_misses() {
    let place = Place::new();
    let cache = serve(&place);
    let (names, numbers) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(NUMBERS).unwrap());
    let text = printed(place.dir(), &["hot", "shop.sock"], 0);
    assert!(text.contains("hits    none was sampled") && text.contains("misses  none was sampled"), "{text}");
    names.insert("two words", String::new()).unwrap();
    for _ in 0..20_000 {
        names.get("two words");
        numbers.get(&7);
    }
    let text = printed(place.dir(), &["hot", "shop.sock"], 0);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("hits    about ") && lines[0].contains("(one in 64)"), "{text}");
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>(),
        ["share", "error", "a", "second", "keyspace", "key"]
    );
    assert!(lines[2].starts_with("100.0 %  ± 0.0 %"), "{text}");
    assert!(lines[2].ends_with("name      \"two words\""), "{text}");
    assert!(text.contains("number    7\n") && text.contains("misses  about "), "{text}");
    let json: Value =
        serde_json::from_str(&printed(place.dir(), &["hot", "shop.sock", "--json"], 0)).unwrap();
    assert_eq!(json["misses"]["keys"][0]["key"], "7");
    assert_eq!(json["half_life"], 60.0);
    let text = printed(place.dir(), &["hot", "shop.sock", "--keyspace", "number", "--limit", "3"], 0);
    assert!(text.contains("no key stands out") && !text.contains("two words"), "{text}");
    printed(place.dir(), &["hot", "shop.sock", "--keyspace", "nane"], 1);
}

#[test]
fn a_disallowed_request_is_refused_with_the_setting_that_allows_it() {
    let place = Place::new();
    let _cache = Cache::builder().control_socket(place.dir().join("shop.sock")).open().unwrap();
    for arguments in [["hot", "shop.sock"], ["monitor", "shop.sock"]] {
        let output = larder(place.dir(), &arguments);
        assert_eq!(output.status.code(), Some(1), "{}", transcript(&output));
        for words in ["sample_keys=on", "`larder stats shop.sock` shows the misses"] {
            assert!(stderr(&output).contains(words), "{}", stderr(&output));
        }
    }
    place.shop();
    for verb in ["hot", "slow", "monitor"] {
        let output = larder(place.dir(), &[verb, FILE]);
        assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
        assert!(stderr(&output).contains("control="), "{}", stderr(&output));
        printed(place.dir(), &[verb, "nothing.sock"], 3);
    }
}

#[test]
fn the_owner_of_a_file_is_asked_if_it_serves_a_socket() {
    let place = Place::new();
    let builder = Cache::builder().path(place.path()).sample_keys(true);
    let cache = builder.clone().control_socket(place.dir().join("another.sock")).open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    for _ in 0..1_000 {
        names.get("none");
    }
    let output = larder(place.dir(), &["hot", FILE]);
    assert!(output.status.success() && stdout(&output).contains("name      none"), "{}", transcript(&output));
    assert!(stderr(&output).contains("another.sock"), "{}", stderr(&output));
    printed(place.dir(), &["slow", FILE, "--json"], 0);
    printed(place.dir(), &["monitor", FILE, "--count", "0"], 0);
    cache.close().unwrap();
    let _cache = builder.open().unwrap();
    let output = larder(place.dir(), &["hot", FILE]);
    assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
    assert!(stderr(&output).contains("control="), "{}", stderr(&output));
}

#[test]
fn slow_loads_are_shown_newest_first() {
    let place = Place::new();
    let cache = serve(&place);
    assert_eq!(
        printed(place.dir(), &["slow", "shop.sock"], 0),
        "0 shown; 0 loads took 0 ms or longer since the cache was opened.\n"
    );
    let names = cache.keyspace(NAMES).unwrap();
    names.get_or_load("first", || Ok::<_, std::io::Error>(String::new())).unwrap();
    assert!(names.get_or_load("second one", || Err::<String, _>("away")).is_err());
    let text = printed(place.dir(), &["slow", "shop.sock"], 0);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split("  ").map(str::trim).collect()).collect();
    let filled =
        |row: &[&str]| row.iter().filter(|cell| !cell.is_empty()).map(|cell| (*cell).to_owned()).collect();
    let row = |at: usize| -> Vec<String> { filled(&rows[at]) };
    assert_eq!(row(0), ["number", "ended", "took", "result", "keyspace", "key"]);
    assert_eq!(
        (&row(1)[0], &row(1)[3..]),
        (&"2".to_owned(), &["failed", "name", "\"second one\""].map(str::to_owned)[..])
    );
    assert_eq!(
        (&row(2)[0], &row(2)[3..]),
        (&"1".to_owned(), &["loaded", "name", "first"].map(str::to_owned)[..])
    );
    let json = printed(place.dir(), &["slow", "shop.sock", "--json", "--limit", "1"], 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["total"], &json["loads"][0]["number"], &json["loads"][1]),
        (&2.into(), &2.into(), &Value::Null)
    );
}

#[test]
fn operations_are_shown_while_they_happen_up_to_the_count() {
    let place = Place::new();
    let cache = serve(&place);
    let names = cache.keyspace(NAMES).unwrap();
    for json in [false, true] {
        let mut arguments = vec!["monitor", "shop.sock", "--sample", "1", "--count", "3", "--seconds", "600"];
        arguments.extend(json.then_some("--json"));
        let mut child =
            command(place.dir(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Repeats the operation until the command watches, because earlier operations are not shown.
        let first = std::thread::scope(|scope| {
            let line = scope.spawn(|| lines.next().unwrap().unwrap());
            while !line.is_finished() {
                names.get("two words");
                std::thread::park_timeout(Duration::from_millis(5));
            }
            line.join().unwrap()
        });
        for _ in 0..3 {
            names.get("two words");
        }
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert_eq!(rest.len(), 2, "{rest:?}");
        if json {
            let seen: Value = serde_json::from_str(&first).unwrap();
            assert_eq!((&seen["operation"], &seen["key"]), (&"miss".into(), &"\"two words\"".into()));
        } else {
            assert_eq!(first.split('\t').skip(1).collect::<Vec<_>>(), ["miss", "name", "\"two words\""]);
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(stderr(&output).contains("every operation is shown"), !json, "{}", stderr(&output));
    }
}

#[test]
fn a_stream_whose_reader_goes_away_ends_quietly() {
    let place = Place::new();
    let cache = serve(&place);
    let names = cache.keyspace(NAMES).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut monitor = command(place.dir(), &["monitor", "shop.sock", "--sample", "1", "--json"]);
    let mut child = monitor.stdout(writer).spawn().unwrap();
    let code = loop {
        names.get("none");
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    assert_eq!(code, Some(141));
}

#[test]
fn a_stream_goes_on_without_a_reader_of_its_notes() {
    let place = Place::new();
    let _cache = serve(&place);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut monitor = command(place.dir(), &["monitor", "shop.sock", "--count", "0"]);
    let output = monitor.stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
}

/// Creates a file with values of several sizes, ages and TTLs.
fn sized(place: &Place) {
    let (cache, clock) = place.open();
    let (names, numbers) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(NUMBERS).unwrap());
    for (key, len, minutes) in [(1_u64, 300, 30), (2, 100, 10), (3, 200, 50), (4, 5_000, 1)] {
        let lifetime = InsertOptions::new().ttl(Duration::from_mins(minutes));
        numbers.insert_with(&key, vec![0; len], lifetime).unwrap();
        // Flushed before it expires, because an expired entry is not written.
        cache.flush().unwrap();
        clock.advance(Duration::from_mins(1));
    }
    names.insert("largest of the living", "x".repeat(1_000)).unwrap();
    cache.flush().unwrap();
    cache.close().unwrap();
}

#[test]
fn keys_are_sorted_by_size_age_and_lifetime_and_bounded() {
    let place = Place::new();
    sized(&place);
    let keys = |arguments: &[&str]| {
        let output = larder(place.dir(), &[&["keys", FILE], arguments].concat());
        assert!(output.status.success(), "{}", transcript(&output));
        stdout(&output)
    };
    let by_size = "name\t\"largest of the living\"\t1003\nnumber\t1\t303\nnumber\t3\t201\nnumber\t2\t101\n";
    assert_eq!(keys(&["--sort", "size"]), by_size);
    assert_eq!(keys(&["--sort", "size", "--limit", "2"]).lines().count(), 2);
    let first = |arguments: &[&str]| keys(arguments).lines().next().unwrap_or_default().to_owned();
    assert_eq!(first(&["--sort", "size", "--all"]).rsplit_once('\t').unwrap().0, "number\t4");
    assert_eq!(first(&["--sort", "age"]), "number\t1\t240.000");
    assert_eq!(first(&["--sort", "ttl"]), "number\t2\t420.000");
    assert_eq!(
        first(&["--sort", "ttl", "--keyspace", "number", "--long"]),
        "number\t2\t420.000\tlive\t420.000\t101"
    );
    assert_eq!(first(&["--sort", "ttl", "--keyspace", "name", "--prefix", "small"]), "");
    assert_eq!(keys(&["--sort", "size", "--limit", "0"]), "");
    let json: Value = serde_json::from_str(&first(&["--sort", "age", "--json"])).unwrap();
    assert_eq!((&json["key"], &json["written_at_ms"]), (&"1".into(), &4_102_444_800_000_u64.into()));
    let output = larder(place.dir(), &["keys", FILE, "--sort", "age", "--limit", "1"]);
    assert_eq!(stderr(&output), "larder: there are more keys than the 1 of --limit\n");
}

#[test]
fn the_size_of_each_keyspace_is_shown_with_its_largest_value() {
    let place = Place::new();
    sized(&place);
    let text = printed(place.dir(), &["keys", FILE, "--big"], 0);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["keyspace", "entries", "values", "mean", "largest", "its", "key"]);
    assert_eq!((rows[1][0], rows[1][1], rows[2][0], rows[2][1]), ("name", "1", "number", "3"), "{text}");
    assert_eq!(rows[2].last(), Some(&"1"), "{text}");
    let all = printed(place.dir(), &["keys", FILE, "--big", "--all", "--json"], 0);
    let all: Value = serde_json::from_str(&all).unwrap();
    assert_eq!(
        (&all[0]["keyspace"], &all[0]["entries"], &all[0]["largest_key"]),
        (&"number".into(), &4.into(), &"4".into())
    );
    let prefixed =
        printed(place.dir(), &["keys", FILE, "--big", "--keyspace", "name", "--prefix", "small"], 0);
    assert!(prefixed.contains("name      0        0 B"), "{prefixed}");
    printed(place.dir(), &["keys", FILE, "--big", "--sort", "size"], 2);
}

#[test]
fn keys_of_a_live_cache_are_sorted_and_summed_up_with_those_in_memory_alone() {
    let place = Place::new();
    let socket = place.dir().join("shop.sock");
    let cache = Cache::builder().path(place.path()).control_socket(&socket).open().unwrap();
    let numbers = cache.keyspace(NUMBERS).unwrap();
    let only_in_memory: KeyspaceDefinition<String, String> = KeyspaceDefinition::new("session");
    let sessions = cache.keyspace(only_in_memory.memory_only()).unwrap();
    for (key, len, minutes) in [(1_u64, 300, 30), (2, 5_000, 10), (3, 200, 50)] {
        numbers
            .insert_with(&key, vec![0; len], InsertOptions::new().ttl(Duration::from_mins(minutes)))
            .unwrap();
    }
    cache.flush().unwrap();
    sessions.insert("large", "x".repeat(50_000)).unwrap();
    let keys = |arguments: &[&str]| printed(place.dir(), &[&["keys", "shop.sock"], arguments].concat(), 0);
    let columns = |text: &str| {
        let row = |line: &str| line.split('\t').take(2).collect::<Vec<_>>().join(" ");
        text.lines().map(row).collect::<Vec<_>>()
    };
    assert_eq!(columns(&keys(&["--sort", "size", "--limit", "2"])), ["session large", "number 2"]);
    assert_eq!(
        columns(&keys(&["--sort", "ttl", "--keyspace", "number"])),
        ["number 2", "number 1", "number 3"]
    );
    // Entries with an unknown age come last.
    assert_eq!(keys(&["--sort", "age"]).lines().last(), Some("session\tlarge\t-"));
    assert_eq!(
        columns(&keys(&["--sort", "size", "--keyspace", "session", "--prefix", "lar"])),
        ["session large"]
    );
    let json: Value =
        serde_json::from_str(keys(&["--sort", "size", "--json"]).lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&json["key"], &json["value_bytes"], &json["state"]),
        (&"2".into(), &5_003.into(), &"live".into())
    );
    let big = keys(&["--big"]);
    let rows: Vec<Vec<&str>> = big.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((rows[1][0], rows[1][1], rows[1].last()), ("session", "1", Some(&"large")), "{big}");
    assert_eq!((rows[2][0], rows[2][1], rows[2].last()), ("number", "3", Some(&"2")), "{big}");
}

#[test]
fn active_keys_are_spelled_as_keys_are() {
    const PRODUCTS: KeyspaceDefinition<String, u64> =
        KeyspaceDefinition::new("product").schema("larder-product");
    let place = Place::new();
    let cache = serve(&place);
    let products = cache.keyspace(PRODUCTS).unwrap();
    for _ in 0..1_000 {
        products.get("MTNVTU");
    }
    let load = || Ok::<_, std::io::Error>(1);
    products.get_or_load("AIRTEL", load).unwrap();
    let text = printed(place.dir(), &["hot", "shop.sock"], 0);
    assert!(text.contains("product   product_MTNVTU\n"), "{text}");
    let text = printed(place.dir(), &["hot", "shop.sock", "--keyspace", "product"], 0);
    assert!(text.contains("product   MTNVTU\n"), "{text}");
    let json: Value =
        serde_json::from_str(&printed(place.dir(), &["slow", "shop.sock", "--json"], 0)).unwrap();
    assert_eq!(json["loads"][0]["key"], "product_AIRTEL");
}
