//! The layout of a result: one line for a program, or wrapped text in a column for a terminal.

use larder::inspect::escape_control;

use crate::term::out;

/// The width of the column with the names of the checks, unless a name is longer or the terminal is narrow.
const NAMES: usize = 13;
/// The columns before a name: the verdict and two spaces.
const NAME_AT: usize = 6;
/// In a terminal with fewer columns, the finding is below the name of the check.
const NARROW: usize = 60;
/// The column at which a finding begins in a narrow terminal.
const NARROW_AT: usize = 4;

#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// The number of columns of the terminal. `None` if the output is not a terminal, or if its size is
    /// unknown. The text is then not wrapped.
    columns: Option<usize>,
    /// The width of the column with the names of the checks.
    names: usize,
}

impl Layout {
    pub(super) fn of_stdout() -> Self {
        Self::of(out::columns())
    }

    #[cfg(test)]
    pub(super) fn of_a_program() -> Self {
        Self::of(None)
    }

    fn of(columns: Option<usize>) -> Self {
        Self { columns, names: NAMES }
    }

    /// Returns a layout whose findings begin in one column behind all of these names.
    pub(super) fn with_names<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let longest = names.into_iter().map(|name| name.chars().count()).max();
        Self { names: longest.unwrap_or(0).max(NAMES), ..self }
    }

    /// Returns the column at which a finding begins in a terminal that is not narrow.
    fn found_at(self) -> usize {
        NAME_AT + self.names + 1
    }

    fn is_narrow(self) -> bool {
        self.columns.is_some_and(|columns| columns < NARROW)
    }

    /// Returns the text that follows the verdict: the name of the check and its finding.
    pub(super) fn found(self, check: &str, found: &str) -> String {
        if self.is_narrow() {
            let below = self.paragraph(&" ".repeat(NARROW_AT), NARROW_AT, found);
            return format!("  {check}\n{below}");
        }
        let start = format!("  {check:<0$} ", self.names);
        // The verdict takes four columns.
        self.paragraph_behind(4, &start, self.found_at(), found)
    }

    pub(super) fn remedy(self, remedy: &str) -> String {
        if self.is_narrow() {
            return self.paragraph("    → ", NARROW_AT + 2, remedy);
        }
        let found_at = self.found_at();
        // The arrow and its space take two columns.
        self.paragraph(&format!("{:found_at$}→ ", ""), found_at + 2, remedy)
    }

    /// Returns `start` and a text, with its further lines indented. Escapes control characters.
    pub(super) fn paragraph(self, start: &str, indent: usize, text: &str) -> String {
        self.paragraph_behind(0, start, indent, text)
    }

    fn paragraph_behind(self, used: usize, start: &str, indent: usize, text: &str) -> String {
        let text = escape_control(text);
        let Some(columns) = self.columns else { return format!("{start}{text}") };
        let mut laid_out = start.to_owned();
        let mut column = used + start.chars().count();
        let mut is_first = true;
        for word in text.split(' ') {
            let len = word.chars().count();
            // A long word, such as a path, is not broken, so that the user can copy it.
            if !is_first && column + 1 + len > columns {
                laid_out.push('\n');
                laid_out.extend(std::iter::repeat_n(' ', indent));
                column = indent;
            } else if !is_first {
                laid_out.push(' ');
                column += 1;
            }
            laid_out.push_str(word);
            column += len;
            is_first = false;
        }
        laid_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: &str = "3886/s are evicted from memory, so an entry stays for 2 s, and 41 % of the lookups \
        are answered from disk";
    const REMEDY: &str = "raise `memory` in the service's URL: it is 4 MiB";

    fn render(columns: Option<usize>) -> String {
        let layout = Layout::of(columns);
        format!("warn{}\n{}", layout.found("memory churn", FOUND), layout.remedy(REMEDY))
    }

    #[test]
    fn a_program_reads_one_line_for_the_finding_and_one_for_the_remedy() {
        assert_eq!(render(None), format!("warn  memory churn  {FOUND}\n{:18}  → {REMEDY}", ""));
    }

    #[test]
    fn a_terminal_shows_both_within_its_columns() {
        for columns in [24, 40, 59, 60, 80, 120, 200] {
            let rendered = render(Some(columns));
            assert!(rendered.lines().all(|line| line.chars().count() <= columns), "{columns}:\n{rendered}");
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(
                words(&rendered),
                words(&format!("warn memory churn {FOUND} → {REMEDY}")),
                "{columns}"
            );
        }
        let at_80 = "\
warn  memory churn  3886/s are evicted from memory, so an entry stays for 2 s,
                    and 41 % of the lookups are answered from disk
                    → raise `memory` in the service's URL: it is 4 MiB";
        assert_eq!(render(Some(80)), at_80);
        let at_40 = "\
warn  memory churn
    3886/s are evicted from memory, so
    an entry stays for 2 s, and 41 % of
    the lookups are answered from disk
    → raise `memory` in the service's
      URL: it is 4 MiB";
        assert_eq!(render(Some(40)), at_40);
    }

    #[test]
    fn a_path_is_not_broken_and_no_text_moves_the_cursor() {
        let path = "/var/lib/shop/a/rather/long/path/to/shop.larder";
        assert!(Layout::of(Some(30)).remedy(&format!("chmod 600 {path}")).contains(path));
        assert_eq!(Layout::of(None).found("values", "a\u{1B}[2Jb\nc"), "  values        a\\u{1B}[2Jb\\nc");
    }
}
