use proptest::prelude::*;

use super::*;

fn error(url: &str) -> String {
    CacheBuilder::from_url(url).expect_err(url).to_string()
}

#[test]
fn every_setting_has_its_option() {
    let url = "file:/var/my%20shop.larder?memory=64MiB&disk=2GiB&write_buffer=1024KiB&page_cache=65536B\
               &verify=0B&flush=250ms&sweep=2s&open_timeout=1m&load_timeout=5s&slow_load=300ms&sample_keys=on&log_keys=on&shards=4";
    let builder = CacheBuilder::from_url(url).unwrap();
    assert_eq!(builder.path, Some(PathBuf::from("/var/my shop.larder")));
    assert_eq!(builder.memory_capacity, ByteSize::mib(64));
    assert_eq!(builder.disk_capacity, ByteSize::gib(2));
    assert_eq!(builder.write_buffer, ByteSize::mib(1));
    assert_eq!(builder.page_cache, ByteSize::kib(64));
    assert_eq!(builder.verify_on_open, ByteSize::bytes(0));
    assert_eq!(builder.flush_interval, Duration::from_millis(250));
    assert_eq!(builder.sweep_interval, Duration::from_secs(2));
    assert_eq!(builder.open_timeout, Duration::from_mins(1));
    assert_eq!(builder.load_timeout, Some(Duration::from_secs(5)));
    assert_eq!(builder.shards, Some(4));
    assert_eq!(builder.slow_load, Duration::from_millis(300));
    assert!(builder.sample_keys && builder.log_keys);
    assert!(!CacheBuilder::from_url("memory:?log_keys=off").unwrap().log_keys);
    assert_eq!(CacheBuilder::from_url("memory:").unwrap().path, None);
    assert_eq!(CacheBuilder::from_url("memory://?memory=1MiB").unwrap().memory_capacity, ByteSize::mib(1));
}

#[test]
fn a_path_may_be_relative_absolute_or_after_an_empty_host() {
    let path = |url| CacheBuilder::from_url(url).unwrap().path.unwrap();
    assert_eq!(path("file:var/shop.larder"), PathBuf::from("var/shop.larder"));
    assert_eq!(path("file:/var/shop.larder"), PathBuf::from("/var/shop.larder"));
    assert_eq!(path("file:///var/shop.larder"), PathBuf::from("/var/shop.larder"));
    assert_eq!(path("file://localhost/var/shop.larder"), PathBuf::from("/var/shop.larder"));
    assert!(error("file:").contains("names no file"));
    assert!(error("file:a%00b").contains("zero byte"));
    assert!(error("file://elsewhere/var/shop.larder").contains("this machine"));
}

#[test]
fn what_is_not_understood_is_refused_with_what_would_be() {
    for (url, why, allowed) in [
        ("", "no scheme", "file:"),
        ("shop.larder", "no scheme", "file:"),
        ("http://example.com", "its scheme is \"http\"", "file:"),
        ("redis://127.0.0.1:6379/1", "remote tier, which this version does not have", "file:"),
        ("memory:shop", "followed by \"shop\"", "file:PATH"),
        ("memory:?disk=1GiB", "disk is a setting of the file", "file:PATH"),
        ("file:x?memory=64MB", "memory is \"64MB\"", "KiB"),
        ("file:x?memory=64", "memory is \"64\"", "KiB"),
        ("file:x?memory=-1MiB", "memory is \"-1MiB\"", "KiB"),
        ("file:x?disk=99999999999TiB", "disk is \"99999999999TiB\"", "KiB"),
        ("file:x?flush=1 s", "flush is \"1 s\"", "ms, s, m or h"),
        ("file:x?log_keys=yes", "log_keys is \"yes\"", "on or off"),
        ("file:x?shards=many", "shards is \"many\"", "whole number"),
        ("file:x?colour=red", "the option \"colour\"", "write_buffer"),
        ("file:x?memory", "has no value", "NAME=VALUE"),
    ] {
        let error = error(url);
        assert!(error.contains(why) && error.contains(allowed), "{url}: {error}");
    }
}

#[test]
fn a_password_is_never_shown() {
    for url in [
        "redis://:s3cret@127.0.0.1:6379/1",
        "redis://user:s3cret@example.com/1?x=y",
        "redis://:s3cret/with/slashes@example.com/1",
        "http://user:s3cret@example.com",
        "file://user:s3cret@host/var/shop.larder",
        "user:s3cret@example.com",
        "rediss://:s3cret@@example.com",
        "redis://example.com/1?db=1&password=s3cret",
        "file:/var/shop.larder?memory=1MiB&password=s3cret",
        "memory://user:s3cret@example.com",
        "memory:user:s3cret@example.com",
    ] {
        let error = CacheBuilder::from_url(url).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
    let kept = redacted("file:/var/a@b.larder?memory=1MiB");
    assert_eq!(kept, "file:/var/a@b.larder?memory=1MiB", "no password, nothing hidden");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(url in "(file:|memory:|redis://)?[a-z0-9:/@?=&%.]{0,40}") {
        drop(CacheBuilder::from_url(&url));
    }

    #[test]
    fn no_password_is_shown(password in "[a-zA-Z0-9]{6,12}", scheme in "[a-z]{1,8}", rest in "[a-z0-9./?=&]{0,20}") {
        let password = format!("P{password}");
        let shown = redacted(&format!("{scheme}://user:{password}@{rest}"));
        prop_assert!(!shown.contains(&password), "{}", shown);
    }
}
