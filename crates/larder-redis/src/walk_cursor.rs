//! The position of a walk over the keys of the server, and the limits of the walk.
//!
//! The server decides where a walk ends: each page names the cursor of the next page, and the last page names
//! the cursor `0`. So a broken server could keep a caller in a walk forever. Two checks end such a walk with
//! [`Error::EndlessWalk`]:
//!
//! 1. No cursor comes twice. Redis and Valkey count a cursor up, with its bits in reverse order, also while
//!    the table of the keys is resized. To find a circle of any length, the walk keeps the cursor of one
//!    earlier page, and compares it with each later cursor. After 1, 2, 4, 8 … pages, it keeps the latest
//!    cursor instead. So it finds a circle within three times the pages up to the end of the first turn.
//! 2. The walk ends within [`REQUESTS`] times the time limit of a request. By default, that is one hour. A
//!    walk of a billion keys takes about half of that on a server nearby.

use std::time::Duration;

use crate::error::Error;

/// The maximum duration of a walk, in time limits of a request.
const REQUESTS: u32 = 1800;

/// The position of a walk over the keys of a server. A walk begins at the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkCursor {
    at: String,
    /// The cursor that an earlier page has named, for check 1.
    kept: Option<String>,
    pages: u64,
    /// The time at which the first page had arrived.
    began: Option<Duration>,
}

impl Default for WalkCursor {
    fn default() -> Self {
        Self { at: "0".to_owned(), kept: None, pages: 0, began: None }
    }
}

impl WalkCursor {
    /// Returns the cursor in the form that the server expects.
    pub(crate) fn as_str(&self) -> &str {
        &self.at
    }

    /// Returns the position after a page that has named the cursor `next`, or `None` at the end of the walk.
    /// `limit` is the time limit of a request.
    pub(crate) fn after_page(
        self,
        next: String,
        now: Duration,
        limit: Duration,
    ) -> Result<Option<Self>, Error> {
        if next == "0" {
            return Ok(None);
        }
        let pages = self.pages + 1;
        // 1. A circle of one page names the cursor of the page itself.
        if next == self.at || Some(&next) == self.kept.as_ref() {
            let next: String = next.chars().take(20).collect();
            let why = format!("it has returned to the cursor {next:?} after {pages} pages");
            let remedy = "check what answers at its address: larder needs Redis 6.2 or later, or Valkey";
            return Err(Error::EndlessWalk { why, remedy });
        }
        // 2.
        let (began, limit) = (self.began.unwrap_or(now), limit * REQUESTS);
        if now.saturating_sub(began) >= limit {
            let why = format!("it has not ended after {pages} pages and {} s", limit.as_secs());
            let remedy = "if its database is that large, set request_timeout higher: a walk may take 1800 \
                          times as long";
            return Err(Error::EndlessWalk { why, remedy });
        }
        let kept = if pages.is_power_of_two() { Some(next.clone()) } else { self.kept };
        Ok(Some(Self { at: next, kept, pages, began: Some(began) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);

    /// Walks until `next` returns the cursor 0, or until an error. Returns the number of pages.
    fn walk(mut next: impl FnMut(u64) -> u64, time_of_page: Duration) -> (u64, Option<Error>) {
        let (mut cursor, mut now) = (WalkCursor::default(), Duration::ZERO);
        for page in 0_u64.. {
            now += time_of_page;
            match cursor.after_page(next(page).to_string(), now, LIMIT) {
                Ok(Some(following)) => cursor = following,
                Ok(None) => return (page + 1, None),
                Err(error) => return (page + 1, Some(error)),
            }
        }
        unreachable!("the pages are numbered without end")
    }

    #[test]
    fn a_walk_in_a_circle_ends_wherever_the_circle_begins() {
        for (begin, len) in [(1, 1), (1, 2), (1, 7), (5, 1), (6, 3), (40, 100), (1000, 1)] {
            let next = |page: u64| if page < begin { page + 1 } else { begin + (page - begin) % len + 1 };
            let (pages, error) = walk(next, Duration::ZERO);
            assert!(matches!(error, Some(Error::EndlessWalk { .. })), "{begin} {len}: {error:?}");
            assert!(pages <= 3 * (begin + len) + 1, "{begin} {len}: {pages} pages");
        }
    }

    #[test]
    fn a_walk_of_ever_new_cursors_ends_in_time_and_a_long_one_is_allowed() {
        let (pages, error) = walk(|page| page + 1, Duration::from_secs(100));
        let error = error.expect("the walk has no end").to_string();
        assert_eq!(pages, 37, "an hour after the first page");
        assert!(error.contains("37 pages and 3600 s") && error.contains("request_timeout"), "{error}");
        let end = |page| if page == 100_000 { 0 } else { page + 1 };
        assert_eq!(walk(end, Duration::from_millis(30)), (100_001, None));
    }

    #[test]
    fn the_error_shows_only_the_beginning_of_a_long_cursor() {
        let long = "7".repeat(1 << 20);
        let at = WalkCursor { at: long.clone(), ..WalkCursor::default() };
        let error = at.after_page(long, Duration::ZERO, LIMIT).expect_err("the cursor has come twice");
        assert!(error.to_string().len() < 300, "{error}");
    }
}
