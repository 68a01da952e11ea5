//! Tests that diagnose and correct eight faults of a service as `docs/operations.md` describes.
//!
//! Each test plants one fault in a real process with a real file, and runs the page's commands for the
//! symptom in the page's order. It compares their output with the page, applies the remedy, and checks that
//! the symptom is gone.

mod disk;
mod locked;
mod memory;
mod stale;
mod types;
mod wrong_url;

use std::path::Path;

use crate::page::{Example, examples, output, pattern};
use crate::service::Service;
use crate::support::{Place, larder, stdout, transcript};

const PAGE: &str = include_str!("../../../../docs/operations.md");

/// The sections of the page about a faulty service. Their examples are run here. The examples of the other
/// sections are run on a healthy file.
pub(crate) const SECTIONS: [&str; 8] = [
    "Stale: an answer is old",
    "Slow: memory is too small",
    "Slow: the disk is behind",
    "Full: the disk tier is full",
    "Damaged: a page or a record",
    "Locked: the file does not open",
    "Empty after a restart: another file",
    "Empty after a restart: values do not decode",
];

/// The examples of the page for one symptom that have not been run yet.
struct Transcript<'a> {
    dir: &'a Path,
    rest: std::vec::IntoIter<Example>,
}

impl<'a> Transcript<'a> {
    /// Returns the examples of a section, to run in a directory.
    fn of(section: &str, dir: &'a Path) -> Self {
        assert!(SECTIONS.contains(&section), "{section:?} is not one of the conditions");
        let found: Vec<Example> =
            examples(PAGE).into_iter().filter(|example| example.section == section).collect();
        assert!(!found.is_empty(), "the page has nothing to type for {section:?}");
        Self { dir, rest: found.into_iter() }
    }

    /// Runs the next example. Its output must equal the output on the page, except for numbers. Returns the
    /// output.
    fn types(&mut self) -> String {
        let example = self.rest.next().expect("the page has more to type for this condition");
        let output = output(&example, self.dir);
        let printed = stdout(&output);
        let Example { section, script, shown } = example;
        if !output.status.success() || pattern(printed.trim_end()) != pattern(shown) {
            let doctor = transcript(&larder(self.dir, &["doctor", "shop.larder"]));
            let said = transcript(&output);
            panic!("{section}: {script}\nprints\n{said}\nand the page shows\n{shown}\ndoctor says\n{doctor}");
        }
        printed
    }

    /// Runs the next example. Its output must equal the output on the page exactly.
    fn types_exactly(&mut self) {
        let shown = self.rest.as_slice().first().map_or("", |example| example.shown);
        assert_eq!(self.types().trim_end(), shown);
    }

    fn ends(self) {
        assert_eq!(self.rest.as_slice(), [], "these commands of the page are not typed");
    }
}

#[test]
fn of_a_healthy_service_none_of_the_conditions_is_shown() {
    let place = Place::new();
    let url = "file:shop.larder?memory=16MiB&disk=64MiB&control=shop.sock";
    let mut service = Service::start("shop", place.dir(), url);
    service.tell("serve 2 500 800");
    service.tell("work 500 800");
    // The section `Stale` is excluded: without the source of the data, a stale answer cannot be told from a
    // correct one.
    for section in SECTIONS.iter().filter(|section| !section.starts_with("Stale")) {
        let first = examples(PAGE).into_iter().find(|example| example.section == *section).unwrap();
        let printed = stdout(&output(&first, place.dir()));
        assert_ne!(pattern(printed.trim_end()), pattern(first.shown), "{section}: {}", first.script);
    }
    service.stop();
}
