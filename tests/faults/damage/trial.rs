//! Runs in a child process: damages a file, uses it, and reports the outcome. The child reports each trial
//! before the trial begins, so the parent knows which trial ended the process.

use std::backtrace::Backtrace;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use larder::{Cache, Error, Follower, Keyspace};

use super::kinds::{DamageKind, Image, KINDS};
use super::truth::{self, IMAGES};
use crate::support::child::say;
use crate::support::{Key, Place, Random, WRITTEN, Written};

/// The first bytes of every redb file, the name of larder's metadata table, and the position of larder's
/// mark. A file is treated as foreign if it has neither the mark nor the first bytes together with the name,
/// unless it contains the identity that its lock file stores.
const MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";
const MARKER: &[u8] = b"larder.meta";
const MARK: std::ops::Range<usize> = 512..552;
/// Position of the file's identity within the mark.
const IDENTITY: std::ops::Range<usize> = 528..544;

/// Name of the file that holds the damaged bytes of the current trial, in the directory of the images.
pub(super) const ON_TRIAL: &str = "on-trial";
/// A group of keys that no image contains.
const NEW: u64 = 9;

/// An outcome that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Right,
    Missed,
    Quarantined,
    Refused,
}

/// Runs trials. `words` are `PLANT SEED…`, where `PLANT` is a fault to plant in each trial, or `none`.
pub(crate) fn run_trials(images: &Path, words: &[&str]) {
    // The cache catches panics of the store, so their messages are not printed. A panic that reaches the
    // caller is printed with its backtrace.
    let last: Arc<Mutex<Option<(String, Backtrace)>>> = Arc::default();
    let kept = last.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or("nowhere", |place| place.file());
        *kept.lock().unwrap() = Some((place.to_owned(), Backtrace::capture()));
    }));
    let read: Vec<Image> = IMAGES.iter().map(|(name, _)| truth::read_image(images, name)).collect();
    for seed in words[1..].iter().map(|seed| seed.parse::<u64>().unwrap()) {
        let kind = KINDS[usize::try_from(seed % KINDS.len() as u64).unwrap()];
        say(&format!("will {seed} {kind:?}"));
        let mut random = Random::of_round(seed);
        let image = usize::try_from(random.below(IMAGES.len() as u64)).unwrap();
        let is_accepted = (seed / KINDS.len() as u64).is_multiple_of(2);
        let mut trial =
            DamageTrial::new(images, kind, (&read[image], IMAGES[image].1), is_accepted, &mut random);
        fs::write(images.join(ON_TRIAL), &trial.damaged).unwrap();
        let done = catch_unwind(AssertUnwindSafe(|| trial.run(words[0], &mut random)));
        match done {
            Ok(Ok(outcome)) => say(&format!("did {seed} {outcome:?}")),
            Ok(Err(why)) => say(&format!("wrong {seed} on the {} image: {why}", IMAGES[image].0)),
            Err(panic) => {
                let (_, trace) = last.lock().unwrap().take().unwrap();
                eprintln!("{trace}");
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
                say(&format!("wrong {seed} a panic reached the caller: {}", text.replace('\n', " ")));
            }
        }
    }
    say("end");
}

struct DamageTrial {
    place: Place,
    kind: DamageKind,
    keys: u64,
    damaged: Vec<u8>,
    mark: Vec<u8>,
    /// The identity of the file, as the lock file stores it. `None` in the half of the trials without a lock
    /// file.
    accepted: Option<Vec<u8>>,
    verified: bool,
}

impl DamageTrial {
    fn new(
        images: &Path,
        kind: DamageKind,
        (image, keys): (&Image, u64),
        is_accepted: bool,
        random: &mut Random,
    ) -> Self {
        // The directory is inside the parent's directory, so the parent removes it even if this process
        // crashes.
        let dir = tempfile::tempdir_in(images).unwrap();
        let place = Place::at(dir, truth::clock());
        let damaged = kind.harm(image, random);
        if kind == DamageKind::HalfCreated {
            fs::write(place.dir().join("shop.larder.larder-new"), &damaged).unwrap();
        } else {
            fs::write(place.path(), &damaged).unwrap();
        }
        // A quarter of the files are opened without a check of every page. Then a lookup or a commit detects
        // the damage later.
        let mark = image.now[MARK].to_vec();
        let accepted = is_accepted.then(|| image.now[IDENTITY].to_vec());
        if is_accepted {
            fs::write(place.dir().join("shop.larder.lock"), &image.lock).unwrap();
        }
        Self { place, kind, keys, damaged, mark, accepted, verified: random.below(4) > 0 }
    }

    fn may_bring_back(&self) -> bool {
        self.kind.may_bring_back() || !self.verified
    }

    fn is_unrecognisable(&self, bytes: &[u8]) -> bool {
        let is_marked = bytes.get(MARK).is_some_and(|found| found == self.mark);
        let is_named = bytes.starts_with(MAGIC) && bytes.windows(MARKER.len()).any(|part| part == MARKER);
        let identity = self.accepted.as_ref().filter(|_| bytes.len() >= MARK.end);
        let is_accepted =
            identity.is_some_and(|identity| bytes.windows(identity.len()).any(|part| part == identity));
        !is_marked && !is_named && !is_accepted
    }

    fn open(&self, verified: bool) -> Result<Cache, Error> {
        let builder = Cache::builder().path(self.place.path()).clock(self.place.clock.clone());
        if verified { builder } else { builder.verify_on_open(0_u64) }.open()
    }

    fn run(&mut self, plant: &str, random: &mut Random) -> Result<Outcome, String> {
        match plant {
            "crash" => std::process::abort(),
            "panic" => panic!("planted"),
            _ => {}
        }
        if random.below(3) == 0 {
            self.follow()?;
        }
        let cache = match self.open(self.verified) {
            Ok(cache) => cache,
            Err(Error::Foreign { .. }) => return self.refused(),
            Err(error) => return Err(format!("it does not open: {error}")),
        };
        let aside = cache.stats().disk.and_then(|disk| disk.quarantined);
        if let Some(aside) = &aside {
            self.is_kept(aside)?;
        }
        let written = cache.keyspace(WRITTEN).map_err(|error| format!("no keyspace: {error}"))?;
        if plant == "wrong" {
            written.insert(&(0, 2), Written::new((0, 3), 1)).map_err(|error| error.to_string())?;
        }
        let right = self.judge_all(&written)?;
        let victim = (0, random.below(self.keys));
        let removed = Self::work(&written, victim)?;
        // These calls return an error if the disk tier is off.
        let is_safe = cache.flush().is_ok();
        drop(written);
        let is_safe = cache.close().is_ok() && is_safe;
        self.open_again(removed.then_some(victim), is_safe && self.verified)?;
        Ok(match (aside, right) {
            (Some(_), _) => Outcome::Quarantined,
            (None, true) => Outcome::Right,
            (None, false) => Outcome::Missed,
        })
    }

    /// Looks up every key twice, because the first lookup promotes an entry to memory. Returns whether
    /// exactly the keys of the image were found.
    fn judge_all(&self, written: &Keyspace<Key, Written>) -> Result<bool, String> {
        let mut all = true;
        for key in truth::all_keys(self.keys).chain(truth::all_keys(self.keys)) {
            let found = written.get(&key);
            truth::judge(self.keys, key, found.as_deref(), self.may_bring_back())?;
            all &= found.is_some() == truth::now(self.keys, key.1).is_some();
        }
        for (key, value) in written {
            if key.0 == 0 {
                truth::judge(self.keys, key, Some(&value), self.may_bring_back())?;
            }
        }
        Ok(all)
    }

    /// Inserts, looks up and removes entries, in any state of the disk. Returns whether the removal was
    /// acknowledged.
    fn work(written: &Keyspace<Key, Written>, victim: Key) -> Result<bool, String> {
        for key in (0..20).map(|key| (NEW, key)) {
            written.insert(&key, Written::new(key, 5)).map_err(|error| format!("no insert: {error}"))?;
            if written.get(&key).as_deref() != Some(&Written::new(key, 5)) {
                return Err(format!("{key:?} does not read what was written"));
            }
        }
        let removed = written.remove(&victim);
        if let Some(found) = written.get(&victim) {
            return Err(format!("{victim:?} was removed and is {}", found.version));
        }
        Ok(removed.is_ok())
    }

    fn open_again(&self, removed: Option<Key>, is_safe: bool) -> Result<(), String> {
        let cache = match self.open(true) {
            Ok(cache) => cache,
            Err(Error::Foreign { .. }) if !self.verified => return Ok(()),
            Err(error) => return Err(format!("it does not open again: {error}")),
        };
        let written = cache.keyspace(WRITTEN).map_err(|error| format!("no keyspace: {error}"))?;
        self.judge_all(&written)?;
        // If a page was not checked, a removal may not find a key in it. After changes of neighbouring
        // pages, the key can become visible again. The contract calls such a page an "older but valid
        // page".
        let removed = removed.filter(|_| self.verified);
        if let Some(key) = removed.filter(|key| written.get(key).is_some()) {
            return Err(format!("{key:?} was removed and came back"));
        }
        let lost = (0..20).find(|key| written.get(&(NEW, *key)).is_none());
        match lost.filter(|_| is_safe) {
            Some(key) => Err(format!("({NEW}, {key}) was committed to a verified file, and is lost")),
            None => Ok(()),
        }
    }

    /// Reads the file as a follower. A read may fail, but it must not return a wrong value or change the
    /// file.
    fn follow(&self) -> Result<(), String> {
        if let Ok(follower) = Follower::open_with_clock(self.place.path(), self.place.clock.clone()) {
            let written = follower.keyspace(WRITTEN);
            drop(follower.keyspaces());
            drop(written.keys());
            for key in truth::all_keys(self.keys) {
                let found = written.get(&key).unwrap_or(None);
                truth::judge(self.keys, key, found.as_ref(), true)
                    .map_err(|why| format!("followed: {why}"))?;
            }
        }
        if self.kind != DamageKind::HalfCreated && fs::read(self.place.path()).unwrap() != self.damaged {
            return Err("a follower changed the file".to_owned());
        }
        Ok(())
    }

    fn beside(&self, word: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(self.place.dir()).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.to_string_lossy().contains(word)).collect()
    }

    fn refused(&self) -> Result<Outcome, String> {
        if !self.is_unrecognisable(&self.damaged) {
            return Err("the file was refused, although it shows its owner".to_owned());
        }
        if self.kind.cuts() && self.damaged.len() >= MARK.end {
            return Err("it was cut, and refused".to_owned());
        }
        if fs::read(self.place.path()).unwrap() != self.damaged {
            return Err("it was refused and changed".to_owned());
        }
        if !self.beside(".damaged-").is_empty() {
            return Err("it was refused and moved aside".to_owned());
        }
        Ok(Outcome::Refused)
    }

    fn is_kept(&self, aside: &Path) -> Result<(), String> {
        let kept = fs::read(aside).map_err(|error| format!("{} is not there: {error}", aside.display()))?;
        if self.is_unrecognisable(&kept) {
            return Err("the file that was moved aside does not look like larder's".to_owned());
        }
        Ok(())
    }
}
