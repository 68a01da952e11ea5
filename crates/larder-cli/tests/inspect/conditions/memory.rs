//! Tests a memory tier that is far too small: entries are evicted before they are looked up again.

use super::Transcript;
use crate::service::Service;
use crate::support::Place;

/// Commands for the service: insert two megabytes of entries, then look them up.
const BEGIN: &str = "serve 1 1000 2000";
const WORK: &str = "work 1000 2000";

#[test]
fn a_memory_tier_that_thrashes_is_found_and_a_larger_one_helps() {
    let place = Place::new();
    let url = |memory: &str| format!("file:shop.larder?memory={memory}&disk=64MiB&control=shop.sock");
    let mut service = Service::start("shop", place.dir(), &url("256KiB"));
    service.tell(BEGIN);
    service.tell(WORK);

    let mut page = Transcript::of("Slow: memory is too small", place.dir());
    page.types();
    service.stop();
    let mut service = Service::start("shop", place.dir(), &url("16MiB"));
    service.tell(BEGIN);
    service.tell(WORK);
    page.types();
    page.ends();
    service.stop();
}
