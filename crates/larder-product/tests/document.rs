//! Compares `docs/guide.md` with the code. Other tests compile the Rust code of the guide (`tests/pages`) and
//! run its commands (`larder-cli`).

use larder::CacheBuilder;
use larder_product::cascade::{EDGES, Node};
use larder_product::{Change, Families, SpelledKey};

use crate::database::SqliteShop;

const GUIDE: &str = include_str!("../../../docs/guide.md");

/// The headings of the Django application's guide, in order.
const SECTIONS: [&str; 10] = [
    "Overview",
    "Configuration",
    "Set-up",
    "What is cached",
    "Invalidation",
    "Performance",
    "Monitoring",
    "Best practices",
    "Troubleshooting",
    "Production checklist",
];

/// Every function, setting, command and checklist line of the Django application's guide.
const ORIGINAL: [&str; 34] = [
    "LocMemCache",
    "Redis, for several instances",
    "`REDIS_URL`",
    "`REDIS_URL` with a password",
    "`REDIS_URL` of a remote server",
    "Django's cache settings",
    "IGNORE_EXCEPTIONS=True",
    "the TTL of each key",
    "maxmemory-policy allkeys-lru",
    "RDB or AOF",
    "apt-get install redis-server",
    "brew install redis",
    "`redis-server`",
    "pip install django-redis",
    "pip install hiredis",
    "redis-cli ping",
    "redis-cli -u $REDIS_URL ping",
    "INFO stats",
    "INFO memory",
    "cache.set",
    "cache.get",
    "get_cached_or_fetch",
    "invalidate_product_cache",
    "invalidate_product_category_cache",
    "invalidate_data_package_cache",
    "invalidate_merchant_discount_cache",
    "Redis installed and running",
    "`django-redis` package installed",
    "`REDIS_URL` environment variable set",
    "Cache invalidation implemented on data updates",
    "Cache monitoring in place",
    "Redis persistence configured",
    "Redis memory limits configured",
    "Cache fallback tested",
];

#[test]
fn the_guide_has_the_originals_sections_in_their_order() {
    let headings: Vec<_> = GUIDE.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(headings[..SECTIONS.len()], SECTIONS);
}

#[test]
fn the_table_has_a_row_for_each_thing_of_the_original() {
    let (_, table) = GUIDE.split_once("## From the original to larder").unwrap();
    let firsts: Vec<_> =
        table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).collect();
    for thing in ORIGINAL {
        assert!(firsts.iter().any(|first| first.contains(thing)), "{thing} is in no row");
    }
}

#[test]
fn the_plan_that_is_shown_is_the_plan() {
    let plan = Change::ProductRemoved("MTNDATA".parse().unwrap()).plan().to_string();
    assert!(GUIDE.contains(&format!("```text\n{plan}```")), "the guide does not show\n{plan}");
}

/// Returns the lines of the drawing in the guide. They must equal the drawing in the documentation of
/// `cascade`.
fn drawing() -> Vec<&'static str> {
    let (_, after) = GUIDE.split_once("```text\ncategory ").unwrap();
    let (drawing, _) = after.split_once("```").unwrap();
    drawing.lines().collect()
}

#[test]
fn the_drawing_has_every_edge_and_is_the_same_in_both_places() {
    let source = include_str!("../src/cascade.rs");
    for line in drawing() {
        assert!(source.contains(line.trim_end()), "cascade.rs does not have {line:?}");
    }
    // The drawing must have both ends of every edge, and a dashed arrow for every edge that applies only to
    // removals.
    let text = drawing().join("\n");
    for node in
        EDGES.iter().flat_map(|edge| [edge.from, edge.to]).filter(|node| node.to_string() != "category")
    {
        let name = match node {
            Node::Row(_) => node.to_string(),
            Node::Entries(family) => format!("{}_", family.keyspace()),
            _ => panic!("{node:?} is of a kind that this test does not know"),
        };
        assert!(text.contains(&name), "{name} is not drawn");
    }
    let removals = EDGES.iter().filter(|edge| edge.when == larder_product::cascade::When::Removed).count();
    assert_eq!(text.matches("┄▶").count(), removals);
    // The drawing must have one arrow for each edge.
    let arrows = text.matches("──▶").count() + text.matches("◀──").count() + removals;
    assert_eq!(arrows, EDGES.len());
}

#[test]
fn every_url_and_option_in_the_guide_is_understood() {
    let mut urls = 0;
    for text in GUIDE.split(['`', '\'', '\n']) {
        if let Some(families) = text.strip_prefix("LARDER_FAMILIES=") {
            assert!(Families::<SqliteShop>::guide().with_options(families).is_ok(), "{families}");
        }
        if (text.starts_with("file:") || text.starts_with("memory:"))
            && !text.contains(['…', ' '])
            && text != "file:"
        {
            drop(CacheBuilder::from_url(text).unwrap());
            urls += 1;
        }
        let is_option = [
            "memory=",
            "disk=",
            "write_buffer=",
            "flush=",
            "sweep=",
            "open_timeout=",
            "load_timeout=",
            "page_cache=",
            "verify=",
            "shards=",
        ]
        .iter()
        .any(|option| text.len() > option.len() && text.starts_with(option));
        if is_option {
            drop(CacheBuilder::from_url(&format!("file:x?{text}")).unwrap());
            urls += 1;
        }
    }
    assert!(urls > 12, "only {urls} were found");
    for options in ["product=10m&merchant_discount=1m", "merchant_auth=disk"] {
        assert!(GUIDE.contains(options));
        assert!(Families::<SqliteShop>::guide().with_options(options).is_ok());
    }
}

#[test]
fn every_spelled_key_in_the_guide_is_one_and_every_lifetime_is_the_familys() {
    for text in ["product_categories%5Factive", "data_package_A%5FB_C", "data_package_A_B_C"] {
        assert!(GUIDE.contains(text));
        assert_eq!(text.parse::<SpelledKey>().unwrap().to_string(), text);
    }
    let lifetimes = format!("{:?}", Families::<SqliteShop>::guide());
    for (family, key, seconds) in [
        ("product_categories", "product_categories_active", 7200),
        ("products_category", "products_category_{category}", 1800),
        ("product", "product_{product}", 3600),
        ("data_package", "data_package_{product}_{data}", 3600),
        ("data_bundles", "data_bundles_{product}", 3600),
        ("merchant_discount", "merchant_discount_{user}_{product}", 300),
        ("merchant_auth", "merchant_auth_{merchant}", 300),
    ] {
        assert!(lifetimes.contains(&format!("\"{family}\": {seconds}s")));
        let row =
            GUIDE.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{key}`"))).unwrap();
        assert!(row.contains(&format!("({seconds} s)")), "{row}");
    }
}

#[test]
fn every_default_in_the_guide_is_the_caches() {
    let (least, most) = (larder::DEFAULT_WRITE_BUFFER, larder::MAX_DEFAULT_WRITE_BUFFER);
    let write_buffer = format!("a quarter of `memory`, {least} to {most}");
    for (option, default) in [
        ("memory=", larder::DEFAULT_MEMORY_CAPACITY.to_string()),
        ("disk=", larder::DEFAULT_DISK_CAPACITY.to_string()),
        ("write_buffer=", write_buffer),
        ("flush=", format!("{} ms", larder::DEFAULT_FLUSH_INTERVAL.as_millis())),
        ("sweep=", format!("{} s", larder::DEFAULT_SWEEP_INTERVAL.as_secs())),
    ] {
        let row = GUIDE.lines().find(|line| line.starts_with(&format!("| `{option}"))).unwrap();
        assert!(row.contains(&format!("| {default} |")), "{row}: {default}");
    }
}

#[test]
fn the_packages_of_the_guide_are_there() {
    let (_, toml) = GUIDE.split_once("```toml\n").unwrap();
    let (toml, _) = toml.split_once("```").unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut packages = 0;
    for line in toml.lines().filter(|line| line.contains("path = ")) {
        let (name, rest) = line.split_once(" = ").unwrap();
        let path = rest.split('"').nth(1).unwrap().strip_prefix("../larder/").unwrap();
        let manifest = std::fs::read_to_string(root.join(path).join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{line}");
        packages += 1;
    }
    assert_eq!(packages, 2);
}
