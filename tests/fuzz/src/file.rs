//! Fuzzes whole files, because the file at the path may contain anything. Opening returns a cache or an
//! error. A foreign file is left unchanged, and no damaged entry is served.
//!
//! A cache file is too long for an input. So most inputs are not files, but lists of edits to a file that
//! the target makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use larder::inspect::Inspector;
use larder::testing::bytes;
use larder::{ByteSize, Cache, CacheBuilder, Error, KeyspaceDefinition};

use crate::input::Input;

const SPACE: KeyspaceDefinition<u64, Vec<u8>> =
    KeyspaceDefinition::new("space").ttl(Duration::from_hours(87_600));
const ENTRIES: u64 = 40;
const PAGE: usize = 4096;
const MAX_EDITS: usize = 32;

/// The function under test, which opens a cache. The tests also pass a broken one.
pub(crate) type Open = fn(&Path, CacheBuilder) -> Result<Cache, Error>;

pub(crate) fn check(open: Open, data: &[u8]) {
    let mut input = Input::new(data);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fuzz.larder");
    let base = input.below(6);
    let is_verified = input.flag();
    let content = match base {
        0 => Some(input.rest().to_vec()),
        1 => None,
        2 => Some(edited(left_open().to_vec(), &mut input)),
        _ => Some(edited(closed().to_vec(), &mut input)),
    };
    if let Some(content) = &content {
        fs::write(&path, content).unwrap();
    }
    let beside = [path.with_extension("larder.lock"), path.with_extension("larder.larder-new")];
    let stray = if base == 1 { input.below(3) } else { 2 };
    if let Some(stray) = beside.get(stray) {
        fs::write(stray, input.rest()).unwrap();
    }
    let seen = shows_nothing_wrong(&path);
    assert!(fs::read(&path).ok() == content, "looking changed the file; it said {seen:?}");
    let builder = Cache::builder().path(&path).shards(1).verify_on_open(if is_verified {
        ByteSize::mib(16)
    } else {
        ByteSize::bytes(0)
    });
    match open(&path, builder) {
        Ok(cache) => serves_nothing_wrong(&cache, dir.path()),
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains(&*dir.path().to_string_lossy()), "{text}: no path");
            let left = fs::read(&path).ok();
            let is_ours_to_change = !matches!(
                error,
                Error::Foreign { .. } | Error::NewerFormat { .. } | Error::UnknownFeatures { .. }
            );
            assert!(is_ours_to_change || left == content, "a file that is not ours was changed: {text}");
            assert!(content.is_none() || left.is_some(), "a file is gone: {text}");
        }
    }
}

fn value_of(number: u64) -> Vec<u8> {
    number.to_be_bytes().repeat(16)
}

/// Reads the whole file with an inspector, and checks that it shows no damaged value.
fn shows_nothing_wrong(path: &Path) -> Result<(), Error> {
    let inspector = Inspector::open(path)?;
    let snapshot = inspector.snapshot()?;
    snapshot.unswept()?;
    for keyspace in snapshot.keyspaces() {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = snapshot.page(keyspace, &[], after.as_deref(), 16)?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for entry in page {
                let Some(record) = entry.finding.live() else { continue };
                let number = bytes::decode_key(&entry.key).unwrap();
                assert_eq!(
                    *record.payload().unwrap(),
                    bytes::encode(larder::Format::Bincode, &value_of(number)).unwrap().0,
                    "a damaged value was shown"
                );
                let spelled = keyspace.spell_key(&entry.key);
                if let Some(shape) = keyspace.shape() {
                    assert_eq!(shape.parse_key(&spelled).unwrap(), entry.key, "{spelled} is another key");
                }
            }
        }
    }
    drop(snapshot);
    inspector.verify(&mut |_, _| {})?;
    Ok(())
}

fn serves_nothing_wrong(cache: &Cache, dir: &Path) {
    let space = cache.keyspace(SPACE).unwrap();
    for number in 0..ENTRIES {
        if let Some(found) = space.get(&number) {
            assert_eq!(*found, value_of(number), "a damaged value was served");
        }
    }
    space.insert(&ENTRIES, value_of(ENTRIES)).unwrap();
    assert_eq!(*space.get(&ENTRIES).unwrap(), value_of(ENTRIES), "a new entry is found");
    // An invalidation must hold even if the disk tier is off.
    if space.remove(&0).is_ok() {
        assert!(space.get(&0).is_none(), "a removed entry was served");
    }
    if let Some(moved) = cache.stats().disk.and_then(|disk| disk.quarantined) {
        assert!(moved.starts_with(dir) && moved.exists(), "the damaged file is kept");
    }
    drop(space);
    drop(cache.close());
}

/// Edits a file as damage or another program could.
fn edited(mut file: Vec<u8>, input: &mut Input<'_>) -> Vec<u8> {
    for _ in 0..MAX_EDITS {
        if input.is_empty() || file.is_empty() {
            break;
        }
        let kind = input.below(9);
        let pages = file.len().div_ceil(PAGE);
        let page = usize::from(input.u16()) % pages * PAGE;
        let end = (page + PAGE).min(file.len());
        let within = page + usize::from(input.u16()) % (end - page);
        match kind {
            0 => file[within] ^= 1 << input.below(8),
            1 => file[within] = input.byte(),
            2 => file[page..end].fill(input.byte()),
            3 => file.truncate(within),
            4 => file.extend(vec![input.byte(); within - page]),
            // The first 512 bytes contain the header of the store, with its roots.
            5 => file[within % 512] ^= 1 << input.below(8),
            6 => {
                let from = usize::from(input.u16()) % pages * PAGE;
                let until = (from + end - page).min(file.len());
                file.copy_within(from..until, page);
            }
            7 => {
                let bytes = input.short();
                let len = bytes.len().min(file.len() - within);
                file[within..within + len].copy_from_slice(&bytes[..len]);
            }
            _ => file.clear(),
        }
    }
    file
}

/// Returns the bytes of a cache file after a clean close.
fn closed() -> &'static [u8] {
    static CLOSED: OnceLock<Vec<u8>> = OnceLock::new();
    CLOSED.get_or_init(|| {
        made(|path, cache| {
            cache.close().unwrap();
            fs::read(path).unwrap()
        })
    })
}

/// Returns the bytes of a cache file as they are after its owner has been killed.
fn left_open() -> &'static [u8] {
    static LEFT_OPEN: OnceLock<Vec<u8>> = OnceLock::new();
    LEFT_OPEN.get_or_init(|| {
        made(|path, cache| {
            cache.flush().unwrap();
            let copy = fs::read(path).unwrap();
            cache.close().unwrap();
            copy
        })
    })
}

fn made(finish: impl FnOnce(&PathBuf, &Cache) -> Vec<u8>) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fuzz.larder");
    let cache = Cache::builder().path(&path).open().unwrap();
    let space = cache.keyspace(SPACE).unwrap();
    for number in 0..ENTRIES {
        space.insert(&number, value_of(number)).unwrap();
    }
    drop(space);
    finish(&path, &cache)
}
