use std::error::Error as _;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::api::cache::Cache;
use crate::error::remote_error::{RemoteError, RemoteErrorKind};
use crate::sys::sync::Arc;

/// Returns the names of an enum's variants, from its source text.
fn variants(source: &'static str, name: &str) -> Vec<&'static str> {
    let body = source.split(&format!("pub enum {name} {{")).nth(1).unwrap().split("\n}\n").next().unwrap();
    let is_variant = |line: &&str| line.starts_with("    ") && line[4..].starts_with(char::is_uppercase);
    body.lines().filter(is_variant).map(|line| line.trim().trim_end_matches(['{', ',', ' '])).collect()
}

fn examples() -> Vec<Error> {
    let (path, text) = (PathBuf::from("/var/shop.larder"), "text".to_owned());
    let io = || std::io::Error::from_raw_os_error(28);
    vec![
        Error::InvalidSetting { setting: "shards", value: text.clone(), allowed: text.clone() },
        Error::InvalidUrl { url: text.clone(), why: text.clone(), allowed: "allowed" },
        Error::InUse {
            path: path.clone(),
            pid: Some(4711),
            has_ended: false,
            is_elsewhere: false,
            socket: Some("/run/shop.sock".into()),
            holders: Vec::new(),
        },
        Error::NotAFile { path: path.clone(), what: "a directory" },
        Error::Foreign { path: path.clone(), why: text.clone() },
        Error::Missing { path: path.clone() },
        Error::Damaged { path: path.clone(), cause: text.clone() },
        Error::NewerFormat { path: path.clone(), found: 9, supported: 2 },
        Error::UnknownFeatures { path: path.clone(), unknown: 8 },
        Error::Permission { action: "open", path: path.clone(), source: io() },
        Error::io("open", path.clone(), io()),
        Error::ControlSocket { path, cause: text.clone(), remedy: "choose another path", source: Some(io()) },
        Error::Thread { name: "larder-writer", source: io() },
        Error::KeyspaceConflict { name: text.clone(), opened: text.clone(), requested: text.clone() },
        Error::KeyTooLarge { keyspace: text.clone(), len: 9, max: 8 },
        Error::ValueTooLarge {
            keyspace: text.clone(),
            size: 9.into(),
            bound: "encoded",
            max: 8.into(),
            remedy: "raise memory_capacity".into(),
        },
        Error::GroupTooLarge {
            keyspace: text.clone(),
            size: text.clone(),
            max: text.clone(),
            remedy: "store fewer at once",
        },
        Error::Encode {
            keyspace: text.clone(),
            cause: crate::format::codec::error::CodecError::of_unknown_format(9),
        },
        Error::Overflow {
            keyspace: text.clone(),
            key: Some(text.clone()),
            value: "255".to_owned(),
            amount: "1".to_owned(),
        },
        Error::Reentrant,
        Error::Changed,
        Error::not_durable(io()),
        Error::unverified(io()),
        Error::Remote {
            action: "remove a key",
            server: "redis://cache:6379/0".to_owned(),
            cause: RemoteError::new(RemoteErrorKind::Unavailable, "no answer within 1 s").maybe_applied(),
        },
        Error::UnknownKeyspace { name: text.clone() },
        Error::KeyspaceReplaced { name: text.clone() },
        Error::NeedsTypes { keyspace: text, cause: "open the keyspace in this process" },
        Error::NotRemote { what: "export", remedy: "use a cache with a file" },
        Error::Closed,
        Error::Forked,
        Error::NotForked,
    ]
}

#[test]
fn every_error_is_debugged_as_its_text_with_the_name_of_its_variant() {
    let examples = examples();
    let names: Vec<&str> = examples.iter().map(Error::variant).collect();
    assert_eq!(names, variants(include_str!("../../error.rs"), "Error"), "an example of each variant");
    for error in examples {
        let (text, debugged) = (error.to_string(), format!("{error:?}"));
        let source = error.source().map_or(String::new(), |source| format!(": {source}"));
        assert_eq!(debugged, format!("{text} ({}{source})", error.variant()));
        assert_eq!(format!("{error:#?}"), debugged, "whatever asks");
    }
}

/// The variants whose source may be an error of the operating system.
const OF_THE_SYSTEM: [&str; 6] = ["Permission", "Io", "ControlSocket", "Thread", "NotDurable", "Verify"];

#[test]
fn the_error_of_the_system_is_in_the_sources_and_its_words_are_not_in_the_text() {
    for error in examples() {
        let of_the_system = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        let kind = of_the_system.map(std::io::Error::kind);
        let expected = OF_THE_SYSTEM.contains(&error.variant()).then_some(std::io::ErrorKind::StorageFull);
        assert_eq!(kind, expected, "{error:?}");
        let text = error.to_string();
        assert!(of_the_system.is_none_or(|source| !text.contains(&source.to_string())), "{text}");
    }
}

#[test]
fn an_error_that_is_unwrapped_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.larder");
    let _owner = Cache::builder().path(&path).open().unwrap();
    let refused = std::panic::catch_unwind(|| Cache::builder().path(&path).open().unwrap()).unwrap_err();
    let told = refused.downcast_ref::<String>().unwrap();
    assert!(told.contains("is writing to it; open it read-only, stop that process"), "{told}");
    assert!(told.ends_with("(InUse)"), "{told}");
}

#[test]
fn an_error_of_a_load_is_debugged_with_the_loaders_own() {
    /// An error without `Display`.
    #[derive(Debug)]
    struct Opaque;
    type Loading = LoadError<std::io::Error>;
    let loader = LoadError::Loader(Arc::new(Opaque));
    assert_eq!(format!("{loader:?}"), "the loader failed: Opaque (Loader)");
    for (error, variant) in [
        (Loading::Panicked, "Panicked"),
        (Loading::Cycle, "Cycle"),
        (Loading::Timeout { waited: Duration::from_secs(1) }, "Timeout"),
        (Loading::Key(Error::Closed), "Key"),
    ] {
        assert_eq!(format!("{error:?}"), format!("{error} ({variant})"));
        assert!(error.to_string().len() > 20, "{error}");
    }
}

#[cfg(all(unix, feature = "control"))]
#[test]
fn an_error_of_the_control_socket_is_debugged_as_its_text() {
    use crate::ops::control::client_error::ClientError;
    let (path, cause) = (PathBuf::from("/run/shop.sock"), "text".to_owned());
    let refusal = serde_json::json!({ "kind": "busy", "cause": "too many", "remedy": "try again" });
    for (error, variant, remedy) in [
        (
            ClientError::Connect { path: path.clone(), source: std::io::ErrorKind::NotFound.into() },
            "Connect",
            "is the process running",
        ),
        (
            ClientError::Disconnected { path: path.clone(), source: std::io::ErrorKind::TimedOut.into() },
            "Disconnected",
            "ask again",
        ),
        (
            ClientError::Silent { path: path.clone(), waited: std::time::Duration::from_secs(5) },
            "Silent",
            "within 5s",
        ),
        (ClientError::Garbled { path, cause }, "Garbled", "larder of this version"),
        (ClientError::Refused(serde_json::from_value(refusal).unwrap()), "Refused", "try again"),
    ] {
        let source = error.source().map_or(String::new(), |source| format!(": {source}"));
        assert_eq!(format!("{error:?}"), format!("{error} ({variant}{source})"));
        assert!(error.to_string().contains(remedy), "{error}");
    }
}
