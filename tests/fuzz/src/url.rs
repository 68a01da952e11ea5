//! URLs of settings. Reading a URL never panics and never shows a password, and a URL has one meaning.

use larder::{CacheBuilder, Error};

/// The function under test. It reads a URL. A test replaces it by a broken function.
pub(crate) type Read = fn(&str) -> Result<CacheBuilder, Error>;

/// The password that no error may show.
const SECRET: &str = "S3cretPassw0rd";

pub(crate) fn check(read: Read, data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match read(&text) {
        Err(error) => {
            assert!(matches!(error, Error::InvalidUrl { .. }), "{text:?} is no URL, and yet: {error}");
        }
        Ok(builder) => {
            // Settings that a URL does not name have their defaults, independent of the other settings in the
            // URL.
            let again = read(&text).unwrap();
            assert_eq!(format!("{builder:?}"), format!("{again:?}"));
            assert!(text.starts_with("file:") || text.starts_with("memory:"), "{text:?} was understood");
        }
    }
    // The secret takes the place of a server's password, before the text.
    let with_secret = format!("redis://user:{SECRET}@{text}");
    if text.contains(SECRET) {
        return;
    }
    let Err(error) = read(&with_secret) else { panic!("{with_secret:?} was understood") };
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
}
