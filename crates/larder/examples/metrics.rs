//! Serves the metrics of a cache to Prometheus. Start it with
//! `cargo run -p larder --features metrics --example metrics`, then run `curl 127.0.0.1:9184/metrics`.
//!
//! An application with a web server would add a route there. This example uses the sockets of the standard
//! library.
#![expect(clippy::print_stdout, reason = "an example says where it listens")]

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use larder::metrics::Publisher;
use larder::{Cache, KeyspaceDefinition};
use metrics_exporter_prometheus::PrometheusBuilder;

const SQUARE: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("square");

fn main() -> Result<(), Box<dyn Error>> {
    let prometheus = PrometheusBuilder::new().install_recorder()?;
    Publisher::describe();
    let cache = Cache::builder().path("target/metrics.larder").open()?;
    let squares = cache.keyspace(SQUARE)?;
    let mut publisher = Publisher::new(&cache, "example");
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9184".to_owned());
    let listener = TcpListener::bind(&address)?;
    println!("serving http://{}/metrics", listener.local_addr()?);
    for (request, stream) in (1..).zip(listener.incoming()) {
        // Simulates the work of the application.
        for number in 0..request {
            squares.get_or_load(&number, || Ok::<_, larder::Error>(number * number))?;
        }
        let mut stream = stream?;
        // Reads the request up to the empty line that ends its head.
        let lines = BufReader::new(&stream).lines();
        lines.take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).for_each(drop);
        publisher.publish();
        prometheus.run_upkeep();
        let body = prometheus.render();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
        // A failed write means that the client has disconnected.
        drop(write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()));
    }
    Ok(())
}
