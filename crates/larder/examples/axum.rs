//! Serves a shop's prices over HTTP with axum. Caches them through the async API, exports metrics, and shuts
//! down gracefully.
//!
//! Start it with `cargo run -p larder --features async,metrics --example axum`, then run
//! `curl 127.0.0.1:9186/shops/airtime/products/MTNVTU`. An address and a path of the cache file may follow
//! `--`. `cargo test -p larder --features async,metrics --example axum` runs its tests, which set the clock
//! instead of sleeping.
//!
//! The shutdown has three steps:
//!
//! 1. Stop accepting connections, and answer the requests in progress. A client that sends nothing delays
//!    this step by at most ten seconds.
//! 2. Wait for changes that still run although their clients have disconnected.
//! 3. Close the cache before the runtime ends. Closing it commits its buffered entries, and releases the
//!    file to the next process.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use larder::metrics::Publisher;
use larder::{Cache, Keyspace, KeyspaceDefinition, LoadError};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::RwLock;
use tokio::time::timeout;

/// The name of a shop, and the code of a product.
type ProductKey = (String, String);

const PRICE: KeyspaceDefinition<ProductKey, u64> =
    KeyspaceDefinition::new("price").ttl(Duration::from_hours(1)).absent_ttl(Duration::from_mins(1));
/// The product codes of each shop.
const CODES: KeyspaceDefinition<String, Vec<String>> =
    KeyspaceDefinition::new("codes").ttl(Duration::from_hours(1));
/// Maximum time that the shutdown waits for requests in progress.
const MAX_DRAIN: Duration = Duration::from_secs(10);

/// Simulates the application's database.
#[derive(Debug, Default)]
struct Database {
    prices: tokio::sync::Mutex<BTreeMap<ProductKey, u64>>,
    queries: AtomicU64,
}

/// Returned when the database is not available.
#[derive(Debug)]
struct DatabaseError;

impl Database {
    async fn price(&self, key: &ProductKey) -> Result<Option<u64>, DatabaseError> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        Ok(self.prices.lock().await.get(key).copied())
    }

    async fn codes(&self, shop: &str) -> Result<Vec<String>, DatabaseError> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        let prices = self.prices.lock().await;
        Ok(prices.keys().filter(|(of, _)| of == shop).map(|(_, code)| code.clone()).collect())
    }

    async fn set_price(&self, key: ProductKey, price: u64) -> Result<(), DatabaseError> {
        self.prices.lock().await.insert(key, price);
        Ok(())
    }
}

/// The state that the routes share.
struct Shop {
    cache: Cache,
    prices: Keyspace<ProductKey, u64>,
    codes: Keyspace<String, Vec<String>>,
    database: Arc<Database>,
    publisher: Mutex<Publisher>,
    prometheus: PrometheusHandle,
    /// Each change holds a read lock until it ends. The shutdown sets this to false under the write lock, so
    /// it first waits for all changes.
    accepts_changes: Arc<RwLock<bool>>,
}

impl Shop {
    /// Takes an open cache, so that a test can pass one with a manual clock.
    fn open(
        cache: Cache,
        database: Arc<Database>,
        prometheus: PrometheusHandle,
    ) -> Result<Arc<Self>, larder::Error> {
        Ok(Arc::new(Self {
            prices: cache.keyspace(PRICE)?,
            codes: cache.keyspace(CODES)?,
            database,
            publisher: Mutex::new(Publisher::new(&cache, "shop")),
            prometheus,
            accepts_changes: Arc::new(RwLock::new(true)),
            cache,
        }))
    }

    fn routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/shops/{shop}/products", get(codes))
            .route("/shops/{shop}/products/{code}", get(price).put(set_price))
            .route("/metrics", get(metrics))
            .with_state(self.clone())
    }

    /// Serves requests until `stopping` ends, and then shuts down.
    async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stopping: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Box<dyn Error>> {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let told = async { drop(stopped.await) };
        let server = axum::serve(listener, self.routes()).with_graceful_shutdown(told);
        let mut server = tokio::spawn(server.into_future());
        tokio::select! {
            ended = &mut server => ended??,
            () = stopping => {
                drop(stop); // 1
                if timeout(MAX_DRAIN, &mut server).await.is_err() {
                    server.abort();
                }
            }
        }
        *self.accepts_changes.write().await = false; // 2
        self.cache.close_async().await?; // 3
        Ok(())
    }
}

/// The loader owns its data, because other requests may continue the load after this request is dropped.
async fn codes(
    State(shop): State<Arc<Shop>>,
    Path(name): Path<String>,
) -> Result<Json<Vec<String>>, StatusCode> {
    let (database, of) = (shop.database.clone(), name.clone());
    let codes = shop.codes.get_or_load_async(&name, || async move { database.codes(&of).await });
    codes.await.map(|codes| Json(codes.to_vec())).map_err(|error| unavailable(&error))
}

/// A product that the database does not have is cached as absent.
async fn price(State(shop): State<Arc<Shop>>, Path(key): Path<ProductKey>) -> Result<Json<u64>, StatusCode> {
    let (database, asked) = (shop.database.clone(), key.clone());
    let loader = || async move { database.price(&asked).await };
    match shop.prices.get_or_load_optional_async(&key, loader).await {
        Ok(Some(price)) => Ok(Json(*price)),
        Ok(None) => Err(StatusCode::NOT_FOUND),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Changes the database, then removes the old entry from the cache. Once the client has the answer, no crash
/// can bring the old entry back.
///
/// axum drops a request when its client disconnects. The change runs in its own task, so that it cannot stop
/// between the two steps and leave the old price in the cache.
async fn set_price(
    State(shop): State<Arc<Shop>>,
    Path(key): Path<ProductKey>,
    Json(price): Json<u64>,
) -> Result<StatusCode, StatusCode> {
    let accepts = shop.accepts_changes.clone().read_owned().await;
    if !*accepts {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let task = tokio::spawn(async move {
        let _accepts = accepts;
        shop.database.set_price(key.clone(), price).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        let mut old = shop.cache.invalidation();
        let removed = match old.remove(&shop.prices, &key).and_then(|old| old.remove(&shop.codes, &key.0)) {
            Ok(_) => old.commit_async().await,
            Err(error) => Err(error),
        };
        removed.map(|_| StatusCode::NO_CONTENT).map_err(|error| {
            eprintln!("the price of {key:?} may be old: {error}");
            StatusCode::INTERNAL_SERVER_ERROR
        })
    });
    task.await.unwrap_or(Err(StatusCode::INTERNAL_SERVER_ERROR))
}

/// Takes only short locks, so it may run on the async runtime's threads.
async fn metrics(State(shop): State<Arc<Shop>>) -> String {
    shop.publisher.lock().unwrap_or_else(PoisonError::into_inner).publish();
    shop.prometheus.run_upkeep();
    shop.prometheus.render()
}

fn unavailable(error: &LoadError<DatabaseError>) -> StatusCode {
    eprintln!("a load failed: {error:?}");
    StatusCode::SERVICE_UNAVAILABLE
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9186".to_owned());
    let path = arguments.next().unwrap_or_else(|| "target/axum.larder".to_owned());

    // The handlers are registered before the first request. A signal without a handler would kill the
    // process.
    let (mut interrupts, mut terms) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let prometheus = PrometheusBuilder::new().install_recorder()?;
    Publisher::describe();
    let database = Arc::new(Database::default());
    for (code, price) in [("AIRTELVTU", 100), ("MTNVTU", 100), ("MTN1GB", 500)] {
        let key = ("airtime".to_owned(), code.to_owned());
        database.set_price(key, price).await.map_err(|_| "the database is away")?;
    }
    // Opening the file blocks this thread. Before the first request, blocking the thread is harmless.
    let cache = Cache::builder().path(path).on_event(|event| eprintln!("{event}")).open()?;
    let shop = Shop::open(cache, database, prometheus)?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let stopping = async move {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = terms.recv() => {}
        }
    };
    shop.clone().serve(listener, stopping).await?;
    println!("closed after {} queries of the database", shop.database.queries.load(Ordering::Relaxed));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use larder::clock::ManualClock;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::yield_now;
    use tower::ServiceExt;

    use super::*;

    /// A shop whose cache is in memory, and the clock of the cache.
    struct Fixture {
        shop: Arc<Shop>,
        clock: Arc<ManualClock>,
    }

    impl Fixture {
        async fn new() -> Self {
            let clock = Arc::new(ManualClock::new());
            let cache = Cache::builder().clock(clock.clone()).open().unwrap();
            Self { shop: open(cache).await, clock }
        }

        async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
            let request = Request::builder().method(method).uri(path);
            let request =
                request.header("content-type", "application/json").body(Body::from(body.to_owned()));
            let response = self.shop.routes().oneshot(request.unwrap()).await.unwrap();
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        }

        async fn get(&self, path: &str) -> (u16, String) {
            self.ask("GET", path, "").await
        }

        fn queries(&self) -> u64 {
            self.shop.database.queries.load(Ordering::Relaxed)
        }
    }

    async fn open(cache: Cache) -> Arc<Shop> {
        static PROMETHEUS: OnceLock<PrometheusHandle> = OnceLock::new();
        let prometheus = PROMETHEUS.get_or_init(|| PrometheusBuilder::new().install_recorder().unwrap());
        let database = Arc::new(Database::default());
        database.set_price(("airtime".to_owned(), "MTNVTU".to_owned()), 100).await.unwrap();
        Shop::open(cache, database, prometheus.clone()).unwrap()
    }

    const PATH: &str = "/shops/airtime/products/MTNVTU";

    fn answer(status: u16, body: &str) -> (u16, String) {
        (status, body.to_owned())
    }

    #[tokio::test]
    async fn a_price_is_loaded_once_an_hour() {
        let fixture = Fixture::new().await;
        for _ in 0..2 {
            assert_eq!(fixture.get(PATH).await, answer(200, "100"));
        }
        fixture.clock.advance(Duration::from_mins(59));
        assert_eq!(fixture.get(PATH).await, answer(200, "100"));
        assert_eq!(fixture.queries(), 1);
        fixture.clock.advance(Duration::from_mins(1));
        assert_eq!(fixture.get(PATH).await, answer(200, "100"));
        assert_eq!(fixture.queries(), 2);
    }

    #[tokio::test]
    async fn an_unknown_product_is_remembered_for_a_minute() {
        let fixture = Fixture::new().await;
        for queries in [1, 1, 2] {
            assert_eq!(fixture.get("/shops/airtime/products/GLO").await.0, 404);
            assert_eq!(fixture.queries(), queries);
            fixture.clock.advance(Duration::from_secs(30));
        }
    }

    #[tokio::test]
    async fn a_change_shows_at_once_in_the_price_and_in_the_list() {
        let fixture = Fixture::new().await;
        let (list, other) = ("/shops/airtime/products", "/shops/airtime/products/GLO");
        assert_eq!(fixture.get(list).await, answer(200, r#"["MTNVTU"]"#));
        assert_eq!(fixture.get(other).await.0, 404);
        assert_eq!(fixture.ask("PUT", other, "250").await, answer(204, ""));
        assert_eq!(fixture.get(list).await, answer(200, r#"["GLO","MTNVTU"]"#));
        assert_eq!(fixture.get(other).await, answer(200, "250"));
    }

    #[tokio::test]
    async fn a_change_whose_client_has_gone_is_made_whole() {
        let fixture = Fixture::new().await;
        assert_eq!(fixture.get(PATH).await, answer(200, "100"));
        let busy = fixture.shop.database.prices.lock().await;
        tokio::select! {
            biased;
            _ = fixture.ask("PUT", PATH, "250") => panic!("the database is busy"),
            () = yield_now() => {} // The client disconnects.
        }
        drop(busy);
        *fixture.shop.accepts_changes.write().await = false;
        assert_eq!(fixture.get(PATH).await, answer(200, "250"));
        assert_eq!(fixture.ask("PUT", PATH, "300").await.0, 503);
    }

    #[tokio::test]
    async fn requests_at_the_same_time_share_one_query() {
        let fixture = Fixture::new().await;
        let request = || Request::get(PATH).body(Body::empty()).unwrap();
        let requests = (0..100).map(|_| fixture.shop.routes().oneshot(request()));
        let requests: tokio::task::JoinSet<_> = requests.collect();
        for response in requests.join_all().await {
            assert_eq!(response.unwrap().status(), StatusCode::OK);
        }
        assert_eq!(fixture.queries(), 1);
    }

    #[tokio::test]
    async fn the_metrics_are_served() {
        let fixture = Fixture::new().await;
        fixture.get(PATH).await;
        let (status, metrics) = fixture.get("/metrics").await;
        assert_eq!(status, 200);
        assert!(metrics.contains(r#"larder_loads_total{cache="shop",keyspace="price"}"#), "{metrics}");
    }

    #[tokio::test]
    async fn the_shutdown_answers_requests_that_have_begun_and_keeps_what_they_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let cache = || Cache::builder().path(dir.path().join("shop.larder")).open().unwrap();
        let shop = open(cache()).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let end = Arc::new(tokio::sync::Notify::new());
        let stopping = end.clone();
        let serving = shop.clone().serve(listener, async move { stopping.notified().await });
        let client = async {
            let busy = shop.database.prices.lock().await;
            let request = format!("GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
            while shop.database.queries.load(Ordering::Relaxed) == 0 {
                yield_now().await;
            }
            end.notify_one();
            yield_now().await;
            drop(busy);
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let (served, answer) = tokio::join!(serving, client);
        served.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n100"), "{answer}");

        let successor = open(cache()).await;
        let key = ("airtime".to_owned(), "MTNVTU".to_owned());
        assert_eq!(successor.prices.get_async(&key).await.as_deref(), Some(&100));
        successor.cache.close_async().await.unwrap();
    }
}
