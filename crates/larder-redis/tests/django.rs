//! Django's cache reads, writes and deletes the keys of a shop, beside caches of larder on the same server.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use larder::{Cache, Format, Remaining};
use larder_product::{Families, ProductCache, ProductCode, Shop};
use serde_json::{Value, json};

use crate::server::RedisServer;
use crate::skip::skip;
use crate::support::{eventually, now};

const STALENESS: Duration = Duration::from_millis(300);

/// A shop whose values are texts of JSON.
struct JsonShop;

impl Shop for JsonShop {
    type Categories = String;
    type ProductList = String;
    type Product = String;
    type DataPackage = String;
    type DataBundles = String;
    type Discount = String;
    type Merchant = String;
}

/// The Python of an environment with Django, or `None` if Django can't be installed. The reason is then
/// printed.
static PYTHON: LazyLock<Option<PathBuf>> = LazyLock::new(python);

fn python() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("django");
    let (python, stamp) = (dir.join("bin/python"), dir.join("requirements.txt"));
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/django/requirements.txt");
    if std::fs::read(&stamp).ok() == std::fs::read(&requirements).ok() {
        return Some(python);
    }
    let mut steps = [Command::new("python3"), Command::new(&python)];
    steps[0].args(["-m", "venv", "--clear"]).arg(&dir);
    steps[1].args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements);
    for mut step in steps {
        let is_done = step.output().is_ok_and(|output| output.status.success());
        if !is_done {
            skip(format_args!("Django cannot be installed: {step:?} has failed"));
            return None;
        }
    }
    std::fs::copy(&requirements, &stamp).unwrap();
    Some(python)
}

struct Django {
    child: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Django {
    fn start(server: &RedisServer) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/django/keys.py");
        let mut command = Command::new(PYTHON.as_ref()?);
        command.arg(script).env("REDIS_URL", format!("unix://{}", server.socket().display()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let pipes = RefCell::new((child.stdin.take().unwrap(), output));
        Some(Self { child, pipes })
    }

    /// Calls a method of a cache, and returns its result.
    fn call(&self, call: &Value) -> Value {
        let mut pipes = self.pipes.borrow_mut();
        writeln!(pipes.0, "{call}").unwrap();
        let mut line = String::new();
        pipes.1.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{call}: {line:?}"))
    }
}

impl Drop for Django {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn code(code: &str) -> ProductCode {
    code.parse().unwrap()
}

fn cache(server: &RedisServer) -> Cache {
    larder_redis::open_url(&server.url("prefix=shop&staleness=300ms&memory=8MiB")).unwrap()
}

/// Opens a shop whose products and categories have this format.
fn open(server: &RedisServer, format: Format) -> (Cache, ProductCache<JsonShop>) {
    let (cache, mut families) = (cache(server), Families::guide());
    families.products = families.products.format(format);
    families.categories = families.categories.format(format);
    let shop = ProductCache::open_with(&cache, families).unwrap();
    (cache, shop)
}

/// Waits until memory has a product, so that a later change must reach memory.
fn is_in_memory(cache: &Cache, shop: &ProductCache<JsonShop>, product: &str) {
    let hits = || cache.stats().keyspaces.iter().map(|keyspace| keyspace.memory_hits).sum::<u64>();
    eventually("memory has the value", || {
        let before = hits();
        shop.get_product(&code(product)).is_some() && hits() > before
    });
}

/// Looks a product up until it has changed. No lookup that begins after the bound may find the old value.
fn changes_in_time(shop: &ProductCache<JsonShop>, product: &str, old: &str) {
    let changed = now();
    loop {
        let asked = changed.elapsed();
        if shop.get_product(&code(product)).is_none_or(|found| *found != old) {
            return;
        }
        assert!(asked <= STALENESS, "the answer is {asked:?} old");
    }
}

#[test]
fn django_deletes_records_of_larder_and_their_loads_and_copies() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let Some(django) = Django::start(&server) else { return };
    let ((cache, one), (_other, two)) = (open(&server, Format::Bincode), open(&server, Format::Bincode));
    let product = code("MTNVTU");
    for round in 0..20 {
        let value = format!("{round}");
        two.products().insert(&product, value.clone()).unwrap();
        is_in_memory(&cache, &one, "MTNVTU");
        assert_eq!(django.call(&json!(["default", "delete", "product_MTNVTU"])), json!(true));
        changes_in_time(&one, "MTNVTU", &value);
        assert!(two.get_product(&product).is_none());
    }
    let loaded = one.get_or_load_product(&product, || {
        assert_eq!(django.call(&json!(["default", "delete", "product_MTNVTU"])), json!(true), "the lease");
        Ok::<_, std::io::Error>("of before the deletion".to_owned())
    });
    assert_eq!(*loaded.unwrap(), "of before the deletion");
    assert!(one.get_product(&product).is_none() && two.get_product(&product).is_none());
}

#[test]
fn django_and_larder_read_each_others_values_of_the_plain_format() {
    let Some(server) = RedisServer::start(&[]) else { return };
    let Some(django) = Django::start(&server) else { return };
    let (cache, shop) = open(&server, Format::Raw);
    shop.products().insert(&code("MTNVTU"), r#"{"price": 100}"#.to_owned()).unwrap();
    assert_eq!(django.call(&json!(["json", "get", "product_MTNVTU"])), json!({"price": 100}));
    is_in_memory(&cache, &shop, "MTNVTU");
    django.call(&json!(["json", "set", "product_MTNVTU", {"price": 120}, 50]));
    changes_in_time(&shop, "MTNVTU", r#"{"price": 100}"#);
    assert_eq!(shop.get_product(&code("MTNVTU")).unwrap().as_str(), r#"{"price": 120}"#);
    let left = shop.products().ttl(&code("MTNVTU")).unwrap();
    assert!(matches!(left, Remaining::For(left) if left.as_secs().abs_diff(50) <= 20), "{left:?}");
    // Django's own serializer writes a whole number as its digits.
    django.call(&json!(["default", "set", "product_stock", 7]));
    assert_eq!(shop.get_product(&code("stock")).unwrap().as_str(), "7");
    shop.products().insert(&code("stock"), "41".to_owned()).unwrap();
    assert_eq!(django.call(&json!(["default", "incr", "product_stock"])), json!(42));
    changes_in_time(&shop, "stock", "41");
    // In the Django application, these two keys are the same key.
    shop.categories().insert(&(), "1".to_owned()).unwrap();
    shop.products().insert(&code("categories_active"), "2".to_owned()).unwrap();
    assert_eq!(django.call(&json!(["json", "get", "product_categories_active"])), json!(1));
    assert_eq!(django.call(&json!(["json", "get", "product_categories%5Factive"])), json!(2));
    django.call(&json!(["json", "delete_many", ["product_MTNVTU", "product_stock"]]));
    assert!(shop.products().remove(&code("categories_active")).unwrap());
    eventually("all products are gone", || {
        ["MTNVTU", "stock", "categories_active"]
            .iter()
            .all(|product| shop.get_product(&code(product)).is_none())
    });
    assert!(shop.get_categories().is_some());
}
