//! Tests of commands on a live cache that has memory-only and uncommitted entries, given its file or its
//! socket.

use std::fs;

use serde_json::Value;

use crate::child::Owner;
use crate::support::{Place, larder, printed, stderr, stdout, transcript};

const FILE: &str = "shop.larder";
const SOCKET: &str = "shop.sock";

fn json(place: &Place, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(place.dir(), &[arguments, &["--json"]].concat(), 0)).unwrap()
}

#[test]
fn the_owner_answers_for_entries_that_are_not_in_the_file_and_is_named() {
    let place = Place::new();
    let owner = Owner::start("keep", &place.path());
    let socket = fs::canonicalize(place.dir()).unwrap().join(SOCKET);
    let output = larder(place.dir(), &["why", FILE, "product_NEW"]);
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    let said = stderr(&output);
    let asked =
        format!("larder: asked process {} at {}, which has the file\n", owner.pid(), socket.display());
    assert_eq!(said, asked);
    assert!(
        stdout(&output).contains("still to be committed: a crash now would lose it"),
        "{}",
        transcript(&output)
    );
    // This entry is not in the file.
    let alone = larder(place.dir(), &["why", FILE, "product_NEW", "--file-only"]);
    assert_eq!((alone.status.code(), stderr(&alone)), (Some(1), String::new()), "{}", transcript(&alone));
    let dir = place.dir();
    for target in [FILE, SOCKET] {
        let ttl = printed(place.dir(), &["ttl", target, "product_NEW"], 0);
        assert!(ttl.trim_end().parse::<f64>().is_ok_and(|ttl| ttl > 3_000.0), "{ttl}");
        let why = json(&place, &["why", target, "7", "--keyspace", "kept"]);
        assert_eq!((&why["found_in"], &why["is_unflushed"]), (&"memory".into(), &false.into()), "{why:#}");
        assert!(why["why"].as_str().unwrap().contains("kept in memory alone"), "{why:#}");
        let all = printed(place.dir(), &["keys", target], 0);
        assert_eq!(all.lines().count(), 303, "{all}");
        assert!(all.starts_with("kept\t7\nproduct\tproduct_MTNVTU\nproduct\tproduct_NEW\n"), "{all}");
        let long =
            printed(place.dir(), &["keys", target, "--keyspace", "product", "--prefix", "N", "--long"], 0);
        let [key, state, _ttl, len, tiers] = long.trim_end().split('\t').skip(1).collect::<Vec<_>>()[..]
        else {
            panic!("{long}")
        };
        // With `--keyspace`, the literal form of the key is shown.
        assert_eq!((key, state, len, tiers), ("NEW", "live", "13", "memory,unflushed"));
        let some = larder(dir, &["keys", target, "--limit", "5"]);
        assert_eq!(stdout(&some).lines().count(), 5);
        assert!(stderr(&some).contains("more keys than the 5 of --limit"));
        printed(dir, &["get", target, "product_NONE"], 1);
    }
    // A removal also removes entries that are only in memory.
    assert_eq!(printed(place.dir(), &["remove", FILE, "7", "--keyspace", "kept"], 0), "removed 1 entry\n");
    assert_eq!(printed(place.dir(), &["remove", FILE, "product_NEW"], 0), "removed 1 entry\n");
    printed(place.dir(), &["why", FILE, "product_NEW"], 1);
    assert!(printed(place.dir(), &["flush", FILE], 0).contains("has committed"));
    assert!(printed(place.dir(), &["stats", FILE], 0).contains("hit rate"));
    drop(owner);
    // The lock file still names the socket, but no process answers there.
    let left = larder(place.dir(), &["get", FILE, "product_MTNVTU"]);
    assert_eq!((left.status.code(), stderr(&left)), (Some(0), String::new()), "{}", transcript(&left));
}

#[test]
fn a_value_is_shown_from_the_file_or_by_permission_of_the_application() {
    let place = Place::new();
    let mut owner = Owner::start("keep", &place.path());
    for target in [FILE, SOCKET] {
        let committed = printed(place.dir(), &["get", target, "product_MTNVTU"], 0);
        assert!(committed.contains("found in    memory and disk\n"), "{committed}");
        assert!(committed.contains("begins with \"MTN airtime\"\n"), "the file has it: {committed}");
        let new = printed(place.dir(), &["get", target, "product_NEW"], 0);
        assert!(
            new.contains("value       13 bytes, bincode\nnot shown   the application does not allow"),
            "{new}"
        );
        assert!(!new.contains("new airtime"), "{new}");
        let told = json(&place, &["get", target, "product_NEW"]);
        assert!(told["value"].is_null() && told["value_withheld"].is_string(), "{told:#}");
        printed(place.dir(), &["get", target, "product_NEW", "--raw"], 8);
    }
    owner.close();
    drop(owner);
    let _owner = Owner::start("show", &place.path());
    for target in [FILE, SOCKET] {
        let new = printed(place.dir(), &["get", target, "product_NEW"], 0);
        assert!(new.contains("found in    memory, still to be committed\n"), "{new}");
        assert!(new.contains("begins with \"new airtime\"\n00000000  0B 6E"), "{new}");
        let told = json(&place, &["get", target, "7", "--keyspace", "kept"]);
        assert_eq!((&told["value_texts"][0], &told["value_format"]), (&"seven".into(), &"bincode".into()));
        assert_eq!(
            printed(place.dir(), &["get", target, "7", "--keyspace", "kept", "--raw"], 0),
            "\u{5}seven"
        );
    }
}

#[test]
fn info_names_the_socket_and_describes_the_process_behind_it() {
    let place = Place::new();
    let owner = Owner::start("keep", &place.path());
    let socket = fs::canonicalize(place.dir()).unwrap().join(SOCKET).display().to_string();
    let text = printed(place.dir(), &["info", FILE], 0);
    assert!(text.contains(&format!("socket      {socket}\n")), "{text}");
    let file = json(&place, &["info", FILE]);
    assert_eq!((&file["socket"], &file["owner_has_ended"]), (&(&*socket).into(), &false.into()), "{file:#}");
    assert_eq!((&file["owner_is_elsewhere"], &file["pending_removals"]), (&false.into(), &0.into()));
    let live = printed(place.dir(), &["info", SOCKET], 0);
    assert!(live.contains(&format!("process     {}, larder ", owner.pid())), "{live}");
    assert!(live.contains("303 in memory, 301 on disk"), "{live}");
    assert!(live.lines().any(|line| line.starts_with("kept ") && line.contains(" u64 ")), "{live}");
    let told = json(&place, &["info", SOCKET]);
    assert_eq!((&told["file_identity"], &told["pid"]), (&file["identity"], &owner.pid().into()), "{told:#}");
    assert_eq!(told["keyspaces"][0]["memory_entries"], 1, "{told:#}");
    drop(owner);
    let crashed = json(&place, &["info", FILE]);
    assert_eq!((&crashed["state"], &crashed["socket"]), (&"crashed".into(), &Value::Null), "{crashed:#}");
}

#[test]
fn an_owner_without_a_socket_is_named_with_the_ways_that_are_left() {
    let place = Place::new();
    let owner = Owner::start("quiet", &place.path());
    let refused = larder(place.dir(), &["remove", FILE, "product_P7"]);
    assert_eq!(refused.status.code(), Some(4), "{}", transcript(&refused));
    let said = stderr(&refused);
    assert!(
        said.contains(&format!("process {} is writing to it; it serves no control socket", owner.pid())),
        "{said}"
    );
    assert!(said.contains("control=PATH"), "{said}");
    let get = larder(place.dir(), &["get", FILE, "product_P7"]);
    assert_eq!((get.status.code(), stderr(&get)), (Some(0), String::new()), "{}", transcript(&get));
    let flush = larder(place.dir(), &["flush", FILE]);
    assert_eq!(flush.status.code(), Some(8), "{}", transcript(&flush));
}

#[test]
fn a_socket_that_a_lock_names_and_another_process_has_is_not_asked() {
    let place = Place::new();
    let other = Place::new();
    let _other = Owner::start("keep", &other.path());
    let owner = Owner::start("quiet", &place.path());
    // The name of the socket is written directly into the lock file.
    let lock = place.dir().join("shop.larder.lock");
    let socket = other.dir().join(SOCKET);
    let text = fs::read_to_string(&lock).unwrap() + &format!("socket={}\n", socket.display());
    fs::write(&lock, text).unwrap();
    let get = larder(place.dir(), &["get", FILE, "product_MTNVTU"]);
    assert_eq!(get.status.code(), Some(0), "{}", transcript(&get));
    let said = stderr(&get);
    assert!(said.contains(&format!("process {} has the file", owner.pid())), "{said}");
    assert!(said.contains("the answer is from the file alone"), "{said}");
    let refused = larder(place.dir(), &["remove", FILE, "product_MTNVTU"]);
    assert_eq!(refused.status.code(), Some(4), "{}", transcript(&refused));
    // These commands have no answer from the file, and name the cause instead.
    for command in ["hot", "slow", "monitor", "flush"] {
        let refused = larder(place.dir(), &[command, FILE]);
        let said = stderr(&refused);
        assert!(!refused.status.success(), "{}", transcript(&refused));
        assert!(said.contains(&format!("process {} has the file", owner.pid())), "{command}: {said}");
        assert!(!said.contains("from the file alone"), "{command}: {said}");
    }
    assert_eq!(
        printed(other.dir(), &["why", FILE, "product_MTNVTU"], 0).lines().count(),
        2,
        "it is there still"
    );
    printed(place.dir(), &["why", FILE, "product_MTNVTU", "--file-only"], 0);
}
