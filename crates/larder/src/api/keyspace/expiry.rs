//! Computes the expiry of an entry that is written, from the TTL of the write and the keyspace's TTL,
//! `max_age` and jitter.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Keyspace;
use super::fixed_life::PRECISE_BELOW;
use super::ttl::Ttl;
use crate::config::MIN_TTL;
use crate::format::key::Key;
use crate::memory::lookup::ReadEntry;
use crate::memory::slot_key::SlotKey;
use crate::units::Timestamp;

impl<K: Key, V> Keyspace<K, V> {
    /// Returns the time of the write, which may be one tick early, and the expiry of an entry that is written
    /// now. In a keyspace with a time to idle, the expiry is the hard limit
    /// ([`first_expiry`](Self::first_expiry)). `read` is the entry that the write replaces, if the caller has
    /// read it.
    #[inline]
    pub(super) fn expiry_after_write(
        &self,
        key: SlotKey<'_>,
        ttl: Ttl,
        read: Option<ReadEntry>,
    ) -> (Timestamp, Timestamp) {
        let coarse = self.shared.tiers.time.bounds().earliest;
        match (ttl, self.fixed_life) {
            (Ttl::Default, Some(life)) => (coarse, life.expiry(coarse)),
            _ => self.special_expiry(key, ttl, read, coarse),
        }
    }

    #[inline(never)]
    fn special_expiry(
        &self,
        key: SlotKey<'_>,
        ttl: Ttl,
        read: Option<ReadEntry>,
        coarse: Timestamp,
    ) -> (Timestamp, Timestamp) {
        let max_age = self.definition.age_limit();
        let ttl = match (ttl, self.definition.default_ttl()) {
            (Ttl::Keep, of_keyspace) => read.map_or(of_keyspace, |read| Ttl::Until(read.ends_at)),
            (Ttl::Default, of_keyspace) => of_keyspace,
            (of_write, _) => of_write,
        };
        let ttl = match ttl {
            Ttl::For(ttl) => Some(ttl.min(max_age.unwrap_or(ttl))),
            Ttl::Until(until) => return (coarse, self.capped(until, coarse)),
            Ttl::Never | Ttl::Default | Ttl::Keep => max_age,
        };
        let Some(ttl) = ttl else { return (coarse, Timestamp::NEVER) };
        // With the coarse clock, the entry may expire up to one tick early. For a short TTL, this error would
        // be too large.
        let now = if ttl < PRECISE_BELOW { self.now() } else { coarse };
        (now, now.expiry_after(self.jittered(key, ttl, now)))
    }

    /// Returns the earlier of an expiry and the latest expiry that `max_age` allows for a write at `now`.
    pub(super) fn capped(&self, expires_at: Timestamp, now: Timestamp) -> Timestamp {
        self.definition.age_limit().map_or(expires_at, |max_age| expires_at.min(now.expiry_after(max_age)))
    }

    /// Shortens a TTL by the keyspace's jitter, but not below [`MIN_TTL`]. The random amount is derived
    /// from the time of the write and the key's hash, whose seed is different in each cache.
    fn jittered(&self, key: SlotKey<'_>, ttl: Duration, now: Timestamp) -> Duration {
        let percent = self.definition.jitter_percent();
        if percent == 0 {
            return ttl;
        }
        let part = xxh3_64_with_seed(&now.as_millis().to_le_bytes(), key.hash) >> 32;
        let shorter = ttl.as_nanos() * u128::from(percent) * u128::from(part) / (100 << 32);
        let shorter = Duration::from_nanos(u64::try_from(shorter).unwrap_or(u64::MAX));
        ttl.saturating_sub(shorter).max(MIN_TTL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cache;
    use crate::api::keyspace::definition::KeyspaceDefinition;
    use crate::api::keyspace::fixed_life::FixedLife;

    #[test]
    fn a_fixed_life_ends_when_the_computed_one_does() {
        const NAME: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("name");
        let [second, hour, day] = [1, 3_600, 86_400].map(Duration::from_secs);
        let longer = Duration::from_micros(86_400_001_900);
        let cache = Cache::builder().open().unwrap();
        for (number, (definition, is_fixed)) in [
            (NAME.never_expires(), true),
            (NAME.ttl(hour), true),
            (NAME.ttl(longer), true),
            (NAME.ttl(hour).max_age(day), true),
            (NAME.ttl(second), false),
            (NAME.ttl(hour).jitter(10), false),
        ]
        .into_iter()
        .enumerate()
        {
            let life = FixedLife::of(&definition);
            assert_eq!(life.is_some(), is_fixed, "{number}");
            let Some(life) = life else { continue };
            let names = Keyspace::open(cache.shared(), definition).unwrap();
            let key = SlotKey { hash: 7, bytes: b"key" };
            for coarse in [1_000, u64::MAX - 2, u64::MAX - 1].map(Timestamp::from_millis) {
                let computed = names.special_expiry(key, Ttl::Default, None, coarse);
                assert_eq!((coarse, life.expiry(coarse)), computed, "{number}");
            }
        }
    }
}
