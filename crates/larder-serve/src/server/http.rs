//! `/health` and `/metrics`, for a load balancer and for Prometheus.
//!
//! The server accepts only `GET` and `HEAD` requests, one per connection. A peer has [`PATIENCE`] to send a
//! request of at most [`MAX_REQUEST`] bytes and to read the response. At most [`MAX_PEERS`] peers are
//! served at a time, and other peers wait until they are accepted. These peers do not count against the
//! limit of client connections.

use std::fmt::{Display, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder::{DiskState, Stats};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::listener;
use crate::session::served::Served;

const PATIENCE: Duration = Duration::from_secs(5);
const MAX_REQUEST: usize = 4096;
const MAX_PEERS: usize = 16;

/// Serves peers until the task is dropped.
pub(super) async fn serve(listener: std::net::TcpListener, served: Arc<Served>) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(MAX_PEERS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
        match listener.accept().await {
            Ok((stream, _)) => {
                let served = served.clone();
                tokio::spawn(async move {
                    let _place = place;
                    // A peer that is too slow or has disconnected gets no response.
                    let _ = timeout(PATIENCE, answer(stream, &served)).await;
                });
            }
            Err(error) => listener::pause(&error).await,
        }
    }
}

async fn answer(mut stream: TcpStream, served: &Served) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !is_complete(&request) {
        let mut part = [0; 1024];
        let len = stream.read(&mut part).await?;
        request.extend_from_slice(part.get(..len).unwrap_or_default());
        if len == 0 || request.len() > MAX_REQUEST {
            return Ok(());
        }
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (status, body) = match line.split(|byte| *byte == b' ').collect::<Vec<_>>()[..] {
        [b"GET" | b"HEAD", b"/health", _] => health(&served.cache.stats()),
        [b"GET" | b"HEAD", b"/metrics", _] => ("200 OK", metrics(served)),
        [b"GET" | b"HEAD", _, _] => ("404 Not Found", "there are /health and /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "GET alone is answered\n".to_owned()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {length}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    if !line.starts_with(b"HEAD") {
        stream.write_all(body.as_bytes()).await?;
    }
    stream.shutdown().await
}

fn is_complete(request: &[u8]) -> bool {
    request.windows(4).any(|window| window == b"\r\n\r\n")
}

/// Returns the status and the text for `/health`. If the disk tier is off, the cache still serves from
/// memory, but removals wait or fail, so the status is 503.
fn health(stats: &Stats) -> (&'static str, String) {
    match stats.disk.as_ref().map(|disk| (disk.state, disk.off.as_deref())) {
        None | Some((DiskState::On, _)) => ("200 OK", "ok\n".to_owned()),
        Some((_, why)) => {
            ("503 Service Unavailable", format!("the disk tier is off: {}\n", why.unwrap_or("unknown")))
        }
    }
}

fn metrics(served: &Served) -> String {
    let (stats, counters) = (served.cache.stats(), &served.counters);
    let mut text = String::new();
    let mut add = |name: &str, kind: &str, help: &str, value: &dyn Display| {
        let _ = write!(
            text,
            "# HELP larder_serve_{name} {help}\n# TYPE larder_serve_{name} {kind}\nlarder_serve_{name} {value}\n"
        );
    };
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    add("connections", "gauge", "Connections of clients.", &served.clients.count());
    add("connections_total", "counter", "Connections that were accepted.", &served.clients.total());
    add("refused_total", "counter", "Connections beyond the maximum.", &load(&counters.refused));
    add(
        "cut_off_total",
        "counter",
        "Connections whose buffers were too large or that did not take their replies.",
        &load(&counters.cut_off),
    );
    add("requests_total", "counter", "Requests that were carried out.", &load(&counters.requests));
    add("memory_hits_total", "counter", "Lookups answered from memory.", &stats.memory.hits);
    add("misses_total", "counter", "Lookups without an answer.", &stats.misses);
    add("memory_entries", "gauge", "Entries in memory.", &stats.memory.entries);
    add(
        "memory_bytes",
        "gauge",
        "Weight of the entries in memory that do not wait for a commit.",
        &stats.memory.weight.as_u64(),
    );
    add("memory_capacity_bytes", "gauge", "Maximum weight in memory.", &stats.memory.capacity.as_u64());
    add("memory_evictions_total", "counter", "Entries evicted from memory.", &stats.memory.evictions);
    if let Some(disk) = &stats.disk {
        add("disk_on", "gauge", "Whether the disk tier works.", &u8::from(disk.state == DiskState::On));
        add("disk_hits_total", "counter", "Lookups answered from disk.", &disk.hits);
        add("disk_entries", "gauge", "Entries on disk.", &disk.entries);
        add("disk_bytes", "gauge", "Size of the entries on disk.", &disk.bytes.as_u64());
        add("disk_file_bytes", "gauge", "Length of the file.", &disk.file_bytes.as_u64());
        add("disk_evictions_total", "counter", "Entries evicted from disk.", &disk.evictions);
        add("commits_total", "counter", "Commits.", &disk.commits);
        add(
            "flush_lag_seconds",
            "gauge",
            "How long the oldest uncommitted insert has been waiting.",
            &disk.flush_lag.as_secs_f64(),
        );
    }
    if let Some(remote) = &stats.remote {
        add(
            "remote_hits_total",
            "counter",
            "Lookups answered by the server of the remote tier.",
            &remote.hits,
        );
        add(
            "remote_failures_total",
            "counter",
            "Requests of lookups and loads to the server of the remote tier that failed.",
            &remote.failures,
        );
    }
    text
}
