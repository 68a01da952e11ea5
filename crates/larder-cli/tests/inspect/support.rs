//! The cache file of a shop, and functions that run the command on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use larder::clock::ManualClock;
use larder::testing::await_first_sweep;
use larder::{Cache, Format, InsertOptions, KeyspaceDefinition, Timestamp};
use serde::{Deserialize, Serialize};

use crate::watchdog::{Watch, patience};

/// The beginning of the year 2100. The command uses the later of its clock and the last commit of the file.
/// The commit in 2100 is later, so the output is the same in each run.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(4_102_444_800_000);

pub(crate) const HOUR: Duration = Duration::from_hours(1);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Product {
    pub(crate) name: String,
    pub(crate) price: u64,
}

/// A product with another field name. Its encoding is the same, but the type has another fingerprint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RenamedProduct {
    pub(crate) title: String,
    pub(crate) price: u64,
}

pub(crate) const PRODUCTS: KeyspaceDefinition<String, Product> =
    KeyspaceDefinition::new("product").schema("larder-product").ttl(HOUR).version(1);
/// The keyspace of products after a release that renamed a field and kept the version.
pub(crate) const RENAMED: KeyspaceDefinition<String, RenamedProduct> =
    KeyspaceDefinition::new("product").ttl(HOUR).version(1);
pub(crate) const PACKAGES: KeyspaceDefinition<(String, String), u64> =
    KeyspaceDefinition::new("data_package").schema("larder-product").ttl(HOUR).version(1);
pub(crate) const SESSIONS: KeyspaceDefinition<(i32, Vec<u8>), String> =
    KeyspaceDefinition::new("session").ttl(HOUR);

pub(crate) const KEPT: KeyspaceDefinition<u64, String> =
    KeyspaceDefinition::new("kept").ttl(HOUR).memory_only();

const SETTINGS: KeyspaceDefinition<String, serde_json::Value> =
    KeyspaceDefinition::new("setting").ttl(HOUR).format(Format::MessagePack);
const PAGES: KeyspaceDefinition<String, String> =
    KeyspaceDefinition::new("page").ttl(HOUR).format(Format::Raw);

pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn dir(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("shop.larder")
    }

    /// Opens a cache in the year 2100.
    pub(crate) fn open(&self) -> (Cache, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::starting_at(NOW));
        let builder =
            Cache::builder().path(self.path()).clock(clock.clone()).flush_interval(HOUR).sweep_interval(HOUR);
        let cache = builder.disk_capacity(64 << 20).open_timeout(Duration::from_secs(10)).open().unwrap();
        await_first_sweep(&cache).unwrap();
        (cache, clock)
    }

    /// Creates a shop's file: five products, one of them expired, a package, and a session.
    pub(crate) fn shop(&self) {
        self.open_shop().close().unwrap();
    }

    /// Creates `settings.larder`, with values that can be read without their type.
    pub(crate) fn settings(&self) {
        let clock = Arc::new(ManualClock::starting_at(NOW));
        let builder = Cache::builder().path(self.dir().join("settings.larder")).clock(clock);
        let cache = builder.open().unwrap();
        let settings = cache.keyspace(SETTINGS).unwrap();
        let banks = serde_json::json!({"banks": ["GTB", "UBA"], "limit": 5000, "rates": {"card": 1.5}});
        settings.insert("payment", banks).unwrap();
        let pages = cache.keyspace(PAGES).unwrap();
        pages.insert("/help", "<h1>Help</h1>\n<p>Call 121.</p>\n".to_owned()).unwrap();
        cache.close().unwrap();
    }

    /// Creates the shop's file. Returns its cache, flushed and still open.
    pub(crate) fn open_shop(&self) -> Cache {
        let (cache, clock) = self.open();
        let products = cache.keyspace(PRODUCTS).unwrap();
        let product = |name: &str, price| Product { name: name.to_owned(), price };
        let short = InsertOptions::new().ttl(Duration::from_secs(30));
        products.insert_with("GLOVTU", product("Glo airtime", 100), short).unwrap();
        products.insert("MTNVTU", product("MTN airtime", 100)).unwrap();
        products.insert("MTNDATA", product("MTN data", 300)).unwrap();
        products.insert("AIRTEL", product("Airtel airtime", 100)).unwrap();
        let packages = cache.keyspace(PACKAGES).unwrap();
        packages.insert(&("MTNDATA", "DATA_1GB"), 300).unwrap();
        let sessions = cache.keyspace(SESSIONS).unwrap();
        sessions.insert(&(-7, [1_u8, b'x', 255]), "one \"session\"\n".to_owned()).unwrap();
        cache.flush().unwrap();
        clock.advance(Duration::from_mins(1));
        // A commit advances the time in the file. The next sweep is not due yet.
        products.insert("ETISALAT", product("9mobile airtime", 100)).unwrap();
        cache.flush().unwrap();
        cache
    }
}

pub(crate) fn larder(dir: &Path, arguments: &[&str]) -> Output {
    let _watch = Watch::over(format!("larder {arguments:?}"), patience());
    command(dir, arguments).output().expect("the built command runs")
}

pub(crate) fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.args(arguments).current_dir(dir).env_remove("LARDER_URL");
    command
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Returns the output and the exit code, for the message of a failed assertion.
pub(crate) fn transcript(output: &Output) -> String {
    format!("{}{}code {:?}", stdout(output), stderr(output), output.status.code())
}

/// Runs a command, and checks its exit code. Returns its standard output.
pub(crate) fn printed(dir: &Path, arguments: &[&str], code: i32) -> String {
    let output = larder(dir, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", transcript(&output));
    stdout(&output)
}

/// Names the calling thread. A process that it forks inherits the name.
pub(crate) fn name_this_thread(name: &str) {
    std::fs::write("/proc/thread-self/comm", name).unwrap();
}
