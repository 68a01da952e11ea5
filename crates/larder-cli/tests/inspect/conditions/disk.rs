//! Tests of the faults of the disk tier.

use std::fs;

use super::Transcript;
use crate::service::Service;
use crate::support::{Place, larder, stdout, transcript};

#[test]
fn a_disk_tier_without_room_is_found_and_more_room_helps() {
    let place = Place::new();
    // The write buffer is small, so that entries soon reach the disk and are evicted there.
    let url = |disk: &str| {
        format!("file:shop.larder?memory=256KiB&write_buffer=256KiB&flush=20ms&disk={disk}&control=shop.sock")
    };
    // The service inserts six megabytes of entries, and then looks them up.
    let (begin, work) = ("serve 1 3000 2000", "work 3000 2000");
    let mut service = Service::start("shop", place.dir(), &url("2MiB"));
    service.tell(begin);
    service.tell(work);

    let mut page = Transcript::of("Full: the disk tier is full", place.dir());
    let printed = page.types();
    let held = printed.split_once(" held").and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok());
    // About 400 entries fit on the disk. A snapshot held while watching would make the service evict most of
    // them.
    assert!(held > Some(200), "looking has made the service evict: {printed}");
    service.stop();
    let mut service = Service::start("shop", place.dir(), &url("64MiB"));
    service.tell(begin);
    service.tell(work);
    page.types();
    page.ends();
    service.stop();
}

#[test]
fn a_writer_that_lags_is_found_and_has_caught_up_when_the_disk_answers() {
    let place = Place::new();
    let url = "file:shop.larder?disk=64MiB&control=shop.sock";
    let mut service = Service::start("shop that lags", place.dir(), url);
    service.tell("price AIRTEL");
    service.tell("flush");
    service.tell("stall");
    service.tell("serve 1 100 800");
    // Makes the writer begin a commit that does not end.
    service.tell("advance 1");
    service.tell("hang");
    service.tell("advance 44");

    let mut page = Transcript::of("Slow: the disk is behind", place.dir());
    page.types();
    service.tell("resume");
    page.types();
    page.ends();
    service.stop();
}

#[test]
fn a_damaged_file_is_found_and_a_restart_replaces_it() {
    let place = Place::new();
    let url = "file:shop.larder?disk=64MiB&control=shop.sock";
    let mut service = Service::start("shop", place.dir(), url);
    service.tell("serve 1 200 800");
    service.tell("flush");
    let mut bytes = fs::read(place.path()).unwrap();
    let spots: Vec<usize> = (0..bytes.len() - 7).filter(|&at| bytes[at..].starts_with(b"airtime")).collect();
    assert!(spots.len() > 200);
    for at in spots {
        bytes[at] ^= 1;
    }
    fs::write(place.path(), bytes).unwrap();

    let mut page = Transcript::of("Damaged: a page or a record", place.dir());
    page.types();
    service.stop();
    let mut service = Service::start("shop", place.dir(), url);
    assert_eq!(service.tell("price P7"), "100");
    service.tell("flush");
    page.types();
    page.ends();
    let doctor = larder(place.dir(), &["doctor", "shop.larder"]);
    assert!(stdout(&doctor).contains("pass  integrity"), "{}", transcript(&doctor));
    service.stop();
}
