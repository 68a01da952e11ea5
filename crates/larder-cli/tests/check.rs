//! Tests of `larder check`. Each test runs the built command on its own file.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use larder::{Cache, Follower};

fn check(url: Option<&str>, environment: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.arg("check").args(url).env_remove("LARDER_URL");
    command.envs(environment.map(|url| ("LARDER_URL", url)));
    command.output().expect("the built command runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn url(path: &Path) -> String {
    format!("file:{}?memory=8MiB&disk=64MiB", path.display())
}

#[test]
fn a_working_file_is_reported_line_by_line_and_keeps_no_probe() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    Cache::builder().path(&path).open().unwrap().close().unwrap();
    for (url, environment) in [(Some(url(&path)), None), (None, Some(url(&path)))] {
        let output = check(url.as_deref(), environment.as_deref());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        assert_eq!(
            text(&output),
            "opened  8 MiB of memory over a file of at most 64 MiB, with 0 entries\n\
             ok      memory  wrote a probe\n\
             ok      memory  read it back\n\
             ok      memory  a probe with a short TTL expired\n\
             ok      memory  removed it\n\
             ok      memory  it is gone\n\
             ok      disk    wrote a probe\n\
             ok      disk    committed it to the file\n\
             ok      disk    a probe with a short TTL expired\n\
             ok      disk    deleted what has expired\n\
             ok      disk    closed the cache\n\
             ok      disk    opened it again, and read the probe from the file\n\
             ok      disk    removed it\n\
             ok      disk    closed the cache\n\
             ok      disk    opened it again: the probe is gone\n\
             ok      disk    the file is in use\n\
             ok      every tier works, and the probe is gone\n"
        );
    }
    let follower = Follower::open(&path).unwrap();
    assert!(follower.keyspaces().unwrap().iter().all(|keyspace| keyspace.entries == 0));
}

#[test]
fn a_cache_in_memory_is_checked_and_the_check_says_that_it_has_no_file() {
    for output in [check(Some("memory:"), None), check(None, Some("memory:\n"))] {
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        assert!(text(&output).contains("and no file: entries die with the process"), "{}", text(&output));
        assert!(!text(&output).contains("disk"), "{}", text(&output));
    }
}

#[test]
fn without_a_url_nothing_is_checked_and_the_check_fails() {
    for environment in [None, Some(""), Some(" \r\n")] {
        let output = check(None, environment);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(output.stdout.is_empty(), "{}", text(&output));
        for remedy in ["Give its URL", "LARDER_URL", "memory:"] {
            assert!(text(&output).contains(remedy), "{}", text(&output));
        }
    }
}

#[test]
fn the_panics_of_the_store_on_a_damaged_file_are_not_printed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    Cache::builder().path(&path).open().unwrap().close().unwrap();
    let whole = std::fs::read(&path).unwrap();
    // The damage `all` makes the store panic, as is checked below.
    let mut all = whole.clone();
    all[4096..].fill(0xAB);
    all[8192..8203].copy_from_slice(b"larder.meta");
    let mut half = whole.clone();
    half[4096..whole.len() / 2].fill(0xAB);
    for (damage, bytes) in [("all", all), ("half", half), ("cut", whole[..whole.len() / 2].to_vec())] {
        std::fs::write(&path, &bytes).unwrap();
        let looked = larder::inspect::Inspector::open(&path).map(drop);
        if damage == "all" {
            let is_panic = |error: &larder::Error| error.to_string().contains("the store panicked");
            assert!(looked.is_err_and(|error| is_panic(&error)), "it is no case of what is tested");
        }
        let output = check(Some(&url(&path)), None);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("panicked at") && !stderr.contains("backtrace"), "{damage}: {stderr}");
        assert!(stderr.lines().count() <= 1, "{damage}: {stderr}");
    }
}

#[test]
fn a_password_is_in_no_answer() {
    for (url, said) in [
        ("redis://:hunter2@10.0.0.7:6379/1", "a cache at a server: `larder doctor` checks it"),
        ("redis://shop:hunter2@cache/1", "a cache at a server"),
        ("nonsense://a:hunter2@b", "a URL begins with file:"),
    ] {
        for output in [check(Some(url), None), check(None, Some(url))] {
            assert_eq!(output.status.code(), Some(2), "{}", text(&output));
            assert!(text(&output).contains(said), "{}", text(&output));
            assert!(!text(&output).contains("hunter2"), "{}", text(&output));
        }
    }
    for url in ["memory://a:hunter2@b", "redis://b/1?password=hunter2", "file:x?password=hunter2"] {
        let output = check(Some(url), None);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(!text(&output).contains("hunter2"), "{}", text(&output));
    }
}

#[test]
fn a_file_in_use_is_named_with_its_owner_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let _owner = Cache::builder().path(&path).open().unwrap();
    let output = check(Some(&url(&path)), None);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains(&format!("process {}", std::process::id())), "{}", text(&output));
}

#[test]
fn a_damaged_file_is_reported_and_the_new_one_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    Cache::builder().path(&path).open().unwrap().close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    // The store's header stays intact, so that the file is still recognised as a larder file.
    let damaged = bytes.len() / 2;
    bytes[4096..damaged].fill(0xAB);
    std::fs::write(&path, bytes).unwrap();
    let output = check(Some(&url(&path)), None);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("the file was damaged; it is kept as"), "{}", text(&output));
}

fn names(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(names(&entry.path())?);
        }
        found.push(entry.path());
    }
    found.sort();
    Ok(found)
}

#[test]
fn a_missing_file_is_announced_first_and_removed_with_everything_created_for_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("other"), "stays").unwrap();
    let before = names(dir.path()).unwrap();
    for (path, and) in [("shop.larder", ""), ("new/deep/shop.larder", "/new/deep and ")] {
        let path = dir.path().join(path);
        let output = check(Some(&url(&path)), None);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        let first = text(&output).lines().next().unwrap().to_owned();
        assert!(first.starts_with(&format!("note    disk    {} did not exist", path.display())), "{first}");
        assert!(first.contains(and), "{first}");
        assert_eq!(names(dir.path()).unwrap(), before, "{}", path.display());
    }
    // The files are also removed if the reader of the output has closed the pipe.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    let output =
        command.args(["check", &url(&dir.path().join("new/shop.larder"))]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(0), ""));
    assert_eq!(names(dir.path()).unwrap(), before);
    // The files are also removed after a failure. Here the directory in the URL is a regular file.
    let output = check(Some(&url(&dir.path().join("other/shop.larder"))), None);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert_eq!(names(dir.path()).unwrap(), before);
}

#[test]
fn an_existing_file_stays_and_an_empty_one_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    std::fs::write(&path, "").unwrap();
    let output = check(Some(&url(&path)), None);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        text(&output).starts_with("note    disk    ") && text(&output).contains("was empty"),
        "{}",
        text(&output)
    );
    assert!(path.exists());
    let output = check(Some(&url(&path)), None);
    assert!(text(&output).starts_with("opened ") && path.exists(), "{}", text(&output));
}

#[test]
fn a_path_is_taken_as_a_file_and_for_a_socket_the_url_is_suggested() {
    let dir = tempfile::tempdir().unwrap();
    let (path, socket) = (dir.path().join("100 %?.larder"), dir.path().join("shop.sock"));
    let _cache = Cache::builder().path(&path).control_socket(&socket).open().unwrap();
    let output = check(path.to_str(), None);
    assert!(output.status.code() == Some(2) && text(&output).contains("100 %?.larder"), "{}", text(&output));
    assert!(text(&output).contains(&format!("process {}", std::process::id())), "{}", text(&output));
    let output = check(socket.to_str(), None);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(
        text(&output).contains(&format!("larder check 'file:{}/100 %25%3F.larder'", dir.path().display())),
        "{}",
        text(&output)
    );
}
