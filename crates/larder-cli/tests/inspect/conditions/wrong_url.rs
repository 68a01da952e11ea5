//! Tests a service whose URL does not name the file that its operator expects.

use super::Transcript;
use crate::service::Service;
use crate::support::Place;

#[test]
fn a_service_that_uses_another_file_is_found_and_the_right_url_helps() {
    let place = Place::new();
    let url = |file: &str| format!("file:{file}?memory=16MiB&disk=64MiB&control=shop.sock");
    let mut service = Service::start("shop", place.dir(), &url("shop.larder"));
    service.tell("serve 1 200 80");
    service.stop();
    // The new URL has a typing mistake.
    let mut service = Service::start("shop", place.dir(), &url("shop.lader"));
    service.tell("price MTNVTU");
    service.tell("flush");

    let mut page = Transcript::of("Empty after a restart: another file", place.dir());
    page.types();
    page.types();
    service.stop();
    let service = Service::start("shop", place.dir(), &url("shop.larder"));
    page.types();
    page.ends();
    service.stop();
}
