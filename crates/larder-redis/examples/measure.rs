//! Measures a cache on a server: `measure URL`.
//!
//! Prints the times of a write, a load, a lookup in memory, a lookup on the server, and 64 concurrent
//! lookups on the server. Also prints the number of lookups per second that several threads make on the
//! server, and the number that 256 tasks of one thread make.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program that measures real time")]

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake};
use std::time::{Duration, Instant};

use larder::remote::{RemoteKey, RemoteKeyspace, RemoteTier, reply};
use larder::{Format, Keyspace, KeyspaceDefinition};
use larder_redis::RedisTier;

const NUMBERS: KeyspaceDefinition<u64, Vec<u8>> = KeyspaceDefinition::new("measured");
const ROUNDS: u64 = 20_000;
const MANY_HITS: u64 = 3_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: measure URL")?;
    let cache = larder_redis::open_url(&url)?;
    let numbers = cache.keyspace(NUMBERS)?;
    numbers.clear()?;
    per_round("set, 100 bytes", ROUNDS, |round| numbers.insert(&(round % 1000), vec![7; 100]).map(drop))?;
    per_round("load of a missing key", ROUNDS, |round| {
        numbers.get_or_load(&(1_000_000 + round), || Ok::<_, larder::Error>(vec![7; 100])).map(drop)
    })?;
    numbers.get(&1);
    per_round("get from memory", MANY_HITS, |_| numbers.get(&1).map(drop).ok_or("a miss"))?;
    numbers.clear()?;
    in_tasks(&numbers);
    cache.close()?;
    at_the_server(&url)
}

/// Wakes a task: sends its number to the thread that polls it.
struct TaskWaker(usize, Sender<usize>);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        _ = self.1.send(self.0);
    }
}

/// Measures lookups of missing keys in 256 tasks, which one thread polls. Each lookup asks the server,
/// because memory has none of these keys.
fn in_tasks(numbers: &Keyspace<u64, Vec<u8>>) {
    const TASKS: usize = 256;
    const TIME: Duration = Duration::from_secs(3);
    let (done, began, (wake, woken)) = (AtomicU64::new(0), Instant::now(), mpsc::channel());
    let mut tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            _ = wake.send(task);
            let done = &done;
            Some(Box::pin(async move {
                while began.elapsed() < TIME {
                    drop(numbers.get_async(&(1_000_000 + task as u64)).await);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }))
        })
        .collect();
    let mut left = TASKS;
    for number in woken {
        let waker = Arc::new(TaskWaker(number, wake.clone())).into();
        if let Some(place) = tasks.get_mut(number)
            && let Some(task) = place
            && task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
        {
            *place = None;
            left -= 1;
        }
        if left == 0 {
            break;
        }
    }
    drop(tasks);
    println!("{TASKS} tasks: {} lookups a second at the server", done.into_inner() / TIME.as_secs());
}

/// Measures lookups on the server, without a cache.
fn at_the_server(url: &str) -> Result<(), Box<dyn Error>> {
    let tier = RedisTier::open(url)?;
    let (name, shape) = ("measured-plain".to_owned(), "bytes".to_owned());
    tier.register(RemoteKeyspace {
        number: 1,
        name,
        version: 0,
        schema: None,
        shape,
        format: Format::Bincode,
        range_parts: 0,
    })?;
    let key = || RemoteKey::from(b"\0\0\0\x01key".as_slice());
    let get = || {
        let (sender, answer) = reply();
        tier.get(key(), sender);
        answer
    };
    let (sender, answer) = reply();
    let condition = larder::remote::SetCondition::Always;
    tier.set(key(), vec![7; 100], larder::remote::Life::Never, condition, sender);
    answer.wait()?;
    per_round("get from the server", ROUNDS, |_| get().wait().map(drop))?;
    per_round("get from the server, 64 at once", ROUNDS / 64, |_| {
        let answers: Vec<_> = (0..64).map(|_| get()).collect();
        answers.into_iter().try_for_each(|answer| answer.wait().map(drop))
    })?;
    for threads in [2_u64, 8, 32] {
        let (done, began) = (AtomicU64::new(0), Instant::now());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while began.elapsed() < Duration::from_secs(2) {
                        if get().wait().is_ok() {
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let per_second = done.into_inner() / 2;
        println!("{threads:>2} threads: {per_second} lookups a second at the server");
    }
    Ok(())
}

fn per_round<E>(what: &str, rounds: u64, mut run: impl FnMut(u64) -> Result<(), E>) -> Result<(), E> {
    let began = Instant::now();
    for round in 0..rounds {
        run(round)?;
    }
    println!("{what}: {:?}", began.elapsed() / u32::try_from(rounds).unwrap_or(u32::MAX));
    Ok(())
}
