//! One of several processes. Its threads send requests and make changes until the time is over. Then the
//! process writes its journal to a file.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use larder::{Cache, URL_VARIABLE};
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::journal::{AcknowledgedRemoval, Journal, LastAnswer};
use crate::clock;
use crate::error::Error;
use crate::run::MEMORY_CAPACITY;
use crate::shop::catalog::{Catalog, Subject};
use crate::shop::database::Database;
use crate::shop::service::{CachedService, DirectService, Service};
use crate::workload::{Stream, Workload};

/// Number of requests of a process from one change to the next. This number is small, so that many requests
/// run at the same time as a change.
const REQUESTS_PER_CHANGE: u64 = 50;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MemberPlan {
    pub(crate) database: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) threads: u64,
    /// The seed of this process only.
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    /// The planted fault: changes remove nothing from the cache.
    pub(crate) without_removals: bool,
}

/// For each subject and returned revision, the time of the last request.
type LastAsked = HashMap<(Subject, u64), Duration>;

/// What the threads of a process share.
struct Member<'a> {
    plan: &'a MemberPlan,
    database: &'a Database,
    catalog: &'a Catalog,
    workload: &'a Workload,
    service: &'a CachedService<'a>,
    ends: Instant,
    /// Number of requests that all threads together have begun.
    begun: AtomicU64,
}

/// Returns the URL of the server that all processes share.
pub(crate) fn server_url() -> Result<String, Error> {
    let url = std::env::var(URL_VARIABLE).unwrap_or_default();
    if larder_redis::is_server_url(&url) { Ok(url) } else { Err(Error::NeedsServer) }
}

pub(crate) fn open_shared(url: &str) -> Result<Cache, Error> {
    Ok(larder_redis::builder(url)?.memory_capacity(MEMORY_CAPACITY).open()?)
}

/// Runs one process. `path` is the file of its plan.
pub(crate) fn run(path: &Path) -> Result<ExitCode, Error> {
    let json = fs::read(path).map_err(Error::file("read", path))?;
    let plan: MemberPlan = serde_json::from_slice(&json).map_err(Error::json(path))?;
    let catalog = Catalog::new()?;
    let cache = open_shared(&server_url()?)?;
    let service = CachedService::open_shared(&cache, &catalog)?;
    let member = Member {
        plan: &plan,
        database: &Database::filled(&plan.database),
        catalog: &catalog,
        workload: &Workload::new(),
        service: &service,
        ends: clock::now() + Duration::from_secs(plan.seconds),
        begun: AtomicU64::new(0),
    };
    let mut journal = member.run()?;
    let stats = cache.stats();
    journal.memory_hits = stats.memory.hits;
    journal.remote_hits = stats.remote.as_ref().map_or(0, |remote| remote.hits);
    drop(service);
    cache.close()?;
    let json = serde_json::to_vec(&journal).map_err(Error::json(&plan.journal))?;
    fs::write(&plan.journal, json).map_err(Error::file("write", &plan.journal))?;
    Ok(ExitCode::SUCCESS)
}

impl Member<'_> {
    fn run(&self) -> Result<Journal, Error> {
        // The channel has no capacity, so a client continues only when the update thread has received its
        // ticket.
        let (tickets, taken) = sync_channel(0);
        thread::scope(|scope| {
            let updates = scope.spawn(move || self.make_changes(&taken));
            let clients: Vec<_> = (0..self.plan.threads)
                .map(|thread| {
                    let tickets = tickets.clone();
                    scope.spawn(move || {
                        self.send_requests(Stream::Before(thread).rng(self.plan.seed), &tickets)
                    })
                })
                .collect();
            // The update thread ends when the last sender is dropped.
            drop(tickets);

            let (mut journal, mut last) = (Journal::default(), LastAsked::new());
            let mut failure = None;
            for client in clients {
                match client.join().map_err(|_| Error::Panicked).flatten() {
                    Ok((queries, requests, asked)) => {
                        journal.queries += queries;
                        journal.requests += requests;
                        for (value, at) in asked {
                            last.entry(value).and_modify(|other| *other = at.max(*other)).or_insert(at);
                        }
                    }
                    Err(error) => failure = Some(error),
                }
            }
            (journal.changes, journal.removals) = updates.join().map_err(|_| Error::Panicked).flatten()?;
            let answers = last.into_iter();
            journal.answers =
                answers.map(|((subject, revision), asked)| LastAnswer { subject, revision, asked }).collect();
            failure.map_or(Ok(journal), Err)
        })
    }

    /// Makes one change for each ticket. Returns the number of changes, and when their removals were
    /// acknowledged.
    fn make_changes(&self, tickets: &Receiver<()>) -> Result<(u64, Vec<AcknowledgedRemoval>), Error> {
        let (mut changes, mut removals) = (0, Vec::new());
        let mut rng = Stream::ChangesBefore.rng(self.plan.seed);
        let mut database = self.database.writer()?;
        for () in tickets {
            let change = self.workload.change(&mut rng);
            let revision = if self.plan.without_removals {
                DirectService { catalog: self.catalog }.change(change, &mut database)?
            } else {
                self.service.change(change, &mut database)?
            };
            let at = clock::since_boot();
            removals.extend(change.subjects().map(|subject| AcknowledgedRemoval { subject, revision, at }));
            changes += 1;
        }
        Ok((changes, removals))
    }

    /// Sends requests until the time is over. Returns the numbers of queries and of requests, and the times
    /// of the last requests.
    fn send_requests(
        &self,
        mut rng: StdRng,
        tickets: &SyncSender<()>,
    ) -> Result<(u64, u64, LastAsked), Error> {
        let database = self.database.reader()?;
        let (mut requests, mut last) = (0, LastAsked::new());
        while clock::now() < self.ends {
            // `Relaxed` is sufficient, because the counter only numbers the requests.
            let ordinal = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
            if ordinal.is_multiple_of(REQUESTS_PER_CHANGE) && tickets.send(()).is_err() {
                // The update thread has failed. Its error is reported.
                break;
            }
            let subject = self.workload.subject(&mut rng);
            let asked = clock::since_boot();
            let answer = self.service.answer(subject, &database)?;
            if !answer.is_about(subject, self.catalog) {
                return Err(Error::WrongAnswer { asked: format!("{subject:?}") });
            }
            last.insert((subject, answer.revision()), asked);
            requests += 1;
        }
        Ok((database.queries(), requests, last))
    }
}
