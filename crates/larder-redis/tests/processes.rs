//! Tests of several processes that share one server. One process is stopped from time to time, for longer
//! than the bound.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use larder::remote::RemoteKey;
use rustix::time::{ClockId, clock_gettime};

use crate::node::{Node, NodeFault};
use crate::server::RedisServer;
use crate::support::{key, now, pause};

const BOUND: Duration = Duration::from_millis(200);
const KEYS: usize = 8;
/// Environment variables that make a process of the test binary a reader.
const URL: &str = "LARDER_REDIS_READER";
const IGNORES_VALIDITY: &str = "LARDER_REDIS_READER_IGNORES_VALIDITY";

fn keys() -> Vec<RemoteKey> {
    (0..KEYS).map(|at| key(&format!("shared{at}"))).collect()
}

/// Returns the time since the machine started. This time is the same in all processes, and continues while a
/// process is stopped.
fn time() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

#[test]
#[ignore = "a process of the tests below"]
fn a_reader() {
    let Ok(url) = std::env::var(URL) else { return };
    let ignores = std::env::var(IGNORES_VALIDITY).is_ok();
    let node = Node::open(&url, if ignores { NodeFault::NoValidity } else { NodeFault::None });
    println!("ready");
    // The trial ends when the input ends.
    let input = std::thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()).unwrap());
    let mut last_asked: HashMap<(usize, u64), Duration> = HashMap::new();
    let (keys, mut round) = (keys(), 0_usize);
    while !input.is_finished() {
        round += 1;
        let at = round % KEYS;
        let asked = time();
        if let Some(bytes) = node.get(&keys[at], || ()) {
            last_asked.insert((at, u64::from_be_bytes(bytes.try_into().unwrap())), asked);
        }
        if round.is_multiple_of(16) {
            pause(Duration::from_micros(100));
        }
    }
    println!("hits {}", node.hits.load(std::sync::atomic::Ordering::Relaxed));
    for ((at, number), asked) in last_asked {
        println!("answer {at} {number} {}", asked.as_nanos());
    }
    println!("end");
}

/// A reader process, which reads until its input ends.
struct ReaderProcess {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

/// The report of a reader: each value, and the time of the last lookup that returned it.
type Told = Vec<(usize, usize, Duration)>;

impl ReaderProcess {
    fn start(url: &str, ignores_validity: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--ignored", "--nocapture", "--exact", "processes::a_reader"]).env(URL, url);
        if ignores_validity {
            command.env(IGNORES_VALIDITY, "1");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("ready") {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "the reader has ended");
        }
        Self { child, output }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Ends the trial. Returns the number of hits in memory, and the report of the reader.
    fn end(mut self) -> (u64, Told) {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        assert!(text.lines().any(|line| line == "end"), "{text}");
        let number = |word: &str| word.parse::<u64>().unwrap();
        let hits = text.lines().find_map(|line| line.strip_prefix("hits ")).map(number).unwrap();
        let answers = text.lines().filter_map(|line| line.strip_prefix("answer ")).map(|line| {
            let words: Vec<_> = line.split(' ').map(number).collect();
            (words[0].try_into().unwrap(), words[1].try_into().unwrap(), Duration::from_nanos(words[2]))
        });
        (hits, answers.collect())
    }
}

impl Drop for ReaderProcess {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Changes the keys while processes read, and stops one process from time to time. Returns the longest time
/// between the replacement of a value and a later lookup that still returned it.
fn trial(ignores_validity: bool, length: Duration) -> Option<Duration> {
    let server = RedisServer::start(&[])?;
    let url = server.url("staleness=200ms&request_timeout=10s");
    let writer = Node::open(&url, NodeFault::None);
    let readers: Vec<_> = (0..3).map(|_| ReaderProcess::start(&url, ignores_validity)).collect();
    let (keys, mut acknowledged) = (keys(), vec![Vec::new(); KEYS]);
    let (began, mut is_stopped) = (now(), false);
    while began.elapsed() < length {
        for (at, key) in keys.iter().enumerate() {
            let number = acknowledged[at].len() + 1;
            assert!(writer.set(key, &(number as u64).to_be_bytes()));
            acknowledged[at].push(time());
            pause(Duration::from_millis(1));
        }
        // Stops the process for longer than the bound. The stops depend on the time, because steps are slow
        // on a busy machine.
        let stops = began.elapsed().as_millis() % 1000 >= 400;
        if stops != is_stopped {
            readers[0].signal(if stops { "STOP" } else { "CONT" });
            is_stopped = stops;
        }
    }
    readers[0].signal("CONT");
    let mut worst = Duration::ZERO;
    for reader in readers {
        let (hits, told) = reader.end();
        assert!(hits > 100, "memory answered too little: {hits}");
        for (at, number, asked) in told {
            let replaced = acknowledged[at].get(number).copied().unwrap_or(asked);
            worst = worst.max(asked.saturating_sub(replaced));
        }
    }
    println!("{} changes of each key, worst {worst:?}", acknowledged[0].len());
    Some(worst)
}

#[test]
fn a_process_that_was_stopped_answers_nothing_older_than_the_bound() {
    let Some(worst) = trial(false, Duration::from_secs(4)) else { return };
    assert!(worst <= BOUND, "an answer was {worst:?} old");
}

#[test]
fn a_stopped_process_that_ignores_the_validity_is_caught() {
    for _ in 0..4 {
        let Some(worst) = trial(true, Duration::from_secs(3)) else { return };
        if worst > BOUND {
            return;
        }
    }
    panic!("the judge has not seen the planted fault");
}
