use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn error(url: &str) -> String {
    CacheBuilder::from_url(url).expect_err(url).to_string()
}

#[test]
fn every_setting_has_its_option() {
    let url = "file:/var/my%20shop.larder?memory=64MiB&disk=2GiB&write_buffer=1024KiB&page_cache=65536B\
               &verify=0B&flush=250ms&sweep=2s&open_timeout=1m&load_timeout=5s&lease_timeout=30s&load_threads=2&slow_load=300ms&sample_keys=on&log_keys=on&shards=4";
    let builder = CacheBuilder::from_url(url).unwrap();
    assert_eq!(builder.path, Some(PathBuf::from("/var/my shop.larder")));
    assert_eq!(builder.memory_capacity, ByteSize::mib(64));
    assert_eq!(builder.disk_capacity, ByteSize::gib(2));
    assert_eq!(builder.write_buffer, Some(ByteSize::mib(1)));
    assert_eq!(builder.page_cache, ByteSize::kib(64));
    assert_eq!(builder.verify_on_open, ByteSize::bytes(0));
    assert_eq!(builder.flush_interval, Duration::from_millis(250));
    assert_eq!(builder.sweep_interval, Duration::from_secs(2));
    assert_eq!(builder.open_timeout, Duration::from_mins(1));
    assert_eq!(builder.load_timeout, Some(Duration::from_secs(5)));
    assert_eq!(builder.lease_timeout, Duration::from_secs(30));
    assert_eq!(builder.load_threads, 2);
    assert_eq!(builder.shards, Some(4));
    assert_eq!(builder.slow_load, Duration::from_millis(300));
    assert!(builder.sample_keys && builder.log_keys);
    assert!(!CacheBuilder::from_url("memory:?log_keys=off").unwrap().log_keys);
    assert_eq!(CacheBuilder::from_url("memory:").unwrap().path, None);
    assert_eq!(CacheBuilder::from_url("memory://?memory=1MiB").unwrap().memory_capacity, ByteSize::mib(1));
}

#[cfg(all(unix, feature = "control"))]
#[test]
fn values_are_shown_through_the_socket_only_if_the_url_says_so() {
    let shows = |options: &str| {
        let builder = CacheBuilder::from_url(&format!("memory:?control=/run/a%20b.sock{options}")).unwrap();
        assert_eq!(builder.control_socket, Some(PathBuf::from("/run/a b.sock")));
        builder.control_values
    };
    assert_eq!([shows(""), shows("&control_values=off"), shows("&control_values=on")], [false, false, true]);
    assert!(error("memory:?control_values=yes").contains("control_values is \"yes\"; a switch is on or off"));
}

/// The application may set the socket in its code, and the command reads the URL without a socket.
#[cfg(all(unix, feature = "control"))]
#[test]
fn the_option_of_a_socket_is_refused_only_when_a_cache_without_a_socket_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    for value in ["on", "off"] {
        let builder = || CacheBuilder::from_url(&format!("memory:?control_values={value}")).unwrap();
        builder().settings().unwrap();
        let error = builder().open().unwrap_err().to_string();
        assert!(error.starts_with(&format!("control_values is {value}; ")), "{error}");
        assert!(error.contains("give control=PATH"), "{error}");
        builder().control_socket(dir.path().join("s")).open().unwrap();
    }
}

#[test]
fn a_path_may_be_relative_absolute_or_after_an_empty_host() {
    let path = |url| CacheBuilder::from_url(url).unwrap().path.unwrap();
    assert_eq!(path("file:var/shop.larder"), PathBuf::from("var/shop.larder"));
    assert_eq!(path("file:/var/shop.larder"), PathBuf::from("/var/shop.larder"));
    assert_eq!(path("file:///var/shop.larder"), PathBuf::from("/var/shop.larder"));
    assert_eq!(path("file://localhost/var/shop.larder"), PathBuf::from("/var/shop.larder"));
    assert!(error("file:").contains("names no file"));
    assert!(error("file:a%00b").contains("control character '\\0'"));
    assert!(error("file://elsewhere/var/shop.larder").contains("this machine"));
}

#[test]
fn what_is_not_understood_is_refused_with_what_would_be() {
    for (url, why, allowed) in [
        ("", "no scheme", "file:"),
        ("shop.larder", "no scheme", "file:"),
        ("http://example.com", "its scheme is \"http\"", "file:"),
        ("redis://127.0.0.1:6379/1", "redis: names a server", "larder_redis::from_env"),
        ("redis-sentinel://a,b/m", "redis-sentinel: names a server", "larder_redis::open_url"),
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
        ("file:x?memory=1MiB&disk=1GiB&memory=2MiB", "the option \"memory\" twice", "once"),
        ("file:x?Memory=1MiB", "the option \"Memory\"", "memory"),
        ("file:x?memory= 64MiB", "memory is \" 64MiB\"", "KiB"),
        ("file:x?memory=64MiB &disk=1GiB", "memory is \"64MiB \"", "KiB"),
        ("file:x?memory =64MiB", "the option \"memory \"", "memory"),
        ("file:x?memory=64MiB;disk=1GiB", "memory is \"64MiB;disk=1GiB\"", "KiB"),
        ("file:x?memory=64mib", "memory is \"64mib\"", "MiB"),
        ("file:x?memory=+64MiB", "memory is \"+64MiB\"", "MiB"),
        ("file:x?shards=+4", "shards is \"+4\"", "whole number"),
        ("FILE:x", "its scheme is \"FILE\"", "file:"),
        ("'file:x'", "begins with a quotation mark", "without quotation marks"),
        ("\"file:x?memory=1MiB\"", "begins with a quotation mark", "without quotation marks"),
    ] {
        let error = error(url);
        assert!(error.contains(why) && error.contains(allowed), "{url}: {error}");
    }
}

#[test]
fn a_path_that_was_not_meant_is_refused_with_how_it_is_written() {
    for (path, why, allowed) in [
        ("~/shop.larder", "begins with ~, which only a shell expands", "/home/shop/shop.larder"),
        ("~", "begins with ~,", "whole path"),
        ("~shop/shop.larder", "begins with ~shop,", "whole path"),
        ("//~/shop.larder", "begins with ~,", "whole path"),
        ("///~/shop.larder", "begins with ~,", "whole path"),
        ("///~shop/shop.larder", "begins with ~shop,", "whole path"),
        ("$HOME/shop.larder", "has \"$HOME\"", "%24"),
        ("/var/${NAME}/shop.larder", "has \"${NAME}\"", "%24"),
        ("/var/$(hostname)", "has \"$(hostname)\"", "%24"),
        ("%HOME%/shop.larder", "has \"%HO\"", "%25"),
        ("/var/%ABCDIR%", "has \"%\"", "%25"),
        ("/var/50%", "has \"%\"", "%25"),
        (" /var/shop.larder", "white space at an end", "%20"),
        ("/var/shop.larder ?memory=1MiB", "white space at an end", "%20"),
        ("/var/shop\n.larder", "control character '\\n'", "without control characters"),
        ("/var/shop.larder%0A", "control character '\\n'", "without control characters"),
        ("/var/shop%1B[31m", "control character '\\u{1b}'", "without control characters"),
        ("/var/shop%C2%9Bm", "control character '\\u{9b}'", "without control characters"),
        ("/var/shop%7F", "control character '\\u{7f}'", "without control characters"),
    ] {
        let error = error(&format!("file:{path}"));
        assert!(error.contains(why) && error.contains(allowed), "{path}: {error}");
        assert!(!error.contains(char::is_control), "{error:?}");
    }
    let path = |url| CacheBuilder::from_url(url).unwrap().path.unwrap();
    assert_eq!(path("file:./~/shop"), PathBuf::from("./~/shop"), "a directory of that name can be written");
    assert_eq!(path("file:%24HOME/a$"), PathBuf::from("$HOME/a$"));
    assert_eq!(path("file:/var/my shop~"), PathBuf::from("/var/my shop~"));
}

#[cfg(all(unix, feature = "control"))]
#[test]
fn the_path_of_the_socket_goes_by_the_same_rules() {
    for (path, why) in [
        ("~/s.sock", "only a shell"),
        ("$HOME/s.sock", "only a shell"),
        ("s.sock%0A", "control character"),
        ("s%.sock", "no byte"),
        (" s.sock", "white space"),
        ("", "names no file"),
    ] {
        let error = error(&format!("file:x?control={path}"));
        assert!(error.contains(why) && error.contains("control is"), "{error}");
    }
    let builder = CacheBuilder::from_url("memory:?control=/run/a%26b.sock").unwrap();
    assert_eq!(builder.control_socket, Some(PathBuf::from("/run/a&b.sock")));
}

#[test]
fn white_space_around_a_url_is_no_part_of_it() {
    for around in ["\n", "\r\n", " ", "\t", " \r\n\n"] {
        let builder = CacheBuilder::from_url(&format!("{around}file:/var/x.larder{around}")).unwrap();
        assert_eq!(builder.path, Some(PathBuf::from("/var/x.larder")), "{around:?}");
        let url = format!("file:/var/x.larder?memory=1MiB&disk=2MiB{around}");
        assert_eq!(CacheBuilder::from_url(&url).unwrap().disk_capacity, ByteSize::mib(2), "{around:?}");
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

    /// Checks that an accepted path is not empty and has no control characters, and that its text in the
    /// URL has no white space at its ends and does not begin with `~`.
    #[test]
    fn what_is_accepted_names_the_file_that_is_written(
        place in "(/|//|///)?[ -~\r\n\tä\u{85}~$%{}]{0,12}",
        query in "(\\?([a-z]{1,6}=[0-9]{1,3}(MiB|ms|\n)?&?){0,3})?",
        around in "[ \t\r\n]{0,3}",
    ) {
        let url = format!("{around}file:{place}{query}{around}");
        if let Ok(builder) = CacheBuilder::from_url(&url) {
            let path = builder.path.unwrap();
            let text = path.to_string_lossy().into_owned();
            prop_assert!(!text.contains(char::is_control) && !text.is_empty(), "{:?} of {:?}", text, url);
            let written = url.trim_ascii().strip_prefix("file:").unwrap();
            let written = written.split('?').next().unwrap();
            prop_assert!(!written.trim_start_matches('/').starts_with('~') || !written.starts_with("//"));
            prop_assert!(!written.starts_with('~') && written.trim() == written, "{:?}", url);
        }
    }

    #[test]
    fn every_path_without_control_characters_can_be_written(path in "[ -~äß€]{1,20}") {
        let encoded: String = path.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        }).collect();
        let encoded = if encoded.starts_with("//") { format!("//{encoded}") } else { encoded };
        let builder = CacheBuilder::from_url(&format!("\n file:{encoded}?memory=1MiB\r\n"));
        prop_assert_eq!(builder.unwrap().path, Some(PathBuf::from(path)));
    }

    #[test]
    fn no_password_is_shown(password in "[a-zA-Z0-9]{6,12}", scheme in "[a-z]{1,8}", rest in "[a-z0-9./?=&]{0,20}") {
        let password = format!("P{password}");
        let shown = redacted(&format!("{scheme}://user:{password}@{rest}"));
        prop_assert!(!shown.contains(&password), "{}", shown);
    }
}
