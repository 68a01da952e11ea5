//! Measures how much live data fits in the file, and how much disk space the file takes, as percentages of
//! its capacity. `docs/adr/0009` and `docs/design.md`, "Room on disk", use these figures.
//!
//! For each value size, and for all sizes mixed, the bench writes three times the capacity. Two thirds of
//! the writes have new random keys, and one third overwrite keys that were written recently. The first
//! table has three figures: the keys and values that are live on disk at the end, the maximum size of the
//! allocated blocks (as `du` reports it), and the maximum length of the file. The second table shows
//! changes between value sizes in one cache.
//!
//! A further column shows redb alone, with a table of the same keys and values. redb has no records, no
//! expiry and no capacity. So the bench searches, in steps of 2 %, for the largest share of live data at
//! which the allocated blocks stay within the capacity. Each commit makes the same number of changes, and the
//! oldest entries are removed first.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program's output is its purpose")]

use std::collections::{HashMap, VecDeque};
use std::env;
use std::error::Error;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use larder::{ByteSize, Cache, Follower, KeyspaceDefinition};
use larder_benches::Pace;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redb::{Database, TableDefinition};

/// Capacities in MiB, unless `LARDER_CAPACITY_MIB` sets a single one.
const CAPACITIES_MIB: [u64; 2] = [4, 64];
/// How many times the capacity is written.
const ROUNDS: u64 = 3;
/// Number of times that the file's extent is read while the capacity is written once.
const LOOKS: u64 = 2048;
/// Value sizes in bytes. The last line of the table mixes all of them.
const SIZES: [usize; 4] = [100, 1_000, 5_000, 33_000];
/// Value sizes that are written one after another.
const CHANGES: [usize; 4] = [100, 5_000, 100, 33_000];

const VALUES: KeyspaceDefinition<u64, String> =
    KeyspaceDefinition::new("values").ttl(Duration::from_hours(24)).version(1);
const RAW: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("raw");

type Failed = Box<dyn Error>;

fn main() -> Result<(), Failed> {
    let Some(pace) = Pace::of_program("file_length") else { return Ok(()) };
    let given = env::var("LARDER_CAPACITY_MIB").ok().map(|mib| mib.parse()).transpose()?;
    let capacities = given.map_or_else(|| CAPACITIES_MIB.to_vec(), |mib| vec![mib]);
    for mib in capacities.into_iter().take(pace.pick(usize::MAX, 1)) {
        let capacity = ByteSize::mib(mib);
        println!("disk_capacity {capacity}, {ROUNDS} times that written, a third over live keys");
        println!("{:>16} | {:>8} {:>8} {:>8} | {:>14}", "value", "live", "taken", "length", "redb alone");
        for size in SIZES.into_iter().take(pace.pick(SIZES.len(), 0)) {
            Churn::new(capacity)?.run(&[size], Some(raw_share(capacity, size)?))?;
        }
        Churn::new(capacity)?.run(&SIZES, None)?;
        println!("one after another:");
        let mut churn = Churn::new(capacity)?;
        for size in CHANGES.into_iter().take(pace.pick(CHANGES.len(), 0)) {
            churn.run(&[size], None)?;
        }
    }
    Ok(())
}

struct Churn {
    dir: tempfile::TempDir,
    cache: Cache,
    capacity: u64,
    random: StdRng,
    sizes: HashMap<u64, u64>,
    recent: VecDeque<u64>,
}

impl Churn {
    fn new(capacity: ByteSize) -> Result<Self, Failed> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("churn.larder");
        let cache = Cache::builder().path(path).disk_capacity(capacity).memory_capacity(64 << 10).open()?;
        let (sizes, recent) = (HashMap::new(), VecDeque::new());
        Ok(Self { dir, cache, capacity: capacity.as_u64(), random: StdRng::seed_from_u64(42), sizes, recent })
    }

    fn run(&mut self, sizes: &[usize], raw: Option<u64>) -> Result<(), Failed> {
        let path = self.dir.path().join("churn.larder");
        let values = self.cache.keyspace(VALUES)?;
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        let live = usize::try_from(self.capacity)? / 3 / mean;
        let (mut written, mut looked, mut most) = (0, 0, (0, 0));
        while written < ROUNDS * self.capacity {
            let size = sizes.get(self.random.random_range(0..sizes.len())).copied().unwrap_or(mean);
            let key = self.key(live);
            values.insert(&key, "x".repeat(size))?;
            self.sizes.insert(key, size as u64);
            written += size as u64;
            if written - looked > self.capacity / LOOKS {
                looked = written;
                let found = extent(&path)?;
                most = (most.0.max(found.0), most.1.max(found.1));
            }
        }
        self.cache.flush()?;
        // A follower reads the file, so it does not find entries that are only in memory.
        let follower = Follower::open(&path)?;
        let on_disk = follower.keyspace(VALUES);
        let mut held = 0;
        for (key, size) in &self.sizes {
            held += if on_disk.get(key)?.is_some() { 8 + size } else { 0 };
        }
        let name = if sizes.len() == 1 { format!("{mean} B") } else { "all, mixed".to_owned() };
        let shares = [held, most.0, most.1].map(|part| percent(part, self.capacity));
        let raw = raw.map_or_else(String::new, |share| format!("{share} %"));
        println!("{name:>16} | {:>6.1} % {:>6.1} % {:>6.1} % | {raw:>14}", shares[0], shares[1], shares[2]);
        Ok(())
    }

    /// Returns a new key, or with a probability of one third, a key that was written recently.
    fn key(&mut self, live: usize) -> u64 {
        let count = self.recent.len();
        if count > 0 && self.random.random_range(0..3) == 0 {
            let back = self.random.random_range(0..live.clamp(1, count));
            if let Some(key) = self.recent.get(count - 1 - back) {
                return *key;
            }
        }
        let key = self.random.random();
        self.recent.push_back(key);
        if count > 4 * live + 1_000 {
            self.recent.pop_front();
        }
        key
    }
}

/// Returns the largest percentage of live keys and values with which redb alone stays within the capacity.
fn raw_share(capacity: ByteSize, size: usize) -> Result<u64, Failed> {
    let mut fits = 0;
    for share in (20..=90).step_by(2) {
        if !raw_fits(capacity.as_u64(), size, share)? {
            break;
        }
        fits = share;
    }
    Ok(fits)
}

fn raw_fits(capacity: u64, size: usize, share: u64) -> Result<bool, Failed> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("raw.redb");
    let db = Database::create(&path)?;
    let live = usize::try_from(capacity * share / 100 / (8 + size as u64))?.max(1);
    let per_commit = usize::try_from(capacity / 64 / 16_384)?.clamp(16, (1 << 16).min(live.max(16)));
    let per_commit = per_commit.min(usize::try_from(capacity / 32 / size as u64)?.max(1));
    let (mut random, mut keys) = (StdRng::seed_from_u64(42), VecDeque::new());
    let value = vec![b'x'; size];
    for _ in 0..=2 * live / per_commit {
        let mut txn = db.begin_write()?;
        txn.set_two_phase_commit(true);
        txn.set_quick_repair(true);
        {
            let mut table = txn.open_table(RAW)?;
            for _ in 0..per_commit {
                let key: u64 = random.random();
                table.insert(key, value.as_slice())?;
                keys.push_back(key);
                if keys.len() > live
                    && let Some(old) = keys.pop_front()
                {
                    table.remove(old)?;
                }
            }
        }
        txn.commit()?;
        if extent(&path)?.0 > capacity {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the size of the file's allocated blocks, and the file's length, both in bytes.
fn extent(path: &Path) -> Result<(u64, u64), Failed> {
    let found = fs::metadata(path)?;
    Ok((found.blocks() * 512, found.len()))
}

#[expect(clippy::cast_precision_loss, reason = "a file's length is below what a double tells apart")]
fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole as f64
}
