//! One phase of the demo: client threads send requests while one thread changes the shop. The results of
//! the client threads are added up.
//!
//! The pace of changes depends on the number of requests, not on time. After every [`REQUESTS_PER_CHANGE`]
//! requests, a client passes a ticket to the update thread, and waits if that thread is busy. The measured
//! latencies do not include this wait. So every machine makes the same number of changes in a phase, while
//! requests are being answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rand::rngs::StdRng;

use crate::clock;
use crate::error::Error;
use crate::latency::Latencies;
use crate::min_revisions::MinRevisions;
use crate::shop::catalog::Catalog;
use crate::shop::database::Database;
use crate::shop::reader::Reader;
use crate::shop::service::Service;
use crate::workload::Workload;

/// Number of requests from one change to the next.
pub(crate) const REQUESTS_PER_CHANGE: u64 = 2_000;
/// Number of requests at the start of a phase. Their hits are also counted separately.
pub(crate) const FIRST: u64 = 1_000;
/// Number of requests in one step of the progress bar.
const BAR_STEP: u64 = 500;

/// What all phases share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) catalog: Catalog,
    pub(crate) workload: Workload,
    pub(crate) min_revisions: MinRevisions,
}

#[derive(Debug)]
pub(crate) struct PhasePlan {
    pub(crate) requests: u64,
    /// A source of random requests for each client thread.
    pub(crate) clients: Vec<StdRng>,
    /// The source of random changes.
    pub(crate) changes: StdRng,
    /// The start of the measured time until the first hit.
    pub(crate) since: Instant,
    pub(crate) bar: ProgressBar,
}

/// The results of a phase, or of one thread of it.
#[derive(Debug, Default)]
pub(crate) struct PhaseResult {
    pub(crate) requests: u64,
    pub(crate) queries: u64,
    pub(crate) stale: u64,
    pub(crate) latencies: Latencies,
    /// Hits among the first [`FIRST`] requests. A hit is an answer without a query.
    pub(crate) first_hits: u64,
    /// The time from [`PhasePlan::since`] to the first hit.
    pub(crate) first_hit: Option<Duration>,
}

impl PhaseResult {
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

/// Sends the requests of `plan` to `service`, from all client threads, while the shop changes.
pub(crate) fn run(plan: PhasePlan, world: &World, service: &impl Service) -> Result<PhaseResult, Error> {
    let PhasePlan { requests, clients, changes, since, bar } = plan;
    let threads = clients.len() as u64;
    // The channel has no capacity, so a client continues only when the update thread has received its ticket.
    let (tickets, taken) = sync_channel(0);
    let begun = AtomicU64::new(0);
    let outcome = thread::scope(|scope| {
        let updates = scope.spawn(move || make_changes(taken, changes, world, service));
        let clients: Vec<_> = (0..threads)
            .zip(clients)
            .map(|(thread, rng)| {
                let share = requests / threads + u64::from(thread < requests % threads);
                let client =
                    Client { world, service, begun: &begun, since, bar: &bar, tickets: tickets.clone() };
                scope.spawn(move || client.run(share, rng))
            })
            .collect();
        // The update thread ends when the last sender is dropped.
        drop(tickets);

        let mut result = PhaseResult::default();
        let mut failure = None;
        for client in clients {
            match client.join().map_err(|_| Error::Panicked).flatten() {
                Ok(other) => result = result.merge(other),
                Err(error) => failure = Some(error),
            }
        }
        updates.join().map_err(|_| Error::Panicked).flatten()?;
        failure.map_or(Ok(result), Err)
    });
    bar.finish_and_clear();
    outcome
}

/// Makes one change for each ticket.
fn make_changes(
    tickets: Receiver<()>,
    mut rng: StdRng,
    world: &World,
    service: &impl Service,
) -> Result<(), Error> {
    let mut database = world.database.writer()?;
    for () in tickets {
        let change = world.workload.change(&mut rng);
        let revision = service.change(change, &mut database)?;
        // Step 5 of the protocol in `min_revisions.rs`.
        world.min_revisions.publish(change, revision);
    }
    Ok(())
}

struct Client<'a, S> {
    world: &'a World,
    service: &'a S,
    /// Number of requests that all threads together have begun.
    begun: &'a AtomicU64,
    since: Instant,
    bar: &'a ProgressBar,
    tickets: SyncSender<()>,
}

impl<S: Service> Client<'_, S> {
    fn run(self, requests: u64, mut rng: StdRng) -> Result<PhaseResult, Error> {
        let database = self.world.database.reader()?;
        let latencies = Latencies::with_capacity(usize::try_from(requests).unwrap_or_default());
        let mut result = PhaseResult { latencies, ..PhaseResult::default() };
        for request in 1..=requests {
            // `Relaxed` is sufficient, because the counter only numbers the requests and orders no other
            // memory.
            let ordinal = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
            if ordinal.is_multiple_of(REQUESTS_PER_CHANGE) && self.tickets.send(()).is_err() {
                break; // The update thread has failed. Its error is reported.
            }
            self.request(ordinal, &mut rng, &database, &mut result)?;
            if request.is_multiple_of(BAR_STEP) {
                self.bar.inc(BAR_STEP);
            }
        }
        result.queries = database.queries();
        Ok(result)
    }

    fn request(
        &self,
        ordinal: u64,
        rng: &mut StdRng,
        database: &Reader,
        result: &mut PhaseResult,
    ) -> Result<(), Error> {
        let World { catalog, workload, min_revisions, .. } = self.world;
        let subject = workload.subject(rng);
        let queries = database.queries();

        let minimum = min_revisions.of(subject); // Step 6 of the protocol in `min_revisions.rs`.
        let began = clock::now();
        let answer = self.service.answer(subject, database)?; // 7
        result.latencies.record(began.elapsed());
        result.stale += u64::from(answer.revision() < minimum); // 8

        if !answer.is_about(subject, catalog) {
            return Err(Error::WrongAnswer { asked: format!("{subject:?}") });
        }
        result.requests += 1;
        if database.queries() == queries {
            result.first_hits += u64::from(ordinal <= FIRST);
            result.first_hit.get_or_insert_with(|| self.since.elapsed());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
