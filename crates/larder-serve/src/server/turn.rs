//! The turn of a connection: how long it may execute requests before the other connections of its thread run.
//!
//! Each request counts, also an empty one. A request of many words or bytes counts like several requests,
//! because it may take as long. The clock is read only now and then.

use std::time::Duration;

use tokio::time::Instant;

/// How long a connection may execute requests before the other connections of its thread run, and the maximum
/// number of these requests.
const TURN: Duration = Duration::from_micros(200);
pub(super) const MAX_REQUESTS: usize = 256;

/// Number of requests between two reads of the clock.
const REQUESTS_PER_LOOK: usize = 16;

/// Number of words, and of bytes, that count like a request.
const WORDS_PER_REQUEST: usize = 32;
const BYTES_PER_REQUEST: usize = 16 << 10;

/// Returns as how many requests a request counts.
pub(super) const fn weight(words: usize, bytes: usize) -> usize {
    1 + words / WORDS_PER_REQUEST + bytes / BYTES_PER_REQUEST
}

/// When the turn of a connection began, and how many requests the connection has executed since.
#[derive(Debug)]
pub(super) struct Turn {
    since: Instant,
    requests: usize,
}

impl Turn {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), requests: 0 }
    }

    /// Begins a turn, unless the turn has already begun.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.requests == 0 {
            self.since = now;
        }
    }

    /// Ends the turn, because other connections run.
    pub(super) const fn end(&mut self) {
        self.requests = 0;
    }

    /// Counts a request of this weight. Returns whether the turn was already over. If it was, the request
    /// belongs to the next turn, which the caller begins with [`restart`](Self::restart).
    pub(super) fn is_over(&mut self, weight: usize) -> bool {
        let looks = self.requests / REQUESTS_PER_LOOK;
        self.requests += weight;
        let looks_again = self.requests / REQUESTS_PER_LOOK > looks;
        self.requests > MAX_REQUESTS || (looks_again && self.since.elapsed() > TURN)
    }

    /// Begins a turn with a request of this weight.
    pub(super) fn restart(&mut self, weight: usize) {
        *self = Self { since: Instant::now(), requests: weight };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how many requests fit into a turn while the clock stands still.
    fn requests_of(words: usize, bytes: usize) -> usize {
        let (mut turn, weight) = (Turn::new(), weight(words, bytes));
        turn.restart(weight);
        (1..=MAX_REQUESTS).find(|_| turn.is_over(weight)).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_request_counts_like_several_requests() {
        assert_eq!([requests_of(0, 0), requests_of(31, 0), requests_of(1, 16_383)], [MAX_REQUESTS; 3]);
        assert_eq!([requests_of(32, 0), requests_of(1, 16_384)], [MAX_REQUESTS / 2; 2]);
        assert_eq!([requests_of(8193, 0), requests_of(1, 64 << 20)], [1; 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_ends_a_turn_at_the_next_look() {
        let mut turn = Turn::new();
        assert!(!turn.is_over(1));
        tokio::time::advance(2 * TURN).await;
        assert_eq!((2..=MAX_REQUESTS).find(|_| turn.is_over(1)), Some(REQUESTS_PER_LOOK));
        turn.restart(1);
        tokio::time::advance(2 * TURN).await;
        assert!(!turn.is_over(1));
        assert!(turn.is_over(REQUESTS_PER_LOOK), "a long request looks at the clock");
    }
}
