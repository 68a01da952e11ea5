//! Fuzzes settings. If all settings are within their ranges, the cache opens and works, unless the file
//! system refuses the file name. Otherwise the error names a setting that is wrong.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use larder::{ByteSize, Cache, CacheBuilder, Error, KeyspaceDefinition, MAX_TTL, MIN_TTL};

use crate::input::Input;

const HOUR: Duration = Duration::from_hours(1);
const SPACE: KeyspaceDefinition<u8, String> = KeyspaceDefinition::new("space");

/// The function under test, which opens a cache. The tests also pass one that silently corrects wrong
/// settings, and [`check`] must reject it.
pub(crate) type Open = fn(CacheBuilder) -> Result<Cache, Error>;

pub(crate) fn check(open: Open, data: &[u8]) {
    let mut input = Input::new(data);
    let settings = Settings::read(&mut input);
    let dir = tempfile::tempdir().unwrap();
    let mut builder = settings.builder();
    let (mut is_path_wrong, mut is_name_long) = (false, false);
    if settings.has_file {
        // The path is a single name in a temporary directory, so that the test can't touch other files.
        let name: Vec<u8> = input.rest().iter().copied().filter(|&byte| byte != b'/').collect();
        is_path_wrong = name.is_empty() || name == b"." || name == b"..";
        // With a longer name, the names of the files beside the cache file would exceed the limit of the file
        // system.
        is_name_long = name.len() > 224;
        builder = builder.path(dir.path().join(OsStr::from_bytes(&name)));
    }
    match open(builder) {
        Ok(cache) => {
            assert_eq!(settings.wrong(), [""; 0], "{settings:?} were accepted");
            assert!(!is_path_wrong && !is_name_long);
            works(&cache, &settings);
            // With these settings, the disk tier may be too small for any entry, and then `close` returns an
            // error.
            drop(cache.close());
        }
        Err(Error::InvalidSetting { setting, value, allowed }) => {
            assert!(!value.is_empty() && !allowed.is_empty());
            assert!(
                settings.wrong().contains(&setting) || (setting == "path" && (is_path_wrong || is_name_long)),
                "{setting} was refused in {settings:?}"
            );
        }
        // The file system may refuse the file name.
        Err(error) => {
            assert!(settings.has_file && settings.wrong().is_empty(), "{error} in {settings:?}");
            assert!(error.to_string().contains(&*dir.path().to_string_lossy()), "{error} names the path");
        }
    }
}

#[derive(Debug)]
struct Settings {
    memory: ByteSize,
    disk: ByteSize,
    write_buffer: ByteSize,
    page_cache: ByteSize,
    verify: ByteSize,
    flush: Duration,
    sweep: Duration,
    timeout: Duration,
    shards: usize,
    ttl: Duration,
    has_file: bool,
}

impl Settings {
    fn read(input: &mut Input<'_>) -> Self {
        // Each zero bit of the mask selects a usual value for a setting, so that not all settings are wrong
        // at once.
        let mask = input.u16();
        let mut at = 0;
        let mut or = |usual: u64, input: &mut Input<'_>| {
            at += 1;
            if mask >> at & 1 == 0 { usual } else { input.scaled() }
        };
        Self {
            memory: or(1 << 20, input).into(),
            disk: or(4 << 20, input).into(),
            write_buffer: or(1 << 20, input).into(),
            page_cache: or(1 << 20, input).into(),
            verify: or(1 << 20, input).into(),
            flush: Duration::from_nanos(or(1 << 30, input)),
            sweep: Duration::from_nanos(or(1 << 30, input)),
            timeout: Duration::from_nanos(or(0, input)),
            shards: usize::try_from(or(4, input)).unwrap(),
            ttl: Duration::from_micros(or(1 << 40, input)),
            has_file: mask & 1 == 1,
        }
    }

    fn builder(&self) -> CacheBuilder {
        Cache::builder()
            .memory_capacity(self.memory)
            .disk_capacity(self.disk)
            .write_buffer(self.write_buffer)
            .page_cache(self.page_cache)
            .verify_on_open(self.verify)
            .flush_interval(self.flush)
            .sweep_interval(self.sweep)
            .open_timeout(self.timeout)
            .shards(self.shards)
    }

    /// Returns the names of the settings whose values the documentation forbids.
    fn wrong(&self) -> Vec<&'static str> {
        let size = |value: ByteSize, least: ByteSize| (least..=ByteSize::gib(1 << 14)).contains(&value);
        let time = |value: Duration, least: Duration| (least..=HOUR).contains(&value);
        let millisecond = Duration::from_millis(1);
        [
            ("memory_capacity", size(self.memory, ByteSize::kib(64))),
            ("disk_capacity", size(self.disk, ByteSize::mib(1))),
            ("write_buffer", size(self.write_buffer, ByteSize::kib(64))),
            ("page_cache", size(self.page_cache, ByteSize::kib(64))),
            ("flush_interval", time(self.flush, millisecond)),
            ("sweep_interval", time(self.sweep, millisecond)),
            ("open_timeout", time(self.timeout, Duration::ZERO)),
            ("shards", (1..=4096).contains(&self.shards)),
        ]
        .into_iter()
        .filter_map(|(name, is_allowed)| (!is_allowed).then_some(name))
        .collect()
    }
}

fn works(cache: &Cache, settings: &Settings) {
    let space = match cache.keyspace(SPACE.ttl(settings.ttl)) {
        Ok(space) => space,
        Err(error) => {
            assert!(matches!(error, Error::InvalidSetting { setting: "ttl", .. }), "{error}");
            return assert!(!(MIN_TTL..=MAX_TTL).contains(&settings.ttl), "{error}");
        }
    };
    assert!((MIN_TTL..=MAX_TTL).contains(&settings.ttl), "{:?} was accepted", settings.ttl);
    space.insert(&7, "value".to_owned()).unwrap();
    let found = space.get(&7);
    let may_have_expired = settings.ttl < Duration::from_mins(1);
    assert!(found.is_some() || may_have_expired, "an entry is lost with {settings:?}");
    assert!(found.is_none_or(|found| *found == "value"));
    assert!(cache.stats().memory.weight <= settings.memory);
}
