//! The source behind the cache, and the acknowledged invalidations and writes.
//!
//! Each key has a source version and a *floor*. Both only increase. A lookup that begins now must not
//! return a version below the floor. The floor rises when an invalidation or a write returns. Both numbers
//! are also stored in a file, so they survive a kill. A crash may lose a buffered insert, so the file
//! stores only the part of the floor that is durable in the cache.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::support::{Key, Written};

pub(super) const GROUPS: u64 = 4;
pub(super) const KEYS: u64 = 12;

const WIDTH: u64 = 8;

/// The state of one key. Source versions begin at 1, so version 0 means that there is none yet.
#[derive(Debug, Default)]
struct Row {
    source: AtomicU64,
    floor: AtomicU64,
    durable: AtomicU64,
    /// Held while a thread changes the source. An insert and an update hold it until the cache has the
    /// change, because the cache does not order two racing writers of the source.
    changing: Mutex<()>,
    /// Held while a thread writes a floor to the file. Otherwise a lower floor could overwrite a higher
    /// floor.
    keeping: Mutex<()>,
}

#[derive(Debug)]
pub(super) struct Oracle {
    file: File,
    rows: Vec<Row>,
}

/// Permission to change the source of one key. At most one exists per key.
pub(super) struct Change<'a> {
    oracle: &'a Oracle,
    key: Key,
    _changing: MutexGuard<'a, ()>,
}

impl Change<'_> {
    /// Increments the source version, and returns the new version.
    pub(super) fn bump(&self) -> u64 {
        let row = self.oracle.row(self.key);
        let version = row.source.load(Ordering::SeqCst) + 1;
        // The version is stored in the file first. Otherwise the process after a crash could use the version
        // again.
        self.oracle.keep(self.key, 0, version);
        row.source.store(version, Ordering::SeqCst);
        version
    }
}

pub(super) fn all_keys() -> impl Iterator<Item = Key> {
    (0..GROUPS).flat_map(|group| (0..KEYS).map(move |key| (group, key)))
}

impl Oracle {
    pub(super) fn open(path: &Path) -> Self {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
        let len = GROUPS * KEYS * 2 * WIDTH;
        file.set_len(len).unwrap();
        let mut bytes = vec![0; usize::try_from(len).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        let numbers: Vec<u64> =
            bytes.chunks(8).map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap())).collect();
        let rows = numbers.chunks(2).map(|row| Row {
            source: AtomicU64::new(row[0].max(1)),
            floor: AtomicU64::new(row[1]),
            durable: AtomicU64::new(row[1]),
            ..Row::default()
        });
        let rows = rows.collect();
        Self { file, rows }
    }

    fn row(&self, key: Key) -> &Row {
        &self.rows[usize::try_from(key.0 * KEYS + key.1).unwrap()]
    }

    fn keep(&self, key: Key, column: u64, version: u64) {
        let at = ((key.0 * KEYS + key.1) * 2 + column) * WIDTH;
        self.file.write_all_at(&version.to_be_bytes(), at).unwrap();
    }

    pub(super) fn change(&self, key: Key) -> Change<'_> {
        Change { oracle: self, key, _changing: self.row(key).changing.lock().unwrap() }
    }

    /// Returns the current source version, as a loader reads it.
    pub(super) fn source(&self, key: Key) -> u64 {
        self.row(key).source.load(Ordering::SeqCst)
    }

    /// Returns the oldest version that a lookup that begins now may return.
    pub(super) fn floor(&self, key: Key) -> u64 {
        self.row(key).floor.load(Ordering::SeqCst)
    }

    /// Records that a buffered write of `version` has returned. From now on, no lookup in this process may
    /// return an older version.
    pub(super) fn wrote(&self, key: Key, version: u64) {
        self.row(key).floor.fetch_max(version, Ordering::SeqCst);
    }

    /// Records that an invalidation or a commit of `version` has returned. Older versions must never be
    /// returned again, even after a crash.
    pub(super) fn settled(&self, key: Key, version: u64) {
        self.wrote(key, version);
        let row = self.row(key);
        let _keeping = row.keeping.lock().unwrap();
        if row.durable.fetch_max(version, Ordering::SeqCst) < version {
            self.keep(key, 1, version);
        }
    }

    /// Checks the answer to a lookup. `floor` is the floor when the lookup began.
    pub(super) fn judge(&self, key: Key, floor: u64, answer: Option<&Written>) -> Result<(), String> {
        let Some(answer) = answer else { return Ok(()) };
        let source = self.source(key);
        if !answer.is_whole(key) {
            return Err(format!("{key:?} has a value that was never written: {answer:?}"));
        }
        if answer.version < floor {
            return Err(format!(
                "{key:?} is {}; everything below {floor} was gone when it was asked",
                answer.version
            ));
        }
        if answer.version > source {
            return Err(format!("{key:?} is {}, and its source has come to {source} only", answer.version));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_judge_catches_a_stale_answer_also_in_the_next_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("oracle");
        let (key, other) = ((2, 3), (2, 4));
        let oracle = Oracle::open(&path);
        for _ in 0..5 {
            oracle.change(key).bump();
        }
        assert_eq!((oracle.source(key), oracle.source(other)), (6, 1));
        oracle.settled(key, 4);
        oracle.wrote(key, 5);
        let judged = |oracle: &Oracle, version| {
            oracle.judge(key, oracle.floor(key), Some(&Written::new(key, version)))
        };
        assert!(judged(&oracle, 4).unwrap_err().contains("below 5"), "a write was seen");
        judged(&oracle, 5).unwrap();
        judged(&oracle, 6).unwrap();
        assert!(judged(&oracle, 7).is_err(), "it is from the future");
        oracle.judge(key, 5, None).unwrap();
        assert!(oracle.judge(key, 5, Some(&Written::new(other, 5))).is_err());
        drop(oracle);

        let next = Oracle::open(&path);
        assert_eq!(next.source(key), 6);
        judged(&next, 4).unwrap();
        assert!(judged(&next, 3).is_err(), "an invalidation outlives the process");
    }
}
