//! One phase of the demo: threads that ask, one that changes, and the count of what came of it.
//!
//! Changes are paced by requests, not by time: every so many requests the asking threads hand the changing
//! thread a ticket, and wait (outside what is measured) while it is behind. So any machine makes as many
//! changes a phase, and makes them while requests are being answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rand::rngs::StdRng;

use crate::clock;
use crate::demo::database::Database;
use crate::demo::directory::Directory;
use crate::demo::floors::Floors;
use crate::demo::latency::Latencies;
use crate::demo::reader::Reader;
use crate::demo::service::Service;
use crate::demo::workload::Workload;
use crate::error::Error;

/// Requests between one change and the next.
pub(crate) const REQUESTS_PER_CHANGE: u64 = 2_000;
/// Requests after the start whose hits are counted apart.
pub(crate) const FIRST: u64 = 1_000;
/// Requests between two steps of the progress bar.
const BAR_STEP: u64 = 500;

/// All that does not change from phase to phase.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) directory: Directory,
    pub(crate) workload: Workload,
    pub(crate) floors: Floors,
}

/// What a phase is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) requests: u64,
    /// One for each thread that asks.
    pub(crate) askers: Vec<StdRng>,
    pub(crate) changer: StdRng,
    /// When the time to the first hit began to run.
    pub(crate) since: Instant,
    pub(crate) bar: ProgressBar,
}

/// What a phase, or one thread of it, has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) queries: u64,
    pub(crate) stale: u64,
    pub(crate) latencies: Latencies,
    /// Hits among the [`FIRST`] requests: answers that made no query.
    pub(crate) first_hits: u64,
    /// From [`Plan::since`] to the first answer that made no query.
    pub(crate) first_hit: Option<Duration>,
}

impl Seen {
    fn merge(mut self, other: Self) -> Self {
        self.requests += other.requests;
        self.queries += other.queries;
        self.stale += other.stale;
        self.latencies.merge(other.latencies);
        self.first_hits += other.first_hits;
        self.first_hit = self.first_hit.into_iter().chain(other.first_hit).min();
        self
    }
}

/// Asks `service` what `plan` says, from all its threads, while changing the shop.
pub(crate) fn run(plan: Plan, world: &World, service: &impl Service) -> Result<Seen, Error> {
    let Plan { requests, askers, changer, since, bar } = plan;
    let threads = askers.len() as u64;
    // Room for no ticket: an asker goes on only when the changer has taken its ticket.
    let (tickets, taken) = sync_channel(0);
    let begun = AtomicU64::new(0);
    let outcome = thread::scope(|scope| {
        let changer = scope.spawn(move || change(taken, changer, world, service));
        let askers: Vec<_> = (0..threads)
            .zip(askers)
            .map(|(thread, rng)| {
                let share = requests / threads + u64::from(thread < requests % threads);
                let asker =
                    Asker { world, service, begun: &begun, since, bar: &bar, tickets: tickets.clone() };
                scope.spawn(move || asker.ask(share, rng))
            })
            .collect();
        // The changer stops when the last asker has dropped its end.
        drop(tickets);

        let mut seen = Seen::default();
        let mut failure = None;
        for asker in askers {
            match asker.join().map_err(|_| Error::Panicked).flatten() {
                Ok(other) => seen = seen.merge(other),
                Err(error) => failure = Some(error),
            }
        }
        changer.join().map_err(|_| Error::Panicked).flatten()?;
        failure.map_or(Ok(seen), Err)
    });
    bar.finish_and_clear();
    outcome
}

/// Makes one change for each ticket.
fn change(
    tickets: Receiver<()>,
    mut rng: StdRng,
    world: &World,
    service: &impl Service,
) -> Result<(), Error> {
    let mut database = world.database.writer()?;
    for () in tickets {
        let change = world.workload.change(&mut rng);
        let revision = service.change(change, &mut database)?;
        // Step 5 of the protocol in `floors.rs`.
        world.floors.publish(change, revision);
    }
    Ok(())
}

/// A thread that asks.
struct Asker<'a, S> {
    world: &'a World,
    service: &'a S,
    /// Requests that have begun, of all threads.
    begun: &'a AtomicU64,
    since: Instant,
    bar: &'a ProgressBar,
    tickets: SyncSender<()>,
}

impl<S: Service> Asker<'_, S> {
    fn ask(self, requests: u64, mut rng: StdRng) -> Result<Seen, Error> {
        let database = self.world.database.reader()?;
        let latencies = Latencies::with_capacity(usize::try_from(requests).unwrap_or_default());
        let mut seen = Seen { latencies, ..Seen::default() };
        for request in 1..=requests {
            // Relaxed: a number for each request, and nothing else hangs on it.
            let ordinal = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
            if ordinal.is_multiple_of(REQUESTS_PER_CHANGE) && self.tickets.send(()).is_err() {
                break; // The changer has failed, and its error is the one to report.
            }
            self.request(ordinal, &mut rng, &database, &mut seen)?;
            if request.is_multiple_of(BAR_STEP) {
                self.bar.inc(BAR_STEP);
            }
        }
        seen.queries = database.queries();
        Ok(seen)
    }

    fn request(
        &self,
        ordinal: u64,
        rng: &mut StdRng,
        database: &Reader,
        seen: &mut Seen,
    ) -> Result<(), Error> {
        let World { directory, workload, floors, .. } = self.world;
        let subject = workload.subject(rng);
        let queries = database.queries();

        // Steps 6, 7 and 8 of the protocol in `floors.rs`.
        let floor = floors.of(subject);
        let asked = clock::now();
        let answer = self.service.answer(subject, database)?;
        seen.latencies.record(asked.elapsed());
        seen.stale += u64::from(answer.revision() < floor);

        if !answer.is_about(subject, directory) {
            return Err(Error::WrongAnswer { asked: format!("{subject:?}") });
        }
        seen.requests += 1;
        if database.queries() == queries {
            seen.first_hits += u64::from(ordinal <= FIRST);
            seen.first_hit.get_or_insert_with(|| self.since.elapsed());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
