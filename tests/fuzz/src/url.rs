//! URLs of settings: never a panic, never a password shown, and what is understood means one thing.

use larder::{CacheBuilder, Error};

/// How the target reads a URL; a test gives it a broken way.
pub(crate) type Read = fn(&str) -> Result<CacheBuilder, Error>;

/// What a URL may not show, whatever is wrong with it.
const SECRET: &str = "S3cretPassw0rd";

pub(crate) fn check(read: Read, data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match read(&text) {
        Err(error) => {
            assert!(matches!(error, Error::InvalidUrl { .. }), "{text:?} is no URL, and yet: {error}");
        }
        Ok(builder) => {
            // Settings that a URL leaves out are the usual ones, whatever it says of others.
            let again = read(&text).unwrap();
            assert_eq!(format!("{builder:?}"), format!("{again:?}"));
            assert!(text.starts_with("file:") || text.starts_with("memory:"), "{text:?} was understood");
        }
    }
    // The same as the password of a server, and as what stands after it.
    let with_secret = format!("redis://user:{SECRET}@{text}");
    if text.contains(SECRET) {
        return;
    }
    let Err(error) = read(&with_secret) else { panic!("{with_secret:?} was understood") };
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
}
