//! A service that shuts down gracefully on SIGTERM or Ctrl-C.
//!
//! Start it with `cargo run -p larder --example service`, then run `echo 7 | nc 127.0.0.1 9185`. The service
//! answers a number with its square. An address and a path of the cache file may follow `--`.
//!
//! The shutdown has three steps:
//!
//! 1. Stop accepting requests.
//! 2. Answer the requests in progress, and join the threads.
//! 3. Close the cache. Closing it commits its buffered entries, and releases the file to the next process.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use larder::{Cache, Keyspace, KeyspaceDefinition};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

const SQUARE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("square").ttl(Duration::from_hours(1));
const THREADS: usize = 4;
/// A client that sends nothing delays the shutdown by at most this time.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9185".to_owned());
    let path = arguments.next().unwrap_or_else(|| "target/service.larder".to_owned());

    // Each signal writes a byte into the pipe. The handlers are registered before the first request,
    // because a signal without a handler would kill the process.
    let (mut signals, pipe) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM] {
        pipe::register(signal, pipe.try_clone()?)?;
    }
    // Prints events of the disk tier to standard error. If the disk fails, the service continues from memory.
    let cache = Cache::builder().path(path).on_event(|event| eprintln!("{event}")).open()?;
    let squares = cache.keyspace(SQUARE)?;
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    println!("listening on {address}");

    let is_stopping = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| serve(&listener, &squares, &is_stopping));
        }
        let signalled = signals.read_exact(&mut [0]);
        is_stopping.store(true, Ordering::SeqCst); // 1
        for _ in 0..THREADS {
            // Wakes one thread that waits for a connection.
            drop(TcpStream::connect(address));
        }
        signalled
        // Step 2: the end of the scope joins the threads.
    })?;
    let stats = cache.stats();
    cache.close()?; // 3
    println!("closed after {} lookups, {:.0} % of them hits", stats.requests(), stats.hit_rate() * 100.0);
    Ok(())
}

fn serve(listener: &TcpListener, squares: &Keyspace<u64, u64>, is_stopping: &AtomicBool) {
    for stream in listener.incoming() {
        if is_stopping.load(Ordering::SeqCst) {
            return;
        }
        if let Err(error) = stream.map_err(Into::into).and_then(|stream| answer(&stream, squares)) {
            eprintln!("a request failed: {error}");
        }
    }
}

fn answer(mut stream: &TcpStream, squares: &Keyspace<u64, u64>) -> Result<(), Box<dyn Error>> {
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let mut line = String::new();
    BufReader::new(stream.take(100)).read_line(&mut line)?;
    let number: u64 = line.trim().parse()?;
    let square = squares.get_or_load(&number, || square(number))?;
    Ok(writeln!(stream, "{square}")?)
}

/// Simulates an expensive computation whose result is cached.
fn square(number: u64) -> Result<u64, io::Error> {
    number.checked_mul(number).ok_or_else(|| io::Error::other("the number is too large"))
}
