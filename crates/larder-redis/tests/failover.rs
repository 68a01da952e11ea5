//! Tests of failovers from a master to its replica by three Sentinels. Meanwhile, three caches change and
//! read rows (`cache_judge`), and no answer may be older than the bound.
//!
//! One test disables the user as which the Sentinels log in at the master. So the Sentinels promote the
//! replica, while the old master goes on answering as a master. The other test kills the master.

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::cache_judge::{CacheNode, KEYS, open, report, trial};
use crate::redis_process::server_command;
use crate::server::{RedisServer, free_port};
use crate::support::{eventually, now, pause};

const BOUND: Duration = Duration::from_millis(200);
/// The environment variable with the number of failovers of the test. Each failover has new servers. Default
/// 1.
const ROUNDS: &str = "LARDER_REDIS_FAILOVERS";
/// The command that creates the user as which the Sentinels log in.
const USER: [&str; 8] = ["ACL", "SETUSER", "watch", "on", ">watchword", "~*", "&*", "+@all"];
const DEFAULT_PASSWORD: &str = "s3cret";

/// A Sentinel. Dropping it ends the process.
pub(crate) struct Sentinel(Child);

impl Sentinel {
    /// Starts a Sentinel with these lines of configuration. Each Sentinel needs its own file, because it
    /// writes to the file.
    pub(crate) fn start(dir: &Path, name: &str, lines: &[String]) -> Self {
        let path = dir.join(name);
        std::fs::write(&path, lines.join("\n")).unwrap();
        let mut command = server_command();
        command.arg(&path).arg("--sentinel").current_dir(dir).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts three Sentinels that know one another, the master and its replica.
fn start_sentinels(dir: &Path, ports: [u16; 3], master: u16, replica: u16) -> Vec<Sentinel> {
    let id = |at: usize| format!("{at:040}");
    let start = |at: usize| {
        let mut lines = vec![
            format!("port {}", ports[at]),
            "bind 127.0.0.1".to_owned(),
            format!("sentinel myid {}", id(at)),
            format!("sentinel monitor mymaster 127.0.0.1 {master} 2"),
            "sentinel down-after-milliseconds mymaster 200".to_owned(),
            "sentinel failover-timeout mymaster 2000".to_owned(),
            "sentinel auth-user mymaster watch".to_owned(),
            "sentinel auth-pass mymaster watchword".to_owned(),
            format!("sentinel known-replica mymaster 127.0.0.1 {replica}"),
        ];
        for other in (0..3).filter(|other| *other != at) {
            let (port, id) = (ports[other], id(other));
            lines.push(format!("sentinel known-sentinel mymaster 127.0.0.1 {port} {id}"));
        }
        Sentinel::start(dir, &format!("sentinel{at}.conf"), &lines)
    };
    (0..3).map(start).collect()
}

fn cli(server: &RedisServer, words: &[&str]) -> String {
    server.cli(&[["-a", DEFAULT_PASSWORD, "--no-auth-warning"].as_slice(), words].concat())
}

/// Starts a master and its replica, which require a password. Returns each server with its port.
fn pair() -> Option<(RedisServer, u16, RedisServer, u16)> {
    let arguments = ["--requirepass", DEFAULT_PASSWORD, "--masterauth", DEFAULT_PASSWORD];
    let arguments = [arguments.as_slice(), &["--repl-diskless-sync-delay", "0"]].concat();
    let (master, one) = RedisServer::start_with_port(&arguments)?;
    let (replica, two) = RedisServer::start_with_port(&arguments)?;
    for server in [&master, &replica] {
        assert_eq!(cli(server, &USER), "OK");
    }
    assert_eq!(cli(&replica, &["REPLICAOF", "127.0.0.1", &one.to_string()]), "OK");
    eventually("the replica is online", || cli(&master, &["INFO", "replication"]).contains("state=online"));
    Some((master, one, replica, two))
}

/// How a master fails.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Failure {
    /// The Sentinels can't reach the master any more.
    CutOff,
    /// The process gets SIGKILL.
    Killed,
}

/// Runs a failover, and checks that no answer is older than the bound. Returns the number of keys for which a
/// node then still returns an invalidated number.
fn fail_over(options: &str, failure: Failure) -> Option<usize> {
    let (mut master, one, replica, two) = pair()?;
    let (dir, ports) = (tempfile::tempdir().unwrap(), std::array::from_fn(|_| free_port()));
    let _sentinels = start_sentinels(dir.path(), ports, one, two);
    let hosts = ports.map(|port| format!("127.0.0.1:{port}")).join(",");
    let url = format!("redis-sentinel://:{DEFAULT_PASSWORD}@{hosts}/mymaster/0?staleness=200ms&{options}");
    let nodes: Vec<_> = (0..3).map(|_| open(&url)).collect();
    let is_reachable = |node: &CacheNode| node.numbers.remove(&0).is_ok();
    eventually("all nodes are connected", || nodes.iter().all(is_reachable));
    let (began, mut cut, mut promoted, mut used) = (now(), None, None, None);
    let database = trial(&nodes, |step| {
        let at = began.elapsed();
        match (cut, promoted, used) {
            (None, ..) if step >= 30 && failure == Failure::Killed => {
                master.kill();
                cut = Some(at);
            }
            (None, ..) if step >= 30 => {
                assert_eq!(cli(&master, &["ACL", "SETUSER", "watch", "off"]), "OK");
                cli(&master, &["CLIENT", "KILL", "USER", "watch"]);
                cut = Some(at);
            }
            (Some(_), None, _) if cli(&replica, &["ROLE"]).starts_with("master") => promoted = Some(at),
            (Some(_), Some(_), None) if !cli(&replica, &["GET", "larder::world"]).is_empty() => {
                let clients = cli(&replica, &["CLIENT", "LIST"]);
                used = (clients.matches("name=larder-larder").count() >= 3).then_some(at);
            }
            _ => {}
        }
        assert!(
            at < Duration::from_mins(1),
            "no failover: cut {cut:?}, promoted {promoted:?}, used {used:?}"
        );
        used.is_none_or(|used| at < used + Duration::from_millis(800))
    });
    report("failed over", &nodes, &database, BOUND);
    if failure == Failure::CutOff {
        assert!(cli(&master, &["ROLE"]).starts_with("master"), "the old master was never told");
    }
    let (cut, promoted, used) = (cut.unwrap(), promoted.unwrap(), used.unwrap());
    println!("{failure:?} at {cut:?}, promoted at {promoted:?}, used by all at {used:?}");
    // Only acknowledged invalidations count. Removals that only the old master has are lost.
    eventually("a trial that was cut off in a change ends", || nodes.iter().all(is_reachable));
    let is_stale = |at: usize| {
        let acknowledged = database.ages.count(at) as u64;
        let answers = nodes.iter().map(|node| node.numbers.get(&(at as u64)));
        answers.flatten().any(|number| *number < acknowledged)
    };
    // After this time, memory no longer returns invalidated numbers.
    pause(BOUND);
    let rows: u64 = database.rows.iter().map(|row| row.load(Ordering::Relaxed)).sum();
    let stale = (0..KEYS).filter(|at| is_stale(*at)).count();
    println!("{options}: {rows} changes, {stale} of {KEYS} keys are stale at rest");
    Some(stale)
}

#[test]
fn no_answer_is_older_than_the_bound_through_a_failover_whose_old_master_goes_on_answering() {
    let rounds = std::env::var(ROUNDS).map_or(1, |rounds| rounds.parse::<usize>().unwrap());
    let mut lost = 0;
    for _ in 0..rounds {
        let Some(stale) = fail_over("request_timeout=5s", Failure::CutOff) else { return };
        lost += stale;
    }
    println!("{lost} removals of {rounds} failovers are lost");
}

#[test]
fn no_answer_is_older_than_the_bound_through_a_failover_from_a_killed_master() {
    fail_over("request_timeout=5s", Failure::Killed);
}
