//! Tests of the text of errors, of their sources, and of the output of a program that prints them.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use larder::testing::{DiskOperation, Failure};
use larder::{Cache, Error, Follower};

use crate::support::Place;
use crate::support::simulated::{SimulatedPlace, filled};

/// Returns the first operating system error among the sources.
fn of_the_system<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e io::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

/// Returns the `{:#}` output of `anyhow`: the text of the error, followed by the text of each source.
fn told_by_anyhow(error: Error) -> String {
    format!("{:#}", anyhow::Error::new(error).context("the shop cannot start"))
}

#[test]
fn a_full_disk_is_the_source_of_a_removal_that_is_not_durable() {
    let place = SimulatedPlace::new();
    let (cache, names) = filled(&place);
    place.disk.fail_every(&DiskOperation::CHANGES, Failure::Full);
    let error = names.remove("kept").unwrap_err();
    assert!(matches!(&error, Error::NotDurable { source: Some(_), .. }), "{error:?}");
    assert_eq!(of_the_system(&error).map(io::Error::kind), Some(ErrorKind::StorageFull));
    assert!(error.to_string().contains("no space left on the simulated device"), "{error}");
    // A later call returns the stored fault, with the same source.
    let closed = cache.close().unwrap_err();
    assert!(matches!(&closed, Error::NotDurable { .. }), "{closed:?}");
    assert_eq!(of_the_system(&closed).map(io::Error::kind), Some(ErrorKind::StorageFull));
}

#[test]
fn the_error_of_the_system_is_the_source_of_an_error_of_opening() {
    let place = Place::new();
    std::fs::write(place.path(), "a file").unwrap();
    let below = place.path().join("shop.larder");
    let error = Cache::builder().path(&below).open().unwrap_err();
    let Error::Io { source: Some(source), .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), ErrorKind::AlreadyExists);
    assert_eq!(of_the_system(&error).map(io::Error::kind), Some(ErrorKind::AlreadyExists));
    let error = Follower::open(place.path().with_extension("none")).unwrap_err();
    assert_eq!(of_the_system(&error).map(io::Error::kind), Some(ErrorKind::NotFound));
}

#[test]
fn nothing_is_told_twice_by_the_text_with_the_sources() {
    let place = Place::new();
    std::fs::write(place.path(), "a file").unwrap();
    let path = place.path().join("shop.larder");
    let error = Cache::builder().path(&path).open().unwrap_err();
    let (text, debugged) = (error.to_string(), format!("{error:?}"));
    let system = of_the_system(&error).unwrap().to_string();
    assert!(text.ends_with("there is a file of this name already"), "{text}");
    assert!(system.starts_with("File exists"), "{system}");
    assert_eq!(debugged, format!("{text} (Io: {system})"), "what `main` prints");
    assert_eq!(told_by_anyhow(error), format!("the shop cannot start: {text}: {system}"));
}
