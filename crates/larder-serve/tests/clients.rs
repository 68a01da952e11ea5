//! Tests with real, unmodified clients: redis-py, Django with django-redis, the test suites of Django and of
//! django-redis, and redis-cli.
//!
//! pip installs the Python clients into environments in the build directory, at the versions in
//! `clients/requirements.txt` and `clients/requirements-newest.txt`. If pip can't install them, the tests
//! print the reason and are skipped.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use larder::KeyspaceDefinition;
use larder_serve::Address;

use crate::resp::RespClient;
use crate::skip::skip;
use crate::support::Served;

const DJANGO: &str = "5.1.4";
const DJANGO_REDIS: &str = "5.4.0";

/// The Python environment with the client versions whose scripts the server knows.
static PYTHON: LazyLock<Option<PathBuf>> = LazyLock::new(|| environment("clients", "requirements.txt"));

/// The Python environment with the newest client versions that were tested.
static NEWEST_PYTHON: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| environment("clients-newest", "requirements-newest.txt"));

/// Makes an environment with Python packages. If that fails, prints the reason and returns `None`.
fn environment(name: &str, requirements: &str) -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = dir.join("bin/python");
    let requirements = scripts().join(requirements);
    let stamp = dir.join("requirements.txt");
    if std::fs::read(&stamp).ok() == std::fs::read(&requirements).ok() {
        return Some(python);
    }
    let made = run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir)).and_then(|_| {
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements))
    });
    match made {
        Ok(_) => {
            std::fs::copy(&requirements, &stamp).unwrap();
            Some(python)
        }
        Err(reason) => {
            skip(format_args!("the Python clients cannot be installed: {reason}"));
            None
        }
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide.md")
}

/// Runs a command until it ends. An error contains the command's output.
fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let text =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    Err(format!("{command:?} has failed:\n{text}"))
}

/// Starts a server on a TCP port. Also returns its URL for Redis clients.
fn serve() -> (Served, String) {
    let served = Served::with(|builder| builder.listen("127.0.0.1:0").keyspace("product"));
    let addresses = served.server.as_ref().unwrap().addresses();
    let port = addresses.iter().find_map(|address| match address {
        Address::Tcp(address) => Some(address.port()),
        _ => None,
    });
    let url = format!("redis://127.0.0.1:{}/1", port.unwrap());
    (served, url)
}

fn run_script(python: Option<&PathBuf>, name: &str) {
    let Some(python) = python else { return };
    let (_served, url) = serve();
    let mut command = Command::new(python);
    command.arg(scripts().join(name)).env("REDIS_URL", url).env("GUIDE", guide());
    let output = run(&mut command);
    println!("{}", String::from_utf8_lossy(&output.unwrap().stdout));
}

#[test]
fn redis_py_locks_pipelines_and_the_windows_of_limits_work() {
    run_script(PYTHON.as_ref(), "locks.py");
}

#[test]
fn the_newest_clients_work_as_the_pinned_ones_do() {
    run_script(NEWEST_PYTHON.as_ref(), "locks.py");
    run_script(NEWEST_PYTHON.as_ref(), "shop.py");
}

#[test]
fn the_shops_django_settings_work_with_two_workers_and_only_the_url_changed() {
    run_script(PYTHON.as_ref(), "shop.py");
}

/// Returns the directory of a source distribution, such as `Django-5.1.4`. If it can't be downloaded, prints
/// the reason and returns `None`.
fn source_of(python: &Path, package: &str, directory: &str) -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sources");
    let source = dir.join(directory);
    if source.join("setup.py").exists() || source.join("tests/runtests.py").exists() {
        return Some(source);
    }
    let options =
        ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", package, "--dest"];
    let archive = dir.join(format!("{directory}.tar.gz"));
    let unpacked = run(Command::new(python).args(options).arg(&dir))
        .and_then(|_| run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&dir)));
    match unpacked {
        Ok(_) => Some(source),
        Err(reason) => {
            skip(format_args!("the tests of {package} cannot be had: {reason}"));
            None
        }
    }
}

/// The directory of Django's own tests, from its source distribution.
static DJANGO_TESTS: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let source = source_of(PYTHON.as_ref()?, &format!("Django=={DJANGO}"), &format!("Django-{DJANGO}"))?;
    Some(source.join("tests"))
});

/// Runs these labels of Django's own tests with the server as the cache. Checks that at least `at_least`
/// tests have run.
fn run_django(labels: &[&str], at_least: usize) {
    let (Some(python), Some(tests)) = (&*PYTHON, &*DJANGO_TESTS) else { return };
    let (_served, url) = serve();
    // The tests choose the database number themselves.
    let url = url.strip_suffix("/1").unwrap_or(&url);
    let mut command = Command::new(python);
    command.arg("runtests.py").args(labels).args([
        "--settings",
        "django_settings",
        "--parallel",
        "1",
        "-v",
        "1",
    ]);
    command.current_dir(tests).env("REDIS_URL", url).env("PYTHONPATH", scripts());
    let output = run(&mut command).unwrap();
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    let ran =
        report.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse::<usize>().ok());
    assert!(ran.is_some_and(|ran| ran >= at_least), "{report}");
    println!("{report}");
}

#[test]
fn djangos_own_tests_of_its_redis_cache_pass() {
    run_django(&["cache.tests.RedisCacheTests"], 60);
}

#[test]
fn djangos_own_tests_of_sessions_in_the_cache_pass() {
    run_django(&["sessions_tests.tests.CacheSessionTests", "sessions_tests.tests.CacheDBSessionTests"], 60);
}

/// No test is left out, because this version of django-redis has no calls for values other than strings.
#[test]
fn the_own_tests_of_django_redis_pass() {
    let Some(python) = &*PYTHON else { return };
    let (package, directory) =
        (format!("django-redis=={DJANGO_REDIS}"), format!("django-redis-{DJANGO_REDIS}"));
    let Some(source) = source_of(python, &package, &directory) else { return };
    let (_served, url) = serve();
    let mut command = Command::new(python);
    command.args(["-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", ".", "-p", "no:cacheprovider"]);
    command.args(["--ds=django_redis_settings", "tests"]);
    command.current_dir(&source).env("REDIS_URL", url);
    command.env("PYTHONPATH", format!("{}:tests", scripts().display()));
    let output = run(&mut command).unwrap();
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let passed = report.lines().last().and_then(|line| line.split(' ').next()?.parse::<usize>().ok());
    assert!(passed.is_some_and(|passed| passed >= 127), "{report}");
    println!("{report}");
}

/// Runs redis-cli. If it is not installed, prints the reason and returns `None`.
pub(crate) fn redis_cli(served: &Served, args: &[&str]) -> Option<String> {
    let mut command = Command::new("redis-cli");
    command.arg("-s").arg(&served.socket).args(args);
    match command.output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
            assert!(output.status.success(), "{command:?}: {text:?}");
            Some(text.concat())
        }
        Err(error) => {
            skip(format_args!("this machine has no redis-cli: {error}"));
            None
        }
    }
}

/// Runs `redis-cli --stat`, which never ends, until it has printed `lines` lines of numbers. Returns how many
/// of these lines begin with 300, the number of keys.
fn stat_lines(served: &Served, lines: usize) -> usize {
    let mut command = Command::new("redis-cli");
    command.arg("-s").arg(&served.socket).args(["--stat", "-i", "0.05"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap()).lines();
    let shown: Vec<String> = output.map_while(Result::ok).skip(2).take(lines).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    shown.iter().filter(|line| line.split_whitespace().next() == Some("300")).count()
}

#[test]
fn the_modes_of_redis_cli_work() {
    let served = Served::new();
    let mut client = RespClient::connect(&served.socket).unwrap();
    for number in 0..300 {
        client.ask(&["SET", &format!("key:{number}"), &"x".repeat(number)]);
    }
    let Some(pong) = redis_cli(&served, &["ping"]) else { return };
    assert_eq!(pong.trim(), "PONG");
    let ask = |args: &[&str]| redis_cli(&served, args).unwrap();
    assert_eq!(ask(&["--scan", "--pattern", "key:29?"]).lines().count(), 10);
    let big = ask(&["--bigkeys"]);
    assert!(big.contains("Biggest string found '\"key:299\"' has 299 bytes"), "{big}");
    assert!(big.contains("300 strings with"), "{big}");
    let memory = ask(&["--memkeys"]);
    assert!(memory.contains("Biggest string found '\"key:299\"' has 466 bytes"), "{memory}");
    assert_eq!(stat_lines(&served, 3), 3, "the lines of --stat have the numbers of keys and clients");
    // The output is not a terminal, so redis-cli prints one sample of the latency.
    assert!(ask(&["--latency", "--raw", "-i", "1"]).split(' ').count() >= 4);
    assert!(ask(&["INFO", "stats"]).contains("keyspace_hits"));
    assert!(ask(&["INFO", "memory"]).contains("used_memory_human"));
    assert!(ask(&["-3", "CONFIG", "GET", "maxmemory"]).contains("maxmemory"));
    assert!(ask(&["COMMAND", "DOCS", "get"]).contains("Returns the string value of a key."));
}

#[test]
fn the_commands_of_the_guide_work_as_they_stand() {
    let text = std::fs::read_to_string(guide()).unwrap();
    let (_, section) = text.split_once("### Several processes").unwrap();
    let (section, _) = section.split_once("\n### ").unwrap();
    let commands: Vec<&str> = section.lines().filter(|line| line.starts_with("redis-cli")).collect();
    assert_eq!(commands.len(), 6, "{commands:?}");
    let (served, url) = serve();
    let products = KeyspaceDefinition::<String, u64>::new("product");
    let products = served.cache.keyspace(products).unwrap();
    products.insert("product_MTNVTU", 100).unwrap();
    let port = url.trim_start_matches("redis://127.0.0.1:").trim_end_matches("/1").to_owned();
    for command in commands {
        // redis-cli in the guide uses the default port, but this server has another one.
        let command = command.replacen("redis-cli", &format!("redis-cli -p {port}"), 1);
        match Command::new("sh")
            .args(["-c", &format!("command -v redis-cli >/dev/null || exit 77; {command}")])
            .env("REDIS_URL", &url)
            .output()
        {
            Ok(output) if output.status.code() == Some(77) => {
                return skip("this machine has no redis-cli");
            }
            output => {
                let output = output.unwrap();
                let reply = String::from_utf8_lossy(&output.stdout).into_owned();
                let is_expected = ["PONG", "keyspace_hits:", "used_memory:", "product_MTNVTU\n"]
                    .iter()
                    .any(|part| reply.contains(part))
                    || (command.contains("DEL") && reply == "1\n");
                assert!(output.status.success() && is_expected, "{command}: {reply}");
            }
        }
    }
}
