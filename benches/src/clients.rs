//! More Redis clients for plain cache-aside: the crate `fred`, and Django's cache over django-redis.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface};
use fred::types::Builder;
use fred::types::Expiration;
use fred::types::config::{Config, ServerConfig};
use tokio::runtime::{self, Runtime};

use crate::nodes::TTL_SECONDS;
use crate::peers::fjall::{decode, encode};
use crate::workload::{Page, key};

type ClientError = Box<dyn Error>;

/// The Python packages, at the newest versions with which the tests of `larder serve` run.
const PYTHON_PACKAGES: [&str; 3] = ["django-redis==7.0.0", "Django==5.2.8", "redis==8.1.0"];
/// Name of [`Django`] in a contest.
pub const DJANGO: &str = "django-redis 7.0.0";

/// A client of the crate `fred`. Its connection runs on the caller's thread.
#[expect(missing_debug_implementations, reason = "a runtime has no useful one")]
pub struct Fred {
    runtime: Runtime,
    client: Client,
}

impl Fred {
    /// Connects to a server.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub fn connect(socket: &Path) -> Result<Self, ClientError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let config = Config { server: ServerConfig::new_unix_socket(socket), ..Config::default() };
        let client = Builder::from_config(config).build()?;
        runtime.block_on(client.init())?;
        Ok(Self { runtime, client })
    }

    /// Looks up a page. If it is missing, loads and stores it. Returns whether it was loaded.
    ///
    /// # Errors
    /// Fails if the server does not answer.
    pub fn lookup(&self, number: usize) -> Result<bool, ClientError> {
        let key = key(number);
        self.runtime.block_on(async {
            let page: Option<Vec<u8>> = self.client.get(&key).await?;
            if page.is_some_and(|page| decode(&page).is_some()) {
                return Ok(false);
            }
            let page = encode(&Page::of(number));
            let expiration = Some(Expiration::EX(i64::try_from(TTL_SECONDS)?));
            self.client.set::<(), _, _>(&key, page.as_slice(), expiration, None, false).await?;
            Ok(true)
        })
    }
}

/// A Python process that uses Django's cache over django-redis.
#[derive(Debug)]
pub struct Django {
    process: Child,
    asks: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Django {
    /// Starts Python, in an environment that pip fills on the first call.
    ///
    /// # Errors
    /// Fails if there is no Python, or if pip can't install the packages.
    pub fn start(socket: &Path) -> Result<Self, ClientError> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("django_redis_lookups.py");
        let mut command = Command::new(python()?);
        command.arg(script).arg(socket).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let (asks, says) = process.stdin.take().zip(process.stdout.take()).ok_or("Python has no pipes")?;
        Ok(Self { process, asks, says: BufReader::new(says) })
    }

    /// Looks up `count` pages, and loads and stores those that are missing. Returns the mean nanoseconds
    /// per lookup, as Python measures them, and the number of loads.
    ///
    /// # Errors
    /// Fails if Python has ended, for example because the server does not answer.
    pub fn lookups(&mut self, first: usize, count: usize) -> Result<(f64, usize), ClientError> {
        writeln!(self.asks, "{first} {count}")?;
        self.asks.flush()?;
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        let (nanos, loads) = line.trim().split_once(' ').ok_or("Python has ended")?;
        Ok((nanos.parse()?, loads.parse()?))
    }
}

impl Drop for Django {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Returns the path of Python in an environment with the packages. If the environment is missing, creates
/// it below the build directory.
fn python() -> Result<PathBuf, ClientError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let dir = target.join("larder-bench-python");
    let (python, stamp) = (dir.join("bin/python"), dir.join("packages.txt"));
    let wanted = PYTHON_PACKAGES.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PYTHON_PACKAGES))?;
    fs::write(stamp, wanted)?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), ClientError> {
    let output = command.output().map_err(|error| format!("Python does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = text.lines().last().unwrap_or_default();
    Err(format!("pip can't install the packages: {last}").into())
}
