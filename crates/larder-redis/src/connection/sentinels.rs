//! The threads that ask the Sentinels which server is the master, one thread for each Sentinel.
//! [`votes`](super::votes) explains the steps, and the times `S` and `V`.
//!
//! A Sentinel that does not answer delays no question to the other Sentinels.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::backoff::Backoff;
use super::connect::{Attempt, Connector};
use super::greeting::{Greeting, Input, unavailable};
use super::stream::{PollWaker, Socket, wait_for};
use super::votes::{Address, Vote, Votes};
use crate::address::{SentinelGroup, ServerPlace, address_of};
use crate::clock::BootClock;
use crate::error::Error;
use crate::protocol::command::Command;
use crate::protocol::reply::Reply;
use crate::random;
use crate::settings::Settings;

/// Number of times that a Sentinel is asked within `S`.
const QUESTIONS: u32 = 4;

/// The reason why a server must not be used any more.
pub(crate) const UNVOUCHED: &str = "no majority of the Sentinels says that the server is still the master";

/// The answer of one Sentinel of a URL, for tools.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentinelAnswer {
    /// The address of the Sentinel, as in the URL.
    pub name: String,
    /// The address of the master that it names, or the reason why it names none.
    pub master: Result<String, String>,
    /// The id of the Sentinel. Two addresses with the same id are one Sentinel. Empty without an answer.
    pub id: Vec<u8>,
    /// The number of Sentinels that it knows of, including itself. 0 without an answer.
    pub known: usize,
}

/// An answer without any content, for tests of tools.
impl Default for SentinelAnswer {
    fn default() -> Self {
        Self { name: String::new(), master: Err(String::new()), id: Vec::new(), known: 0 }
    }
}

/// What the Sentinels say about the server of the current connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MasterStatus {
    /// A majority has vouched for the server within the last `S`.
    Vouched,
    /// No majority has vouched for the server within the last `S`.
    Unvouched,
    /// A majority names another server.
    Deposed,
}

#[derive(Debug)]
struct Election {
    votes: Votes,
    /// The address of the current connection, or of the last attempt to connect.
    used: Option<Address>,
}

#[derive(Debug)]
pub(crate) struct Sentinels {
    settings: Settings,
    group: SentinelGroup,
    clock: Arc<dyn BootClock>,
    election: Mutex<Election>,
    /// Incremented to make all threads ask their Sentinels at once.
    round: AtomicU64,
    is_closed: AtomicBool,
    wakers: Vec<PollWaker>,
    /// Wakes the driver when a Sentinel has answered or failed.
    of_driver: Arc<PollWaker>,
}

/// The handle of the threads. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct SentinelsHandle(pub(crate) Arc<Sentinels>);

impl Drop for SentinelsHandle {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A connection to a Sentinel.
type Line = (Arc<Socket>, Input);

impl SentinelsHandle {
    /// Starts the threads, if the settings name Sentinels.
    pub(crate) fn start(
        settings: &Settings,
        clock: Arc<dyn BootClock>,
        of_driver: Arc<PollWaker>,
    ) -> io::Result<Option<Self>> {
        let ServerPlace::Sentinels(group) = settings.server.place.clone() else { return Ok(None) };
        let count = group.sentinels.len();
        let wakers: io::Result<Vec<_>> = (0..count).map(|_| PollWaker::new()).collect();
        let sentinels = Arc::new(Sentinels {
            settings: settings.clone(),
            group,
            clock,
            election: Mutex::new(Election { votes: Votes::new(count), used: None }),
            round: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            wakers: wakers?,
            of_driver,
        });
        // The handle exists before the threads. If a thread can't be started, dropping the handle ends the
        // other threads.
        let handle = Self(sentinels.clone());
        for at in 0..count {
            let of_thread = sentinels.clone();
            let thread = std::thread::Builder::new().name("larder-sentinel".to_owned());
            thread.spawn(move || of_thread.run(at))?;
        }
        Ok(Some(handle))
    }
}

impl Sentinels {
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.wakers.iter().for_each(PollWaker::wake);
    }

    /// Returns the settings of the server that a majority vouches for, and stores its address in `used`. If
    /// there is no such server, waits until every Sentinel has answered or failed, or until the attempt is
    /// over.
    pub(crate) fn find_master(&self, attempt: Attempt<'_>) -> Result<Settings, Error> {
        let round = self.begin_round();
        loop {
            let mut election = self.election.lock();
            let elected = election.votes.elected();
            // Step 5 of `votes`.
            let elected = elected.filter(|(_, vouched)| self.is_within_bound(*vouched));
            if let Some(master) = elected.map(|(master, _)| master.clone()) {
                election.used = Some(master.clone());
                return Ok(self.settings_of(master));
            }
            let (has_ended, why) = (election.votes.has_ended(round), self.why_none(&election.votes));
            drop(election);
            let wait = || wait_for(None, attempt.waker, attempt.left(attempt.until)?);
            if has_ended || wait().is_err() {
                return Err(why);
            }
        }
    }

    /// Makes all threads ask their Sentinels at once. Returns the number of this round of questions.
    fn begin_round(&self) -> u64 {
        // Release: pairs with the Acquire in `run`.
        let round = self.round.fetch_add(1, Ordering::Release) + 1;
        self.wakers.iter().for_each(PollWaker::wake);
        round
    }

    /// Asks every Sentinel, and waits until each has answered or failed, or until the attempt is over.
    /// Returns the number of votes that are a majority, and what each Sentinel has answered, in the order
    /// of the URL.
    pub(crate) fn poll(&self, attempt: Attempt<'_>) -> (usize, Vec<SentinelAnswer>) {
        let round = self.begin_round();
        loop {
            let election = self.election.lock();
            let is_over = attempt.left(attempt.until).is_err();
            if election.votes.has_ended(round) || is_over {
                let names = self.group.sentinels.iter().map(|(host, port)| address_of(host, *port));
                let answers = names.zip(election.votes.answers(round)).map(|(name, answer)| match answer {
                    Ok(vote) => {
                        let master = Ok(address_of(&vote.master.0, vote.master.1));
                        SentinelAnswer { name, master, id: vote.id.clone(), known: vote.known }
                    }
                    Err(why) => SentinelAnswer { name, master: Err(why), id: Vec::new(), known: 0 },
                });
                return (election.votes.majority(), answers.collect());
            }
            drop(election);
            if let Ok(left) = attempt.left(attempt.until) {
                // The error is ignored. The loop ends at the latest when the time of the attempt is over.
                drop(wait_for(None, attempt.waker, left));
            }
        }
    }

    /// Waits until a majority of the Sentinels vouches for the server in `used` (steps 7 and 8 of `votes`),
    /// at most for the time limit of a request.
    pub(crate) fn await_votes(&self, waker: &PollWaker, is_closed: &AtomicBool) -> Result<(), Error> {
        let until = self.clock.now() + self.settings.timing.request;
        let lost = |why: &str| Err(unavailable(&self.settings, &io::Error::other(why)));
        loop {
            let left = until.saturating_sub(self.clock.now());
            match self.status() {
                MasterStatus::Vouched => return Ok(()),
                MasterStatus::Deposed => return lost("a majority of the Sentinels names another master"),
                MasterStatus::Unvouched if left.is_zero() => return lost(UNVOUCHED),
                MasterStatus::Unvouched if is_closed.load(Ordering::Acquire) => return Err(Error::Closed),
                MasterStatus::Unvouched => {
                    wait_for(None, waker, left).map_err(|error| unavailable(&self.settings, &error))?;
                }
            }
        }
    }

    fn why_none(&self, votes: &Votes) -> Error {
        let lasting = votes.lasting_error().cloned();
        let server = self.settings.server.place.to_string();
        lasting.unwrap_or_else(|| Error::Unavailable { server, cause: votes.why_none() })
    }

    fn settings_of(&self, (host, port): Address) -> Settings {
        let mut settings = Settings { is_elected: true, ..self.settings.clone() };
        settings.server.place = ServerPlace::Tcp(host, port);
        settings
    }

    fn is_within_bound(&self, vouched: Duration) -> bool {
        self.clock.now() < vouched + self.settings.timing.staleness
    }

    /// Returns the settings of the server in `used`.
    pub(crate) fn present_master(&self) -> Option<Settings> {
        let used = self.election.lock().used.clone();
        used.map(|used| self.settings_of(used))
    }

    /// Returns `V` of the server in `used` (step 6 of `votes`), or zero if the Sentinels do not vouch for it.
    pub(super) fn vouched(&self) -> Duration {
        let election = self.election.lock();
        let vouched = election.used.as_ref().and_then(|used| election.votes.vouched(used));
        vouched.unwrap_or_default()
    }

    /// Returns what the Sentinels say now about the server in `used`.
    pub(crate) fn status(&self) -> MasterStatus {
        let election = self.election.lock();
        match (election.votes.elected(), &election.used) {
            (Some((elected, _)), Some(used)) if elected != used => MasterStatus::Deposed,
            (Some((_, vouched)), Some(_)) if self.is_within_bound(vouched) => MasterStatus::Vouched,
            _ => MasterStatus::Unvouched,
        }
    }

    /// Returns whether a majority has vouched within the last `S` for a server other than the one in `used`.
    pub(super) fn has_news(&self) -> bool {
        let election = self.election.lock();
        let elected = election.votes.elected();
        elected.is_some_and(|(master, vouched)| {
            election.used.as_ref() != Some(master) && self.is_within_bound(vouched)
        })
    }

    /// Asks one Sentinel again and again, until the client is closed.
    fn run(&self, at: usize) {
        let (mut connector, mut line, mut backoff) = (Connector::default(), None, Backoff::default());
        let (Some(waker), Some(settings)) = (self.wakers.get(at), self.settings_of_sentinel(at)) else {
            return;
        };
        let timing = &settings.timing;
        while !self.is_closed.load(Ordering::Acquire) {
            // Acquire: pairs with the Release in `begin_round`.
            let round = self.round.load(Ordering::Acquire);
            let began = self.clock.now();
            let answer = self.ask(&settings, waker, &mut connector, &mut line);
            let interval = timing.staleness / QUESTIONS;
            let wait = match &answer {
                Ok(_) => {
                    backoff.reset();
                    interval
                }
                Err(why) => {
                    tracing::debug!(error = ?why, "a Sentinel does not say which server is the master");
                    line = None;
                    backoff.next(timing, random::number()).max(interval)
                }
            };
            self.election.lock().votes.record(at, round, answer);
            self.of_driver.wake();
            self.pause(waker, round, began + wait);
        }
    }

    /// Waits until the time `until`, until the client is closed, or until a round after `round` begins.
    fn pause(&self, waker: &PollWaker, round: u64, until: Duration) {
        loop {
            let left = until.saturating_sub(self.clock.now());
            let is_wanted = || self.round.load(Ordering::Acquire) != round;
            let is_closed = || self.is_closed.load(Ordering::Acquire);
            if left.is_zero() || is_wanted() || is_closed() || wait_for(None, waker, left).is_err() {
                return;
            }
        }
    }

    fn settings_of_sentinel(&self, at: usize) -> Option<Settings> {
        let (host, port) = self.group.sentinels.get(at)?.clone();
        let mut settings = self.settings.clone();
        settings.server.place = ServerPlace::Tcp(host, port);
        settings.server.user = settings.sentinel_user.take();
        settings.server.password = settings.sentinel_password.take();
        Some(settings)
    }

    /// Asks a Sentinel over the connection in `line`. Connects first if there is none.
    fn ask(
        &self,
        settings: &Settings,
        waker: &PollWaker,
        connector: &mut Connector,
        line: &mut Option<Line>,
    ) -> Result<Vote, Error> {
        let (clock, is_closed) = (&*self.clock, &self.is_closed);
        let limit = settings.timing.connect;
        let until = clock.now() + limit;
        let is_new = line.is_none();
        if is_new {
            let socket = connector.connect(settings, Attempt { waker, clock, is_closed, until });
            let socket = Arc::new(socket.map_err(|error| unavailable(settings, &error))?);
            *line = Some((socket, Input::new()));
        }
        let Some((socket, input)) = line else { return Err(Error::Closed) };
        let mut greeting = Greeting { socket, input, waker, clock, settings, is_closed, until, limit };
        if is_new && let Some(password) = &settings.server.password {
            let auth = settings.server.user.iter().fold(Command::new("AUTH"), Command::arg);
            greeting.require(&auth.arg(password.reveal()))?;
        }
        let sentinel = |verb: &str| Command::new("SENTINEL").arg(verb);
        let name = &self.group.master;
        let questions =
            [sentinel("GET-MASTER-ADDR-BY-NAME").arg(name), sentinel("MYID"), sentinel("MASTER").arg(name)];
        // Step 1 of `votes`: the clock is read before the questions are sent.
        let asked = clock.now();
        let replies = greeting.ask_all(&questions)?;
        read_vote(replies, asked, &greeting, name)
    }
}

fn read_vote(
    replies: Vec<Reply>,
    asked: Duration,
    greeting: &Greeting<'_>,
    name: &str,
) -> Result<Vote, Error> {
    let failed = replies.iter().find_map(|reply| match reply {
        Reply::Error(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    });
    let mut replies = replies.into_iter();
    let address = replies.next();
    if address == Some(Reply::Null) {
        let why = format!("it knows no master {name:?}");
        return Err(greeting.unsupported(&why, "write the name that `sentinel monitor` has"));
    }
    if let Some(text) = failed {
        let is_server = text.contains("unknown command");
        let remedy = "it is no Sentinel; write the address of a master as redis://HOST";
        let is_server = is_server.then(|| greeting.unsupported(&text, remedy));
        return Err(is_server.unwrap_or_else(|| greeting.refusal(text.as_bytes())));
    }
    let garbled = || Error::Garbled("a question of a Sentinel");
    let text = |reply: &Reply| reply.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let address = address.and_then(Reply::into_list).ok_or_else(garbled)?;
    let host = address.first().and_then(text).ok_or_else(garbled)?;
    let port = address.get(1).and_then(text).and_then(|port| port.parse().ok()).ok_or_else(garbled)?;
    let id = replies.next().and_then(Reply::into_bytes).ok_or_else(garbled)?;
    let fields = replies.next().and_then(Reply::into_list).ok_or_else(garbled)?;
    let others = fields
        .chunks_exact(2)
        .find(|pair| pair.first().and_then(Reply::as_bytes) == Some(b"num-other-sentinels"));
    let others: Option<usize> = others.and_then(|pair| text(pair.get(1)?)?.parse().ok());
    let known = others.and_then(|others| others.checked_add(1)).ok_or_else(garbled)?;
    Ok(Vote { id, master: (host, port), known, asked })
}
