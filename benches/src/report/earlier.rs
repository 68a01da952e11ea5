//! The page that an earlier run has made. The report keeps its sections of the rows that have no outcome now,
//! because the outcomes of a run are not kept in the repository, and a run may measure some rows only.

use std::collections::BTreeMap;

/// A line of a section that was not run.
pub(super) const NOT_RUN: &str = "Not run.";

/// The parts of an earlier page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EarlierPage {
    /// The text below each heading, by title, without the sections that were not run.
    sections: BTreeMap<String, String>,
    /// The last cell of the row of each title in the table of targets.
    reached: BTreeMap<String, String>,
    /// The machines of the measurements.
    pub(super) machines: Vec<String>,
    /// The versions of the packages: `redb 4.6.0`.
    pub(super) versions: Vec<String>,
}

impl EarlierPage {
    /// Reads a page. What is not in the form that the report writes is passed over.
    #[must_use]
    pub fn parse(page: &str) -> Self {
        let mut parts = page.split("\n## ");
        let head = parts.next().unwrap_or_default();
        let sections = parts.filter_map(|section| {
            let (title, text) = section.split_once('\n')?;
            let is_run = !text.lines().any(|line| line == NOT_RUN);
            is_run.then(|| (title.to_owned(), text.trim().to_owned()))
        });
        let rows = head.lines().filter_map(|line| {
            let (title, rest) = line.strip_prefix("| ")?.split_once(" | ")?;
            let (_, reached) = rest.strip_suffix(" |")?.rsplit_once(" | ")?;
            Some((title.to_owned(), reached.to_owned()))
        });
        let paragraphs: Vec<String> = head.split("\n\n").map(|text| text.trim().replace('\n', " ")).collect();
        let after = |word: &'static str| {
            let texts = paragraphs.iter().filter_map(move |text| text.strip_prefix(word)?.strip_suffix('.'));
            texts.map(str::to_owned)
        };
        let versions =
            after("Versions: ").flat_map(|all| all.split(", ").map(str::to_owned).collect::<Vec<_>>());
        Self {
            sections: sections.collect(),
            reached: rows.collect(),
            machines: after("Machine: ").collect(),
            versions: versions.collect(),
        }
    }

    /// Returns the text of a section, without its heading.
    pub(super) fn section(&self, title: &str) -> Option<&str> {
        self.sections.get(title).map(String::as_str)
    }

    /// Returns the result of a section, as it is in the table of targets.
    pub(super) fn reached(&self, title: &str) -> Option<&str> {
        self.section(title)?;
        self.reached.get(title).map(String::as_str)
    }
}
