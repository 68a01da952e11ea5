//! Stores sessions with a TTL, and tests their expiry with a clock that the tests set.
//!
//! `cargo run -p larder --example manual_clock` runs the application, and `cargo test -p larder --example
//! manual_clock` runs its tests. No test sleeps.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, Error, Keyspace, KeyspaceDefinition};

const TTL: Duration = Duration::from_mins(30);
const SESSION: KeyspaceDefinition<u64, String> = KeyspaceDefinition::new("session").ttl(TTL);

/// The sessions of logged-in users. A session lasts half an hour.
struct Sessions(Keyspace<u64, String>);

impl Sessions {
    /// Takes an open cache, so that a test can pass one with a manual clock.
    fn open(cache: &Cache) -> Result<Self, Error> {
        Ok(Self(cache.keyspace(SESSION)?))
    }

    fn log_in(&self, id: u64, user: &str) -> Result<(), Error> {
        self.0.insert(&id, user.to_owned())
    }

    fn user(&self, id: u64) -> Option<Arc<String>> {
        self.0.get(&id)
    }
}

pub(crate) fn main() -> Result<(), Error> {
    let cache = Cache::builder().open()?;
    let sessions = Sessions::open(&cache)?;
    sessions.log_in(7, "Ada")?;
    println!("session 7: {:?}", sessions.user(7));
    println!("session 8: {:?}", sessions.user(8));
    cache.close()
}

#[cfg(test)]
mod tests {
    use larder::clock::ManualClock;

    use super::*;

    #[test]
    fn a_session_ends_after_half_an_hour() {
        let clock = Arc::new(ManualClock::new());
        let cache = Cache::builder().clock(clock.clone()).open().unwrap();
        let sessions = Sessions::open(&cache).unwrap();
        sessions.log_in(7, "Ada").unwrap();
        clock.advance(Duration::from_mins(29));
        assert_eq!(sessions.user(7).as_deref().map(String::as_str), Some("Ada"));
        clock.advance(Duration::from_mins(1));
        assert_eq!(sessions.user(7), None);
    }

    #[test]
    fn a_session_outlives_a_restart_and_still_ends_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new());
        let open = || Cache::builder().path(dir.path().join("c.larder")).clock(clock.clone()).open().unwrap();
        let cache = open();
        Sessions::open(&cache).unwrap().log_in(7, "Ada").unwrap();
        cache.close().unwrap();

        // Reopens the cache after the service has been down for 29 minutes.
        clock.advance(Duration::from_mins(29));
        let cache = open();
        let sessions = Sessions::open(&cache).unwrap();
        assert!(sessions.user(7).is_some());
        clock.advance(Duration::from_mins(1));
        assert!(sessions.user(7).is_none());
    }
}
