//! Tests of processes that race to open one file, and of followers that read the file beside its owner
//! (contracts 6 and 8).
//!
//! The first process that opens the file owns it. Every other process gets an error that names the owner.
//! If the owner closes the file or is killed before the timeout of a waiting process, that process opens
//! the file instead. A process that loses a race changes nothing. A follower sees only committed entries,
//! and blocks no process.

mod racer;

pub(crate) use racer::{follow, race};

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use larder::Cache;

use crate::support::child::Worker;
use crate::support::harness::Harness;
use crate::support::{Place, Random};

const RACERS: u64 = 3;

/// Checks the reports of the racers, which are pairs of a result and a process id. Returns the index of the
/// winner.
fn judge(said: &[(String, u32)]) -> Result<usize, String> {
    let winners: Vec<usize> = (0..said.len()).filter(|at| said[*at].0 == "won").collect();
    let [winner] = winners[..] else {
        return Err(format!("{} processes won: {said:?}", winners.len()));
    };
    let owner = said[winner].1;
    let is_told = |word: &str| match word.strip_prefix("lost ") {
        Some(pid) => pid == owner.to_string(),
        None => false,
    };
    let wrong = said.iter().enumerate().find(|(at, (word, _))| *at != winner && !is_told(word));
    match wrong {
        Some((_, (word, _))) => Err(format!("{owner} won, and a process that did not says {word:?}")),
        None => Ok(winner),
    }
}

/// The state of the file and of the files beside it. Comparing two states shows whether a process has changed
/// a file.
#[derive(PartialEq, Eq)]
struct Standing {
    inode: u64,
    content: Vec<u8>,
    moved_aside: Vec<String>,
}

impl Standing {
    fn of(place: &Place) -> Self {
        let names =
            fs::read_dir(place.dir()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        Self {
            inode: fs::metadata(place.path()).unwrap().ino(),
            content: fs::read(place.path()).unwrap(),
            moved_aside: names.filter(|name| name.contains('-')).collect(),
        }
    }
}

impl Standing {
    fn compare(&self, before: &Self) -> Result<(), String> {
        if self == before {
            return Ok(());
        }
        let pages = self.content.chunks(4096).zip(before.content.chunks(4096)).enumerate();
        let changed: Vec<usize> =
            pages.filter(|(_, (now, then))| now != then).map(|(page, _)| page).collect();
        Err(format!(
            "something changed the file: inode {} was {}, {} bytes were {}, pages {changed:?} differ, beside it {:?}",
            self.inode,
            before.inode,
            self.content.len(),
            before.content.len(),
            self.moved_aside
        ))
    }
}

struct Race {
    place: Place,
    racers: Vec<Worker>,
    follower: Worker,
    random: Random,
    version: u64,
    /// Number of commits of the owner when its last put returned.
    commits: u64,
    /// Versions whose buffered value the owner's sweeper committed before the next put.
    swept_along: Vec<u64>,
}

impl Race {
    fn new(seed: u64) -> Self {
        let place = Place::new();
        let start = |task: &str| {
            let mut worker = Worker::start(task, &place.path());
            assert_eq!(worker.line().as_deref(), Some("ready"));
            worker
        };
        let racers = (0..RACERS).map(|_| start("race")).collect();
        let follower = start("follow");
        Self {
            place,
            racers,
            follower,
            random: Random::of_round(seed),
            version: 0,
            commits: 0,
            swept_along: Vec::new(),
        }
    }

    fn ask(worker: &mut Worker, line: &str) -> Result<String, String> {
        worker.tell(line);
        worker.line().ok_or_else(|| format!("the child ended when it was told to {line:?}"))
    }

    fn expect(worker: &mut Worker, line: &str, expected: &str) -> Result<(), String> {
        let said = Self::ask(worker, line)?;
        if said == expected { Ok(()) } else { Err(format!("told {line:?}, expected {expected:?}: {said:?}")) }
    }

    /// Makes all racers open the file at nearly the same time. Returns the index of the winner.
    fn start(&mut self) -> Result<usize, String> {
        for racer in &mut self.racers {
            let spin = self.random.below(3) * self.random.below(500);
            racer.tell(&format!("open 0 {spin}"));
        }
        let mut said = Vec::new();
        for racer in &mut self.racers {
            said.push((racer.line().ok_or("a racer ended by itself")?, racer.pid()));
        }
        judge(&said)
    }

    /// Records whether the owner has committed again since its last put.
    fn note_commits(&mut self, commits: u64) {
        if commits != self.commits {
            self.swept_along.push(self.version);
        }
    }

    fn commits(&mut self, owner: usize) -> Result<u64, String> {
        let said = Self::ask(&mut self.racers[owner], "commits")?;
        said.parse().map_err(|_| format!("asked for its commits, the owner says {said:?}"))
    }

    fn put(&mut self, owner: usize) -> Result<(), String> {
        let said = Self::ask(&mut self.racers[owner], &format!("put {}", self.version + 1))?;
        let numbers: Vec<u64> = said.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [before, after] = numbers[..] else {
            return Err(format!("told to put, the owner says {said:?}"));
        };
        // More than one new commit means that a commit of the sweeper was in progress. A commit is counted
        // when it ends.
        self.note_commits(if after == before + 1 { before } else { u64::MAX });
        (self.version, self.commits) = (self.version + 1, after);
        Ok(())
    }

    fn begin_to_follow(&mut self) {
        let times = 1 + self.random.below(20);
        self.follower.tell(&format!("follow {times}"));
    }

    /// Waits until the follower has followed, and returns how many times it opened the file. Fails if the
    /// follower saw a buffered version before it was committed. A version that the sweeper of `owner` has
    /// committed does not count.
    fn end_to_follow(&mut self, owner: usize) -> Result<u64, String> {
        let said = self.follower.line().ok_or("the follower ended by itself")?;
        let mut words = said.split(' ');
        let first = words.next();
        let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
        match numbers[..] {
            [opened, version, ref early @ ..] if first == Some("saw") && version <= self.version => {
                let is_early =
                    |race: &Self| early.iter().find(|version| !race.swept_along.contains(version)).copied();
                // A commit in progress is counted only when it ends.
                for _ in 0..2_000 {
                    if is_early(self).is_none() {
                        break;
                    }
                    let commits = self.commits(owner)?;
                    self.note_commits(commits);
                }
                match is_early(self) {
                    Some(version) => Err(format!("version {version} was seen before it was committed")),
                    None => Ok(opened),
                }
            }
            _ => Err(format!("version {} was written, and the follower says: {said}", self.version)),
        }
    }

    /// Makes the other processes try to open the file while the owner is idle. These attempts must change
    /// nothing.
    fn try_in_vain(&mut self, owner: usize) -> Result<(), String> {
        let expected = format!("lost {}", self.racers[owner].pid());
        let mut last = Ok(());
        for _ in 0..4 {
            let (commits, before) = (self.commits(owner)?, Standing::of(&self.place));
            for at in (0..self.racers.len()).filter(|at| *at != owner) {
                Self::expect(&mut self.racers[at], "open 0 0", &expected)?;
            }
            let after = Standing::of(&self.place);
            last = after.compare(&before);
            // The sweeper's first sweep may happen now, and is counted only when it ends. So one attempt
            // without a change is enough: an opener that wrongly changes the file would do so in every
            // attempt.
            if last.is_ok() && self.commits(owner)? == commits {
                break;
            }
        }
        last
    }

    /// Makes another process wait while the owner closes the file or is killed. Returns the index of the new
    /// owner.
    fn hand_over(&mut self, owner: usize) -> Result<usize, String> {
        let next = (owner + 1) % self.racers.len();
        let spin = self.random.below(2_000);
        self.racers[next].tell(&format!("open 30000 {spin}"));
        let next = if self.random.below(2) == 0 {
            Self::expect(&mut self.racers[owner], "close", "closed")?;
            next
        } else {
            drop(self.racers.remove(owner).kill());
            if next > owner { next - 1 } else { next }
        };
        match self.racers[next].line().as_deref() {
            Some("won") => {}
            other => return Err(format!("the owner left, and the waiting process says {other:?}")),
        }
        Self::expect(&mut self.racers[next], "read", &format!("found {}", self.version))?;
        Ok(next)
    }

    fn run(mut self) -> Result<u64, String> {
        self.begin_to_follow();
        let owner = self.start().map_err(|why| format!("the race to create: {why}"))?;
        let mut opened = self.end_to_follow(owner)?;
        self.put(owner)?;
        self.begin_to_follow();
        self.try_in_vain(owner)?;
        for _ in 0..=self.random.below(6) {
            self.put(owner)?;
        }
        opened += self.end_to_follow(owner)?;
        self.begin_to_follow();
        let owner = self.hand_over(owner)?;
        opened += self.end_to_follow(owner)?;
        self.put(owner)?;
        self.begin_to_follow();
        Self::expect(&mut self.racers[owner], "close", "closed")?;
        let owner = self.start().map_err(|why| format!("the race to open: {why}"))?;
        Self::expect(&mut self.racers[owner], "read", &format!("found {}", self.version))?;
        opened += self.end_to_follow(owner)?;
        if Standing::of(&self.place).moved_aside.is_empty() {
            Ok(opened)
        } else {
            Err("a file was moved aside".to_owned())
        }
    }
}

#[test]
fn contract_8_one_of_many_owns_the_file_and_followers_see_what_is_committed() {
    let harness = Harness::new(
        "contract_8_one_of_many_owns_the_file_and_followers_see_what_is_committed",
        "LARDER_RACES",
        6,
    );
    let mut followed = 0;
    harness.run(|seed| {
        followed += Race::new(seed).run().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    });
    eprintln!("the file was followed {followed} times");
    assert!(followed > 0, "the follower never came to see anything");
}

#[test]
fn contract_8_a_loser_is_told_who_won_however_close_the_race() {
    for seed in 0..30 {
        Race::new(seed).start().unwrap();
    }
}

#[test]
fn a_cache_can_be_reopened_while_other_threads_start_processes() {
    let place = Place::in_memory();
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| {
            for _ in 0..300 {
                let mut worker = Command::new("true").spawn().unwrap();
                worker.wait().unwrap();
            }
        });
        while !starting.is_finished() {
            Cache::builder().path(place.path()).open().unwrap().close().unwrap();
        }
    });
}

#[test]
fn the_judge_of_races_catches_two_winners_none_and_a_loser_that_is_told_wrong() {
    let said = |words: [&str; 3]| judge(&[(words[0].into(), 7), (words[1].into(), 8), (words[2].into(), 9)]);
    assert_eq!(said(["lost 8", "won", "lost 8"]), Ok(1));
    for wrong in [
        ["won", "won", "lost 7"],
        ["lost 7", "lost 7", "lost 7"],
        ["won", "lost 9", "lost 7"],
        ["won", "lost unknown", "lost 7"],
        ["won", "failed with something else", "lost 7"],
    ] {
        assert!(said(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_race_harness_catches_a_lock_that_is_taken_away() {
    let mut race = Race::new(1);
    let owner = race.start().unwrap();
    race.put(owner).unwrap();
    race.try_in_vain(owner).unwrap();
    // The owner creates the lock file again before it commits. The commit of the first sweep may therefore
    // hide one removal of the lock file.
    let is_caught = (0..3).any(|_| {
        fs::remove_file(race.place.dir().join("shop.larder.lock")).unwrap();
        race.try_in_vain(owner).is_err()
    });
    assert!(is_caught, "an error of an opener could not name the owner");
}

#[test]
fn the_race_harness_catches_a_loser_that_changes_the_file() {
    let mut race = Race::new(2);
    let owner = race.start().unwrap();
    race.put(owner).unwrap();
    let before = Standing::of(&race.place);
    let content = [before.content.as_slice(), b"x"].concat();
    fs::write(race.place.path(), content).unwrap();
    assert!(before != Standing::of(&race.place));
}
