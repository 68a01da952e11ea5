//! The page of an earlier run. Outcomes are not kept in the repository, and a run may measure only some rows.
//! So the report keeps the earlier sections of all rows that have no outcome now.

use std::collections::BTreeMap;

/// The text of a section whose row was never measured.
pub(super) const NOT_RUN: &str = "Not run.";

/// The start of the list item that says when all sections were measured.
pub(super) const IN_ONE_GO: &str = "- All sections were measured in one go";

/// The parts of an earlier page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EarlierPage {
    /// Text of each section by its title, without sections that were not run.
    sections: BTreeMap<String, String>,
    /// The result of each row in the table of targets, by its title.
    reached: BTreeMap<String, String>,
    /// The list item that says when all sections were measured in one go, if they were.
    pub(super) age: Option<String>,
    /// Machines on which the figures were measured.
    pub(super) machines: Vec<String>,
    /// Versions of the packages, such as `redb 4.6.0`.
    pub(super) versions: Vec<String>,
}

impl EarlierPage {
    /// Reads a page. Ignores text that is not in the form that the report writes.
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
        let age = head.split("\n\n").find_map(|text| Some(text.split_once(IN_ONE_GO)?.1.replace("\n ", "")));
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
            age: age.map(|age| format!("{IN_ONE_GO}{age}")),
            machines: after("Machine: ").collect(),
            versions: versions.collect(),
        }
    }

    /// Returns the text of a section, without its heading.
    pub(super) fn section(&self, title: &str) -> Option<&str> {
        self.sections.get(title).map(String::as_str)
    }

    /// Returns the result of a section in the table of targets.
    pub(super) fn reached(&self, title: &str) -> Option<&str> {
        self.section(title)?;
        self.reached.get(title).map(String::as_str)
    }
}
