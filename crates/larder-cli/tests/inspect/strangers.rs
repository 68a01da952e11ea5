//! Gives commands the socket of one cache and the file of another. Checks that no command asks or changes the
//! wrong cache.

use std::sync::Arc;

use larder::Cache;
use larder::clock::ManualClock;

use crate::child::Owner;
use crate::support::{NOW, PRODUCTS, Place, command, larder, printed, stderr, transcript};

const FILE: &str = "shop.larder";
const KEY: &str = "product_MTNVTU";

fn has_it(place: &Place) -> bool {
    larder(place.dir(), &["why", FILE, KEY]).status.code() == Some(0)
}

#[test]
fn a_socket_beside_the_file_of_another_process_is_not_asked() {
    let (place, other) = (Place::new(), Place::new());
    let (owner, _stranger) = (Owner::start("hold", &place.path()), Owner::start("hold", &other.path()));
    let (own, strange) = (place.dir().join("shop.sock"), other.dir().join("shop.sock"));
    let (own, strange) = (own.to_str().unwrap(), strange.to_str().unwrap());
    let output = larder(place.dir(), &["remove", FILE, KEY, "--socket", strange]);
    assert_eq!(output.status.code(), Some(4), "{}", transcript(&output));
    assert!(stderr(&output).contains("is not asked: process"), "{}", transcript(&output));
    assert!(output.stdout.is_empty() && has_it(&place) && has_it(&other), "{}", transcript(&output));
    let looked = larder(place.dir(), &["doctor", FILE, "--socket", strange, "--seconds", "0"]);
    assert!(transcript(&looked).contains("is not asked: process"), "{}", transcript(&looked));
    // The command uses the owner of the URL's file, which the lock file names.
    let url = format!("file:{}?control={strange}", place.path().display());
    let output = command(place.dir(), &["remove", KEY]).env("LARDER_URL", &url).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    assert!(stderr(&output).contains(&format!("asked process {}", owner.pid())), "{}", transcript(&output));
    assert!(!has_it(&place) && has_it(&other), "{}", transcript(&output));
    // Two sockets name two caches, so they are refused.
    let output = larder(place.dir(), &["remove", own, KEY, "--socket", strange]);
    assert_eq!(output.status.code(), Some(2), "{}", transcript(&output));
    assert!(has_it(&other));
}

#[test]
fn a_socket_beside_a_file_that_no_process_has_is_not_asked_about_it() {
    let (place, other) = (Place::new(), Place::new());
    let _owner = Owner::start("hold", &place.path());
    // A copy of a file has the same identity.
    std::fs::copy(place.path(), other.path()).unwrap();
    let socket = place.dir().join("shop.sock");
    let socket = socket.to_str().unwrap();
    let output = larder(other.dir(), &["clear", FILE, "--socket", socket]);
    assert_eq!(output.status.code(), Some(4), "{}", transcript(&output));
    assert!(stderr(&output).contains("has another cache there, in "), "{}", transcript(&output));
    assert!(has_it(&place) && has_it(&other));
    let url = format!("file:{}?control={socket}", other.path().display());
    assert_eq!(printed(other.dir(), &["remove", &url, KEY], 0), "removed 1 entry\n");
    assert!(has_it(&place) && !has_it(&other));
}

#[test]
fn a_socket_is_not_taken_as_a_file() {
    let place = Place::new();
    let _owner = Owner::start("hold", &place.path());
    for words in [
        &["remove", "shop.sock", KEY][..],
        &["remove-prefix", "shop.sock", "M", "--keyspace", "product"],
        &["clear", "shop.sock"],
        &["get", "shop.sock", KEY],
        &["keys", "shop.sock", "--big"],
        &["stats", "shop.sock"],
    ] {
        let output = larder(place.dir(), &[words, &["--file-only"]].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", transcript(&output));
        assert!(stderr(&output).contains("--file-only wants the file"), "{words:?}: {}", transcript(&output));
        assert!(output.stdout.is_empty(), "{words:?}: {}", transcript(&output));
    }
    assert!(has_it(&place));
}

#[test]
fn keys_are_removed_through_a_socket_though_the_process_has_not_opened_their_keyspace() {
    let place = Place::new();
    place.shop();
    let socket = place.dir().join("shop.sock");
    let clock = Arc::new(ManualClock::starting_at(NOW));
    let builder = Cache::builder().path(place.path()).clock(clock).control_socket(&socket);
    let cache = builder.open().unwrap();
    let (dir, socket) = (place.dir(), socket.to_str().unwrap());
    // Keys can be typed as they are shown, because the file has the shapes and schemas of the keyspaces.
    assert!(printed(dir, &["keys", socket], 0).contains("\tproduct_AIRTEL\n"));
    assert_eq!(printed(dir, &["remove", socket, "product_AIRTEL"], 0), "removed 1 entry\n");
    let sorted = printed(dir, &["keys", socket, "--sort", "size", "--long"], 0);
    let columns: Vec<&str> =
        sorted.lines().find(|line| line.contains("product_MTNVTU")).unwrap().split('\t').collect();
    assert_eq!((columns[2], columns[3], columns[5], columns[6]), ("13", "live", "13", "disk"), "{sorted}");
    for how in [&["--big"][..], &["--sort", "size"]] {
        let prefix = ["keys", socket, "--keyspace", "product", "--prefix", "product_MTN"];
        let output = larder(dir, &[&prefix, how].concat());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{}", transcript(&output));
    }
    let prefix = ["remove-prefix", socket, "(MTNDATA,)", "--keyspace", "data_package"];
    assert_eq!(printed(dir, &prefix, 0), "removed 1 entry\n");
    let spelled = larder(dir, &["remove-prefix", socket, "product_MTN", "--keyspace", "product"]);
    assert_eq!(spelled.status.code(), Some(2), "{}", transcript(&spelled));
    assert!(stderr(&spelled).contains("--keyspace product MTN"), "{}", transcript(&spelled));
    assert!(cache.keyspace(PRODUCTS).unwrap().get("AIRTEL").is_none());
    printed(dir, &["get", socket, KEY], 0);
    cache.close().unwrap();
}
