//! Tests a file that the child of a dead process holds. The service cannot be restarted then.

use rustix::process::{Pid, Signal, kill_process};

use super::Transcript;
use crate::service::Service;
use crate::support::Place;

#[test]
fn a_file_that_a_dead_parents_child_holds_is_found_and_the_child_is_ended() {
    let place = Place::new();
    let url = "file:shop.larder?disk=64MiB&control=shop.sock";
    let mut service = Service::start("shop", place.dir(), url);
    service.tell("price MTNVTU");
    service.tell("flush");
    let child: i32 = service.tell("fork and end").parse().unwrap();
    service.wait();
    let (second, said) = Service::try_start("shop", place.dir(), url);
    assert!(said.contains("a process that it forked still holds the lock"), "the symptom: {said}");
    drop(second);

    let mut page = Transcript::of("Locked: the file does not open", place.dir());
    assert!(page.types().contains(&format!("kill {child},")), "the page's remedy names the child");
    kill_process(Pid::from_raw(child).unwrap(), Signal::TERM).unwrap();
    service.wait_for_forks();
    page.types();
    page.ends();
    let mut service = Service::start("shop", place.dir(), url);
    assert_eq!(service.tell("price MTNVTU"), "100");
    service.stop();
}
