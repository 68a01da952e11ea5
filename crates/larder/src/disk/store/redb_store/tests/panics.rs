//! Makes each read of the file panic once, in four calls that change the file. The panic must become an
//! error, and must not abort the process.

use std::path::Path;

use redb::StorageBackend;

use super::*;
use crate::sys::sync::{AtomicU64, Ordering};
use crate::sys::volume::Volume;
use crate::sys::volume::file::VolumeFile;
use crate::testing::volume::SimulatedVolume;

const PATH: &str = "/cache/file";

/// A file whose `read` panics once, after a number of reads.
#[derive(Debug)]
struct Panicking {
    file: VolumeFile,
    reads_left: Arc<AtomicU64>,
}

impl StorageBackend for Panicking {
    fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        // The counter wraps around, so no later read panics.
        assert!(self.reads_left.fetch_sub(1, Ordering::SeqCst) != 0, "planted");
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.file.write(offset, data)
    }
}

/// Opens a store that keeps no page in memory. Returns the store and the number of reads left before the
/// panic.
fn store_of(disk: &SimulatedVolume) -> (Store, Arc<AtomicU64>) {
    let reads_left = Arc::new(AtomicU64::new(u64::MAX));
    let file = Volume::open(disk, Path::new(PATH), true).unwrap();
    let file = Panicking { file, reads_left: reads_left.clone() };
    let db = redb::Builder::new().set_cache_size(0).create_with_backend(file).unwrap();
    if read_catalog(&db).is_err() {
        Store::initialise(&db, &Catalog::fresh(NOW, Identities::default())).unwrap();
    }
    let room = StoreLimits { live_limit: 4_000, max_evictions: usize::MAX };
    (Store::new(db, room, Identities::default()).unwrap(), reads_left)
}

type Change = fn(&mut Store, KeyspaceId) -> Result<(), StoreError>;

const CHANGES: [(&str, Change); 4] = [
    ("a commit", |store, id| {
        let mut changes: Vec<_> =
            (0..40).map(|number| put(&key(id, &format!("{number:02}")), 4, LATER)).collect();
        changes.push(EntryChange::deletion(key(id, "gone").to_vec(), 4));
        let prefix = Scope::prefix([&id.to_bytes()[..], b"1"].concat());
        let range = removal(prefix, 5);
        let wanted = [wanted(7)];
        let batch = Batch {
            sweep: 10,
            register: &wanted,
            now: LATER,
            ..batch(&changes, std::slice::from_ref(&range))
        };
        store.note_cumulative_stats(CumulativeStats::default());
        store.commit(&batch).map(drop)
    }),
    ("a part of a removal", |store, _| store.delete_next_part(RANGE_ROWS).map(drop)),
    ("a wipe", |store, _| store.wipe(LATER)),
    ("moving pages", |store, _| store.move_pages().map(drop)),
];

fn removal(scope: Scope, sequence: u64) -> RangeRemoval {
    let range = RangeTombstone { scope, sequence };
    RangeRemoval { range, memory_keys: vec![], unlisted: 0, on_disk: 0 }
}

#[test]
fn a_panic_at_any_read_is_an_error_and_never_the_end_of_the_process() {
    let disk = SimulatedVolume::new();
    let (mut store, _) = store_of(&disk);
    let id = registered(&mut store, 0).registered[0];
    let puts: Vec<_> = (0..30).map(|number| put(&key(id, &format!("{number:02}")), 3, LATER)).collect();
    store.commit(&batch(&puts, &[])).unwrap();
    let large = removal(Scope::prefix(id.to_bytes()), 2);
    store.commit(&Batch { range_rows: 4, ..batch(&[], std::slice::from_ref(&large)) }).unwrap();
    store.close().unwrap();
    for (name, change) in CHANGES {
        let mut panics = 0;
        for reads in 0.. {
            let (mut store, reads_left) = store_of(&disk.copy());
            reads_left.store(reads, Ordering::SeqCst);
            let changed = change(&mut store, id);
            let has_panicked = reads_left.load(Ordering::SeqCst) > reads;
            reads_left.store(u64::MAX, Ordering::SeqCst);
            match changed {
                Err(error) => {
                    let is_damage = error.kind == StoreErrorKind::Damage;
                    assert!(is_damage && has_panicked, "{name}, {reads}: {error}");
                }
                Ok(()) => assert!(!has_panicked, "{name}, {reads}: the panic is lost"),
            }
            if !has_panicked {
                break;
            }
            panics += 1;
        }
        assert!(panics > 5, "{name}: only {panics} reads");
    }
}
