//! Fuzzes URLs that contain settings. Parsing never panics, no error shows a password, and the same URL
//! always gives the same settings.

use larder::{CacheBuilder, Error};

/// The function under test, which parses a URL. The tests also pass a broken one.
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
            let again = read(&text).unwrap();
            assert_eq!(format!("{builder:?}"), format!("{again:?}"));
            let url = text.trim_ascii_start();
            assert!(url.starts_with("file:") || url.starts_with("memory:"), "{text:?} was understood");
        }
    }
    // Makes a server URL with the secret as its password. The text takes the place of the host.
    let with_secret = format!("redis://user:{SECRET}@{text}");
    if text.contains(SECRET) {
        return;
    }
    let Err(error) = read(&with_secret) else { panic!("{with_secret:?} was understood") };
    assert!(!format!("{error} {error:?}").contains(SECRET), "the password is shown: {error}");
}
