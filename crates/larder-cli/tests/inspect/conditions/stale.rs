//! Tests an update without an invalidation: the service returns the old value.

use super::Transcript;
use crate::service::Service;
use crate::support::Place;

#[test]
fn an_answer_that_a_forgotten_invalidation_left_is_found_and_removed() {
    let place = Place::new();
    let mut service =
        Service::start("shop in 2100", place.dir(), "file:shop.larder?disk=64MiB&control=shop.sock");
    assert_eq!(service.tell("price MTNVTU"), "100");
    service.tell("flush");
    service.tell("advance 600");
    // The commit advances the time in the file.
    service.tell("price AIRTEL");
    service.tell("flush");
    service.tell("forget MTNVTU 150");
    assert_eq!(service.tell("price MTNVTU"), "100", "the symptom");

    let mut page = Transcript::of("Stale: an answer is old", place.dir());
    page.types_exactly();
    page.types_exactly();
    assert_eq!(service.tell("price MTNVTU"), "150", "the remedy helps");
    page.ends();
    service.stop();
}
