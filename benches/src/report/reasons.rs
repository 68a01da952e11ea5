//! The reasons why rows miss their targets. They are written by hand in `benches/reasons.txt`, one per line.
//!
//! ```text
//! # A comment.
//! memory-hit: why no setting of this row meets its targets
//! memory-hit-1m-resident-uniform: why these settings of it do not
//! ```
//!
//! The name of an outcome is the name of its JSON file. A reason applies to every outcome whose name begins
//! with the name of the reason. If several reasons apply, the one with the longest name is used.

/// All reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reasons(Vec<(String, String)>);

impl Reasons {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// Returns the first line that is neither a comment nor a reason.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let parsed = lines.map(|line| {
            let (name, reason) = line.split_once(':').ok_or_else(|| format!("no colon in `{line}`"))?;
            Ok((name.trim().to_owned(), reason.trim().to_owned()))
        });
        parsed.collect::<Result<_, String>>().map(Self)
    }

    /// Returns the reason for the outcome with this name.
    #[must_use]
    pub fn of(&self, slug: &str) -> Option<&str> {
        let named = self.0.iter().filter(|(name, _)| slug.starts_with(name.as_str()));
        named.max_by_key(|(name, _)| name.len()).map(|(_, reason)| reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_decides() {
        let text = "# why\n\nmemory-hit: all of it\nmemory-hit-1m: the large ones: all\n";
        let reasons = Reasons::parse(text).unwrap();
        assert_eq!(reasons.of("memory-hit-100k-zipf"), Some("all of it"));
        assert_eq!(reasons.of("memory-hit-1m-zipf"), Some("the large ones: all"));
        assert_eq!(reasons.of("disk-hit"), None);
    }

    #[test]
    fn a_line_that_is_no_reason_is_refused() {
        assert_eq!(Reasons::parse("memory-hit").unwrap_err(), "no colon in `memory-hit`");
    }
}
