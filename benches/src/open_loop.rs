//! Requests at a fixed rate, and the time that each one takes.
//!
//! A request is sent when it is due, whether earlier replies have arrived or not, and its time counts from
//! the moment when it was due. Otherwise a slow server would get fewer requests, and the measured times
//! would not include the waits.
//!
//! The requests are divided into slices by the moment when they were due. A virtual machine pauses a
//! processor for milliseconds, several times a second. If the pauses take about a hundredth of the time,
//! the 99th percentile of all requests is the end of a pause in one run, and not in the next, for every
//! server. The median over the slices is the percentile of a slice with few pauses. It leaves out every
//! pause that falls into fewer than half of the slices, also one of the server itself. So the percentile of
//! all requests is reported, too.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::stopwatch::now;

/// The duration of a slice: the default flush interval of larder. So while larder is written to, most slices
/// have a commit.
const SLICE: Duration = Duration::from_millis(100);

/// At which rate requests are sent.
#[derive(Debug, Clone, Copy)]
pub struct OfferedRate {
    /// Number of connections. The requests use them in turn.
    pub connections: usize,
    /// Number of requests per second over all connections.
    pub per_second: f64,
    /// For how long requests are sent.
    pub time: Duration,
}

/// The times of all requests, from the moment when each was due until its reply arrived.
#[derive(Debug)]
pub struct RequestTimes {
    /// The times of each slice in ascending order.
    slices: Vec<Vec<Duration>>,
}

impl RequestTimes {
    fn new(time: Duration, requests: impl IntoIterator<Item = (Duration, Duration)>) -> Self {
        let mut slices = vec![Vec::new(); slice_of(time).max(1)];
        let last = slices.len() - 1;
        for (due, took) in requests {
            if let Some(slice) = slices.get_mut(slice_of(due).min(last)) {
                slice.push(took);
            }
        }
        slices.retain(|slice| !slice.is_empty());
        for slice in &mut slices {
            slice.sort_unstable();
        }
        Self { slices }
    }

    /// Returns the median of this percentile over the slices that have requests.
    #[must_use]
    pub fn median_percentile(&self, percent: usize) -> Duration {
        let mut each: Vec<_> = self.slices.iter().map(|slice| percentile(slice, percent)).collect();
        each.sort_unstable();
        percentile(&each, 50)
    }

    /// Returns this percentile of all requests.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut all = self.slices.concat();
        all.sort_unstable();
        percentile(&all, percent)
    }
}

fn slice_of(due: Duration) -> usize {
    usize::try_from(due.as_nanos() / SLICE.as_nanos()).unwrap_or(usize::MAX)
}

/// Returns a percentile of times in ascending order, or zero if there are none.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}

/// Sends `request` over connections to a Unix socket at a fixed rate. Each reply has `reply_len` bytes.
///
/// # Errors
/// Fails if a connection fails.
pub fn offer(
    socket: &Path,
    rate: &OfferedRate,
    request: &[u8],
    reply_len: usize,
) -> io::Result<RequestTimes> {
    let open = || UnixStream::connect(socket).map(Connection::new);
    let mut connections = (0..rate.connections).map(|_| open()).collect::<Result<Vec<_>, _>>()?;
    let mut requests = Vec::new();
    let (began, between) = (now(), Duration::from_secs_f64(1.0 / rate.per_second));
    let (mut due, mut next) = (began, 0);
    while due < began + rate.time || connections.iter().any(|connection| !connection.waiting.is_empty()) {
        let at = now();
        while due <= at && due < began + rate.time {
            let Some(connection) = connections.get_mut(next % rate.connections) else { break };
            connection.send(request, due)?;
            (due, next) = (due + between, next + 1);
        }
        for connection in &mut connections {
            connection.receive(reply_len, |due, took| requests.push((due - began, took)))?;
        }
    }
    Ok(RequestTimes::new(rate.time, requests))
}

/// A connection that sends requests without waiting for replies.
struct Connection {
    stream: UnixStream,
    /// When each request without a reply was due.
    waiting: VecDeque<Instant>,
    /// Number of bytes of the next reply that have arrived.
    part: usize,
}

impl Connection {
    fn new(stream: UnixStream) -> Self {
        Self { stream, waiting: VecDeque::new(), part: 0 }
    }

    fn send(&mut self, request: &[u8], due: Instant) -> io::Result<()> {
        self.stream.set_nonblocking(false)?;
        self.stream.write_all(request)?;
        self.stream.set_nonblocking(true)?;
        self.waiting.push_back(due);
        Ok(())
    }

    /// Receives the replies that have arrived, and passes on when each request was due and its time.
    fn receive(&mut self, reply_len: usize, mut done: impl FnMut(Instant, Duration)) -> io::Result<()> {
        let mut received = [0; 4096];
        while !self.waiting.is_empty() {
            match self.stream.read(&mut received) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => self.part += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            while self.part >= reply_len
                && let Some(due) = self.waiting.pop_front()
            {
                self.part -= reply_len;
                done(due, now() - due);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 requests in each of 20 slices: 5 µs, and the last two of each slice `late`.
    fn times(late: impl Fn(u64) -> u64) -> RequestTimes {
        let request = |number: u64| {
            let (slice, took) = (number / 100, if number % 100 < 98 { 5 } else { late(number / 100) });
            (SLICE * u32::try_from(slice).unwrap(), Duration::from_micros(took))
        };
        RequestTimes::new(SLICE * 20, (0..2_000).map(request))
    }

    #[test]
    fn pauses_in_a_few_slices_are_not_in_the_median_and_those_in_every_slice_are() {
        let by_machine = times(|slice| if slice < 9 { 3_000 } else { 5 });
        assert_eq!(by_machine.median_percentile(99), Duration::from_micros(5));
        let by_server = times(|_| 700);
        assert_eq!(by_server.median_percentile(99), Duration::from_micros(700));
    }

    #[test]
    fn the_percentile_of_all_requests_has_the_pauses_of_all_slices() {
        let times = times(|slice| if slice < 12 { 3_000 } else { 5 });
        assert_eq!(times.percentile(99), Duration::from_millis(3));
        assert_eq!(times.percentile(50), Duration::from_micros(5));
    }

    #[test]
    fn a_request_that_is_due_at_the_end_belongs_to_the_last_slice() {
        let times = RequestTimes::new(SLICE, [(SLICE, Duration::from_micros(9))]);
        assert_eq!(times.median_percentile(50), Duration::from_micros(9));
    }
}
