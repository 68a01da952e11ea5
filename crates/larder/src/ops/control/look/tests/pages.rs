//! Tests of pages of keys: entries that move between the tiers while a page is built, and the limits of a
//! page.

use super::*;

#[test]
fn an_entry_that_moves_to_the_disk_while_a_page_is_made_is_in_the_page() {
    for step in [PageStep::Listed, PageStep::Read] {
        let bench = Bench::new();
        let builder = Cache::builder().path(PATH).volume(&bench.disk).clock(bench.clock.clone()).shards(1);
        let cache = builder.stepped(1).memory_capacity(ByteSize::kib(64)).open().unwrap();
        let (names, kept) = (cache.keyspace(NAMES).unwrap(), cache.keyspace(KEPT).unwrap());
        names.insert("a", "Ada".to_owned()).unwrap();
        assert_eq!(status(&cache, "name", b"a\0\0").found_in, Some(FoundIn::Memory));
        let target = Target::find(cache.shared(), "name").unwrap();
        let asked = PageRequest { prefix: b"", after: None, limit: None, all: false };
        let page = page_in_steps(cache.shared(), &target, &asked, PAGE_TIME, |made| {
            if made == step {
                cache.flush().unwrap();
                // These entries are used more often than the entry `a`, so they evict it from memory.
                for key in (0..200).chain(0..200) {
                    kept.insert(&key, "x".repeat(1000)).unwrap();
                    kept.get(&key);
                }
                assert_eq!(status(&cache, "name", b"a\0\0").found_in, Some(FoundIn::Disk));
            }
        });
        let keys: Vec<_> = page.unwrap().keys.into_iter().map(|status| status.key).collect();
        assert_eq!(keys, [spell_hex(b"a\0\0")], "{step:?}");
    }
}

#[test]
fn an_entry_that_leaves_the_disk_for_memory_while_a_page_is_made_is_in_the_page() {
    let bench = Bench::new();
    let open = || {
        let builder = Cache::builder().path(PATH).volume(&bench.disk).clock(bench.clock.clone());
        let builder = builder.flush_interval(HOUR).sweep_interval(HOUR).disk_capacity(ByteSize::mib(2));
        builder.open().unwrap()
    };
    let cache = open();
    cache.keyspace(NAMES).unwrap().insert("a", "Ada".to_owned()).unwrap();
    cache.close().unwrap();
    let cache = open();
    let names = cache.keyspace(NAMES).unwrap();
    assert_eq!(status(&cache, "name", b"a\0\0").found_in, Some(FoundIn::Disk));
    let target = Target::find(cache.shared(), "name").unwrap();
    let asked = PageRequest { prefix: b"", after: None, limit: None, all: false };
    let page = page_in_steps(cache.shared(), &target, &asked, PAGE_TIME, |made| {
        if made == PageStep::Listed {
            // This value is too large for the file, so the record of the entry is deleted.
            names.insert("a", "x".repeat(300 << 10)).unwrap();
            cache.flush().unwrap();
            assert_eq!(status(&cache, "name", b"a\0\0").found_in, Some(FoundIn::Memory));
        }
    });
    let keys: Vec<_> = page.unwrap().keys.into_iter().map(|status| status.key).collect();
    assert_eq!(keys, [spell_hex(b"a\0\0")]);
}

#[test]
fn a_page_is_bounded_by_the_bytes_of_its_keys() {
    let cache = Cache::builder().open().unwrap();
    let names = cache.keyspace(NAMES).unwrap();
    for number in 0..200 {
        names.insert(&format!("{number:04000}"), String::new()).unwrap();
    }
    let target = Target::find(cache.shared(), "name").unwrap();
    let asked = PageRequest { prefix: b"", after: None, limit: Some(MAX_PAGE), all: false };
    let page = crate::ops::control::look::page(cache.shared(), &target, &asked).unwrap();
    assert!((60..70).contains(&page.keys.len()) && page.after.is_some(), "{}", page.keys.len());
    assert_eq!(listed_keys(&cache, "name", b"", MAX_PAGE, false).len(), 200);
}
