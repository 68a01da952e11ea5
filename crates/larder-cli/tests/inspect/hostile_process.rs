//! Commands on a process whose statistics have very large numbers.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use larder::{Cache, KeyspaceDefinition};
use serde_json::{Value, json};

use crate::hostile::said;
use crate::support::Place;

/// About the largest number of seconds that fits into a `Duration`.
const MAX_SECONDS: f64 = 1.8e19;

/// Replaces each float by [`MAX_SECONDS`], and each integer by the largest `u64`.
fn enlarge(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => *value = MAX_SECONDS.into(),
        Value::Number(_) => *value = u64::MAX.into(),
        Value::Array(values) => values.iter_mut().for_each(enlarge),
        Value::Object(fields) => fields.values_mut().for_each(enlarge),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Returns the statistics of a cache with two keyspaces and a file.
fn statistics(place: &Place) -> Value {
    let cache = Cache::builder().path(place.dir().join("real.larder")).open().unwrap();
    for name in ["prices", "stocks"] {
        let keyspace = cache.keyspace(KeyspaceDefinition::<u64, u64>::new(name)).unwrap();
        keyspace.get_or_load(1, || Ok::<_, larder::Error>(1)).unwrap();
    }
    cache.flush().unwrap();
    let stats = serde_json::to_value(cache.stats()).unwrap();
    cache.close().unwrap();
    stats
}

fn answer(peer: UnixStream, stats: &Value) {
    let mut lines = BufReader::new(peer);
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|len| len > 0) {
        let request: Value = serde_json::from_str(&line).unwrap_or_default();
        let reply = match request["do"].as_str().unwrap_or_default() {
            "hello" => json!({"larder": "1", "protocol": 1, "pid": 7, "verbs": ["stats"], "file": "x"}),
            _ => stats.clone(),
        };
        if writeln!(lines.get_mut(), "{}", json!({"v": 1, "ok": reply})).is_err() {
            return;
        }
        line.clear();
    }
}

#[test]
fn no_number_of_a_process_ends_a_command() {
    let place = Place::new();
    let mut stats = statistics(&place);
    enlarge(&mut stats);
    let listener = UnixListener::bind(place.dir().join("large.sock")).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|peer| answer(peer.unwrap(), &stats)));
    for arguments in [
        vec!["doctor", "large.sock", "--seconds", "0"],
        vec!["doctor", "large.sock", "--seconds", "0", "--json"],
        vec!["stats", "large.sock"],
        vec!["stats", "large.sock", "--json"],
    ] {
        let said = said(&place, &arguments);
        assert!(said.contains(&u64::MAX.to_string()), "{arguments:?}: {said}");
    }
}
