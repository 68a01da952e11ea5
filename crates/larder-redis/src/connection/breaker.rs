//! The circuit breaker: refuses requests while a connection exists, but the server serves no requests.
//!
//! Two kinds of failures count:
//!
//! - **A reply that says that the server refuses all requests** ([`refuses_all`]): `LOADING`, `MASTERDOWN`,
//!   `CLUSTERDOWN` and `BUSY`. The circuit opens after [`MAX_FAILURES`] such replies in a row. Any other
//!   error is the answer to its own request. `OOM`, `NOREPLICAS` and `MISCONF` refuse only writes, and the
//!   server answers lookups meanwhile. A server without free memory also applies removals. `READONLY` ends
//!   the connection.
//! - **A reply that is late.** It ends the connection, so all open requests fail. A server may answer each
//!   greeting and no request after it. So the next connection begins with an open circuit. Otherwise each
//!   later caller would wait for the whole time limit.
//!
//! The rules:
//!
//! 1. While the circuit is open, requests fail at once.
//! 2. After a wait, the circuit is half-open: the next request is sent as the *probe*. While the probe waits
//!    for its reply, all other requests fail at once. So one caller at a time waits for the server.
//! 3. Any reply to a caller's request closes the circuit, except one that says that the server refuses all
//!    requests. The reply may belong to an earlier request, because replies come in request order.
//! 4. If the probe fails, the circuit is open again. The wait doubles up to its bound, and has a random part
//!    ([`Backoff`]).
//! 5. If the circuit is not closed, and the connection ends for another reason than a late reply, the first
//!    request of the next connection is the probe. The earlier probe gets no reply any more, and the server
//!    has answered the greeting.
//! 6. The client's own requests pass an open circuit. They identify the data. Until the data is identified,
//!    the client sends only removals and fences.
//!
//! A probe is chosen under the lock of the outbox, after the check that a connection exists. A connection
//! ends under the same lock. So no probe is chosen between the end of a connection and rule 5.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::backoff::Backoff;
use crate::error::Error;
use crate::protocol::reply::Reply;
use crate::settings::Timing;

/// Number of failures in a row that open the circuit.
const MAX_FAILURES: u32 = 3;

/// The first words of the errors that concern all requests.
const REFUSES_ALL: [&[u8]; 4] = [b"LOADING", b"MASTERDOWN", b"CLUSTERDOWN", b"BUSY"];

/// Returns the error text of a reply that says that the server refuses all requests.
pub(super) fn refuses_all(reply: &Reply) -> Option<&[u8]> {
    let Reply::Error(text) = reply else { return None };
    let code = text.split(|byte| *byte == b' ').next().unwrap_or_default();
    REFUSES_ALL.contains(&code).then_some(text)
}

#[derive(Debug)]
enum Circuit {
    /// All requests are sent. Contains the number of failures in a row.
    Closed(u32),
    /// No request is sent before this time.
    Open { until: Duration },
    /// The probe waits for its reply.
    Probing,
}

#[derive(Debug)]
struct Breakage {
    circuit: Circuit,
    backoff: Backoff,
    /// The error of refused requests.
    why: Error,
}

#[derive(Debug)]
pub(super) struct Breaker {
    breakage: Mutex<Breakage>,
    /// Whether the circuit is closed, and the last reply was no failure. Relaxed, because a caller that reads
    /// an older value at most sends one request more.
    is_calm: AtomicBool,
    timing: Timing,
    server: String,
}

impl Breaker {
    pub(super) fn new(timing: Timing, server: String) -> Self {
        let breakage =
            Breakage { circuit: Circuit::Closed(0), backoff: Backoff::default(), why: Error::Closed };
        Self { breakage: Mutex::new(breakage), is_calm: AtomicBool::new(true), timing, server }
    }

    /// Runs rules 1 and 2: returns an error if a request must not be sent now.
    pub(super) fn admit(&self, now: Duration) -> Result<(), Error> {
        if self.is_calm.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut breakage = self.breakage.lock();
        match breakage.circuit {
            Circuit::Closed(_) => Ok(()),
            Circuit::Open { until } if until <= now => {
                breakage.circuit = Circuit::Probing;
                Ok(())
            }
            Circuit::Open { .. } | Circuit::Probing => Err(breakage.why.clone()),
        }
    }

    /// Notes a reply to a request. `random` is the random part of the wait before the next probe.
    pub(super) fn note_reply(&self, reply: &Reply, now: Duration, random: impl FnOnce() -> u64) {
        let failure = refuses_all(reply);
        if failure.is_none() && self.is_calm.load(Ordering::Relaxed) {
            return;
        }
        let mut breakage = self.breakage.lock();
        let Some(text) = failure else {
            // Rule 3.
            let was_open = !matches!(breakage.circuit, Circuit::Closed(_));
            breakage.circuit = Circuit::Closed(0);
            breakage.backoff.reset();
            self.is_calm.store(true, Ordering::Relaxed);
            drop(breakage);
            if was_open {
                tracing::info!(server = %self.server, "the server of the remote tier serves again");
            }
            return;
        };
        match breakage.circuit {
            Circuit::Closed(failures) if failures + 1 < MAX_FAILURES => {
                breakage.circuit = Circuit::Closed(failures + 1);
                self.is_calm.store(false, Ordering::Relaxed);
            }
            Circuit::Closed(_) | Circuit::Probing => {
                let text = String::from_utf8_lossy(text);
                self.open(&mut breakage, &format!("it answered {text:?}"), now, random());
            }
            // This is the reply to a request that was sent before the circuit opened.
            Circuit::Open { .. } => {}
        }
    }

    /// Notes the end of a connection.
    pub(super) fn note_loss(&self, why: &Error, now: Duration, random: u64) {
        let mut breakage = self.breakage.lock();
        match (why, &breakage.circuit) {
            (Error::TimedOut { limit_ms, .. }, _) => {
                let why = format!("it did not answer within {limit_ms} ms");
                self.open(&mut breakage, &why, now, random);
            }
            // Rule 5.
            (_, Circuit::Probing | Circuit::Open { .. }) => breakage.circuit = Circuit::Open { until: now },
            (_, Circuit::Closed(_)) => {}
        }
    }

    fn open(&self, breakage: &mut Breakage, why: &str, now: Duration, random: u64) {
        let wait = breakage.backoff.next(&self.timing, random);
        let cause =
            format!("the circuit is open, because {why}; one request at a time tries whether it serves");
        tracing::warn!(server = %self.server, why, ?wait, "the server of the remote tier serves no requests");
        breakage.why = Error::Unavailable { server: self.server.clone(), cause };
        breakage.circuit = Circuit::Open { until: now + wait };
        self.is_calm.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn breaker() -> Breaker {
        Breaker::new(Timing::default(), "redis.example:6379".to_owned())
    }

    fn fails(breaker: &Breaker, now: Duration, text: &str) {
        breaker.note_reply(&Reply::Error(text.into()), now, || u64::MAX);
    }

    fn serves(breaker: &Breaker, now: Duration) {
        breaker.note_reply(&Reply::Integer(1), now, || u64::MAX);
    }

    fn late() -> Error {
        Error::TimedOut { server: "redis.example:6379".to_owned(), limit_ms: 2000 }
    }

    #[test]
    fn failures_in_a_row_open_the_circuit_and_one_probe_at_a_time_is_sent() {
        let breaker = breaker();
        for text in ["LOADING data", "BUSY script", "MASTERDOWN link"] {
            assert_eq!(breaker.admit(ms(0)), Ok(()), "{text}");
            fails(&breaker, ms(0), text);
        }
        let error = breaker.admit(ms(0)).unwrap_err().to_string();
        assert!(error.contains("redis.example:6379") && error.contains("MASTERDOWN link"), "{error}");
        // Replies to requests that were sent before do not extend the wait.
        fails(&breaker, ms(20), "LOADING data");
        assert!(breaker.admit(ms(24)).is_err());
        assert_eq!(breaker.admit(ms(50)), Ok(()), "the probe");
        assert!(breaker.admit(ms(50)).is_err() && breaker.admit(ms(9_000)).is_err(), "a second probe");
        fails(&breaker, ms(60), "CLUSTERDOWN slots");
        assert!(breaker.admit(ms(60 + 49)).is_err(), "the wait has not doubled");
        assert_eq!(breaker.admit(ms(60 + 100)), Ok(()));
        serves(&breaker, ms(170));
        assert_eq!((breaker.admit(ms(170)), breaker.admit(ms(170))), (Ok(()), Ok(())));
        // The row begins anew, and so does the wait.
        (0..2).for_each(|_| fails(&breaker, ms(200), "LOADING data"));
        serves(&breaker, ms(200));
        (0..2).for_each(|_| fails(&breaker, ms(200), "LOADING data"));
        assert_eq!(breaker.admit(ms(200)), Ok(()));
        fails(&breaker, ms(200), "LOADING data");
        assert!(breaker.admit(ms(200)).is_err());
        assert_eq!(breaker.admit(ms(250)), Ok(()));
    }

    #[test]
    fn the_error_of_one_request_opens_nothing_and_closes_an_open_circuit() {
        let of_one_request = ["OOM full", "NOREPLICAS few", "MISCONF disk", "WRONGTYPE list", "ERR LOADING"];
        let breaker = breaker();
        for text in of_one_request {
            (0..9).for_each(|_| fails(&breaker, ms(0), text));
            assert_eq!(breaker.admit(ms(0)), Ok(()), "{text}");
        }
        breaker.note_loss(&late(), ms(0), 0);
        assert!(breaker.admit(ms(0)).is_err());
        fails(&breaker, ms(0), "OOM full");
        assert_eq!(breaker.admit(ms(0)), Ok(()));
    }

    #[test]
    fn a_late_reply_opens_the_circuit_and_the_end_of_a_connection_returns_the_probe() {
        let breaker = breaker();
        breaker.note_loss(&Error::Closed, ms(0), 0);
        assert_eq!(breaker.admit(ms(0)), Ok(()), "only a late reply opens it");
        breaker.note_loss(&late(), ms(0), 0);
        let error = breaker.admit(ms(24)).unwrap_err().to_string();
        assert!(error.contains("did not answer within 2000 ms"), "{error}");
        assert_eq!(breaker.admit(ms(25)), Ok(()));
        breaker.note_loss(&Error::Closed, ms(30), 0);
        assert_eq!(breaker.admit(ms(30)), Ok(()), "the probe had no reply");
        assert!(breaker.admit(ms(30)).is_err());
        breaker.note_loss(&late(), ms(30), 0);
        assert!(breaker.admit(ms(79)).is_err());
        breaker.note_loss(&Error::Closed, ms(40), 0);
        assert_eq!(breaker.admit(ms(40)), Ok(()), "the next connection is greeted");
    }
}
