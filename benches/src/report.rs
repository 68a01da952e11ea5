//! Turns all saved outcomes into `docs/benchmarks.md` and its charts.
//!
//! Only the reasons for missed targets are written by hand. They are in `benches/reasons.txt`, so another run
//! keeps them.

pub mod bars;
mod compact;
pub mod earlier;
mod fold;
pub mod lines;
pub mod page;
pub mod reasons;
pub mod rows;
mod svg;

use std::fs;
use std::io;
use std::path::Path;

use crate::outcome::Outcome;
use earlier::EarlierPage;
use reasons::Reasons;
use rows::ROWS;

/// A section of the report: a row with its outcomes.
#[derive(Debug)]
pub struct Section<'a> {
    /// Id of the row, which is also the name of its chart.
    pub id: &'a str,
    /// Heading of the section.
    pub title: &'a str,
    /// The setting in words. Empty for a row that is not in [`rows`].
    pub setting: &'a str,
    /// The target, in words.
    pub target: &'a str,
    /// The outcomes, one for each setting.
    pub outcomes: Vec<&'a Outcome>,
}

/// Returns a section for each row, in the order of the report. The sections of unknown rows come last.
#[must_use]
pub fn sections(outcomes: &[Outcome]) -> Vec<Section<'_>> {
    let of = |id: &str| outcomes.iter().filter(|outcome| outcome.row == id).collect::<Vec<_>>();
    let mut sections: Vec<Section<'_>> = Vec::new();
    for row in &ROWS {
        let (id, title, setting, target) = (row.id, row.title, row.setting, row.target);
        sections.push(Section { id, title, setting, target, outcomes: of(id) });
    }
    for outcome in outcomes {
        if !sections.iter().any(|section| section.id == outcome.row) {
            let outcomes = of(&outcome.row);
            sections.push(Section {
                id: &outcome.row,
                title: &outcome.title,
                setting: "",
                target: "",
                outcomes,
            });
        }
    }
    sections
}

/// Writes `benchmarks.md`, and a chart for each section with outcomes, to a directory. For rows without an
/// outcome, keeps the sections and charts of the existing page. Deletes all other charts.
///
/// # Errors
/// Fails if a file can't be written, or if the existing page can't be read.
pub fn write(docs: &Path, outcomes: &[Outcome], reasons: &Reasons) -> io::Result<()> {
    let sections = sections(outcomes);
    let (file, charts) = (docs.join("benchmarks.md"), docs.join("benchmarks"));
    let earlier =
        if file.exists() { EarlierPage::parse(&fs::read_to_string(&file)?) } else { EarlierPage::default() };
    let is_kept =
        |section: &&Section<'_>| section.outcomes.is_empty() && earlier.section(section.title).is_some();
    let kept: Vec<_> =
        sections.iter().filter(is_kept).map(|section| charts.join(format!("{}.svg", section.id))).collect();
    fs::create_dir_all(&charts)?;
    for file in fs::read_dir(&charts)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "svg") && !kept.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    for section in &sections {
        if let Some(chart) = chart(section) {
            fs::write(charts.join(format!("{}.svg", section.id)), chart)?;
        }
    }
    fs::write(file, page::page(&sections, reasons, &earlier))
}

/// Returns the chart of a section, or `None` if the section has no outcomes.
#[must_use]
pub fn chart(section: &Section<'_>) -> Option<String> {
    let is_line = section.outcomes.iter().filter(|outcome| outcome.at.is_some()).count() > 1;
    match section.outcomes.as_slice() {
        [] => None,
        outcomes if is_line => Some(lines::chart(section.title, outcomes)),
        outcomes => Some(bars::chart(section.title, outcomes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::tests::sample;

    #[test]
    fn a_report_has_a_page_and_a_chart_for_what_was_run() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("benchmarks")).unwrap();
        fs::write(dir.path().join("benchmarks/gone.svg"), "").unwrap();
        write(dir.path(), &[sample()], &Reasons::default()).unwrap();
        let charts: Vec<_> = fs::read_dir(dir.path().join("benchmarks")).unwrap().collect();
        assert_eq!(charts.len(), 1);
        let page = fs::read_to_string(dir.path().join("benchmarks.md")).unwrap();
        assert!(page.contains("(benchmarks/memory-hit.svg)") && !page.contains("whole.svg"), "{page}");
        write(dir.path(), &[], &Reasons::default()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("benchmarks.md")).unwrap(), page, "nothing was run");
        assert_eq!(fs::read_dir(dir.path().join("benchmarks")).unwrap().count(), 1, "its chart is kept");
    }

    #[test]
    fn what_belongs_to_no_row_has_a_section_of_its_own() {
        let mut other = sample();
        other.row = "something-else".to_owned();
        let outcomes = [other, sample()];
        let sections = sections(&outcomes);
        assert_eq!(sections.len(), ROWS.len() + 1);
        assert_eq!(sections.last().unwrap().id, "something-else");
    }
}
