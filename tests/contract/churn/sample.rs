//! The resources of a process at one moment, and their bounds.

use std::fmt;
use std::fs;
use std::path::Path;

use larder::ByteSize;

pub(super) const DISK_CAPACITY: ByteSize = ByteSize::mib(4);

/// Maximum disk space of the file between commits. During a commit, the file may take more for a moment,
/// because redb lengthens it.
pub(super) const FILE_BOUND: u64 = DISK_CAPACITY.as_u64();

/// Maximum growth of resident memory after the warm-up, when both tiers are full and the allocator has its
/// arenas.
///
/// The cache may use 3.5 MiB: memory, write buffer and page cache. The allocator keeps about the same amount
/// again. A leak of one page per opening, or of 100 bytes per step, exceeds this bound within a minute.
const GROWTH: u64 = 12 << 20;
/// Maximum number of files: the cache file, its lock, and the files that reserve room for a full disk.
const MAX_FILES: u64 = 4;
/// Number of threads of an open cache: the writer and the sweeper.
const THREADS_OF_A_CACHE: u64 = 2;
/// Maximum number of descriptors of a cache: three for the file (one of them punches holes), one for its
/// anchor, and one for its lock. While another cache is refused, the lock has a second descriptor.
const DESCRIPTORS_OF_A_CACHE: u64 = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) is_open: bool,
    pub(super) file_bytes: u64,
    pub(super) resident_bytes: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
    pub(super) files: u64,
}

fn count(dir: impl AsRef<Path>) -> u64 {
    fs::read_dir(dir).unwrap().count() as u64
}

impl Sample {
    pub(super) fn take(path: &Path, when: &str) -> Self {
        let statm = fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            is_open: when == "open",
            file_bytes: crate::support::taken(path),
            resident_bytes: pages * rustix::param::page_size() as u64,
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            files: count(path.parent().unwrap()),
        }
    }

    pub(super) fn parse(line: &str) -> Self {
        let numbers: Vec<u64> = line.split(' ').skip(1).map(|word| word.parse().unwrap()).collect();
        let [is_open, file_bytes, resident_bytes, descriptors, threads, files] = numbers[..] else {
            panic!("not a sample: {line:?}")
        };
        Self { is_open: is_open == 1, file_bytes, resident_bytes, descriptors, threads, files }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_open, file_bytes, resident_bytes, descriptors, threads, files } = self;
        let is_open = u8::from(*is_open);
        write!(f, "sample {is_open} {file_bytes} {resident_bytes} {descriptors} {threads} {files}")
    }
}

/// Checks samples, which must be in the order in which they were taken. The first `warm_up` samples are the
/// baseline.
pub(super) fn check(samples: &[Sample], warm_up: usize) -> Result<(), String> {
    let (usual, later) = samples.split_at(warm_up.min(samples.len()));
    let most = |of: fn(&Sample) -> u64| usual.iter().map(of).max().unwrap_or(0);
    let resident = most(|sample| sample.resident_bytes) + GROWTH;
    let closed = |of: fn(&Sample) -> u64| usual.iter().find(|sample| !sample.is_open).map_or(0, of);
    let (descriptors, threads) = (closed(|sample| sample.descriptors), closed(|sample| sample.threads));
    for (at, sample) in samples.iter().enumerate() {
        let open = u64::from(sample.is_open);
        let bounds = [
            ("bytes of the file", sample.file_bytes, FILE_BOUND),
            ("files", sample.files, MAX_FILES),
            ("descriptors", sample.descriptors, descriptors + open * DESCRIPTORS_OF_A_CACHE),
            ("threads", sample.threads, threads + open * THREADS_OF_A_CACHE),
        ];
        if let Some((what, found, bound)) = bounds.into_iter().find(|(_, found, bound)| found > bound) {
            return Err(format!("sample {at} has {found} {what}; the bound is {bound}"));
        }
    }
    match later.iter().map(|sample| sample.resident_bytes).max() {
        Some(found) if found > resident => {
            Err(format!("{found} bytes are resident; after the warm-up {} were", resident - GROWTH))
        }
        _ => Ok(()),
    }
}

#[test]
fn the_check_catches_whatever_grows() {
    let sample = |is_open: bool| Sample {
        is_open,
        file_bytes: 1 << 20,
        resident_bytes: 20 << 20,
        descriptors: if is_open { 9 } else { 6 },
        threads: if is_open { 4 } else { 2 },
        files: 2,
    };
    let even: Vec<Sample> = (0..20).map(|at| sample(at % 2 == 0)).collect();
    check(&even, 6).unwrap();
    let grown = |grow: fn(&mut Sample)| {
        let mut samples = even.clone();
        grow(&mut samples[13]);
        check(&samples, 6).unwrap_err()
    };
    assert!(grown(|sample| sample.file_bytes = FILE_BOUND + 1).contains("of the file"));
    assert!(grown(|sample| sample.resident_bytes += GROWTH + 1).contains("resident"));
    assert!(grown(|sample| sample.descriptors += 1).contains("descriptors"));
    assert!(grown(|sample| sample.threads += 1).contains("threads"));
    assert!(grown(|sample| sample.files = 5).contains("files"));
    assert_eq!(Sample::parse(&even[1].to_string()), even[1]);
}
