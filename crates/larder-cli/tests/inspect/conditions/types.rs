//! Tests a release that changed a type but not its version: no entry decodes.

use super::Transcript;
use crate::service::Service;
use crate::support::Place;

const URL: &str = "file:shop.larder?memory=16MiB&disk=64MiB&control=shop.sock";
/// Commands for the service: request some of the keys, or all keys.
const SOME: &str = "serve 1 200 80";
const ALL: &str = "serve 1 400 80";

#[test]
fn values_of_a_type_that_has_changed_are_found_and_another_version_helps() {
    let place = Place::new();
    let mut service = Service::start("shop", place.dir(), URL);
    service.tell(ALL);
    service.stop();
    let mut service = Service::start("renamed product", place.dir(), URL);
    service.tell(SOME);
    service.tell("flush");

    let mut page = Transcript::of("Empty after a restart: values do not decode", place.dir());
    page.types();
    service.stop();
    let mut service = Service::start("renamed product, version 2", place.dir(), URL);
    service.tell(ALL);
    service.tell("flush");
    page.types();
    page.ends();
    service.stop();
}
