//! The policy of a registered loader: when the loader runs, and how long its callers wait.

use std::time::Duration;

use crate::api::keyspace::definition::KeyspaceDefinition;
use crate::api::keyspace::ttl::Ttl;
use crate::config::{MAX_INTERVAL, MAX_TTL, MIN_INTERVAL, MIN_TTL};
use crate::error::Error;
use crate::units::Timestamp;

/// The maximum of `-ln(random)`: the smallest random number is 2⁻⁵³.
const MAX_DRAW: f64 = 53.0 * std::f64::consts::LN_2;

/// The policy of a keyspace with a registered loader, such as a
/// [`LoadingKeyspace`](crate::LoadingKeyspace): when the loader runs, and how long its callers wait. By
/// default, the loader runs only for keys without a live value, and not in the background.
///
/// ```
/// use std::time::Duration;
/// use larder::LoadPolicy;
///
/// const POLICY: LoadPolicy = LoadPolicy::new()
///     .refresh_after(Duration::from_secs(30))
///     .soft_timeout(Duration::from_millis(50))
///     .hard_timeout(Duration::from_secs(2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[must_use = "a policy does nothing until a loader is registered with it"]
pub struct LoadPolicy {
    refresh_after: Option<Duration>,
    early_expiration: Option<f64>,
    soft_timeout: Option<Duration>,
    hard_timeout: Option<Duration>,
}

impl LoadPolicy {
    /// Returns the default policy, which has no refreshes and no timeouts.
    pub const fn new() -> Self {
        Self { refresh_after: None, early_expiration: None, soft_timeout: None, hard_timeout: None }
    }

    /// Refreshes a value in the background if a lookup finds that it was written at least `age` ago. Until
    /// the refresh ends, callers get the old value while it is live. `age` must be shorter than the
    /// keyspace's TTL and its `max_age`.
    ///
    /// Every write resets the age, such as an insert, an atomic change, a load, a refresh, or a touch,
    /// including [`touch_with`](crate::Keyspace::touch_with) and [`persist`](crate::Keyspace::persist). A
    /// touch loads nothing, but confirms the value for another TTL. So a value that is touched more often
    /// than `age` is not refreshed. If a value was already in memory when the loader was registered, its
    /// age may be counted from the registration.
    pub const fn refresh_after(mut self, age: Duration) -> Self {
        self.refresh_after = Some(age);
        self
    }

    /// Refreshes a value in the background shortly before it expires, at a random time. If a key has many
    /// callers, one of them is likely to begin the refresh in time, so the key hardly ever expires under
    /// load. A value that takes longer to load is refreshed earlier.
    ///
    /// The algorithm is `XFetch` of the paper below: a caller begins a refresh if `now - load_time * beta *
    /// ln(random) >= expires_at`. A `beta` of 1 is optimal for most uses, and a larger `beta` refreshes
    /// earlier. `beta` must be a finite number above 0.
    ///
    /// Values that never expire are not refreshed early. Neither are values without a recorded load time:
    /// values that were inserted or changed, and most values that were loaded while no loader with
    /// refreshes was registered. A touch keeps the recorded load time.
    ///
    /// In a keyspace with a [`time_to_idle`](KeyspaceDefinition::time_to_idle), only the value's TTL counts
    /// as its expiry, because a use extends the time to idle.
    ///
    /// Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention. VLDB 2015.
    pub const fn early_expiration(mut self, beta: f64) -> Self {
        self.early_expiration = Some(beta);
        self
    }

    /// Limits how long a caller waits if there is a stale value ([`grace`](KeyspaceDefinition::grace)): after
    /// `timeout`, the caller gets the stale value. The load continues, and its value is cached. The timeout
    /// is 1 ms to an hour, in real time, and shorter than the hard timeout. The keyspace must have a grace.
    pub const fn soft_timeout(mut self, timeout: Duration) -> Self {
        self.soft_timeout = Some(timeout);
        self
    }

    /// Limits how long a caller waits. After `timeout`, the caller gets the stale value, or
    /// [`LoadError::Timeout`](crate::LoadError::Timeout) if there is none. The timeout is 1 ms to an hour, in
    /// real time.
    ///
    /// For this loader, the hard timeout replaces the cache's
    /// [`lease_timeout`](crate::CacheBuilder::lease_timeout): if a load takes longer, its value is not
    /// cached, and another caller may load the key. A loader that runs on a thread is not stopped, so also
    /// set a timeout on its queries.
    pub const fn hard_timeout(mut self, timeout: Duration) -> Self {
        self.hard_timeout = Some(timeout);
        self
    }

    pub(super) const fn soft(&self) -> Option<Duration> {
        self.soft_timeout
    }

    pub(super) const fn hard(&self) -> Option<Duration> {
        self.hard_timeout
    }

    /// Returns whether the policy has a timeout.
    pub(super) const fn has_timeout(&self) -> bool {
        self.soft_timeout.is_some() || self.hard_timeout.is_some()
    }

    pub(super) const fn refreshes(&self) -> bool {
        self.refresh_after.is_some() || self.early_expiration.is_some()
    }

    /// Returns whether a hit begins a refresh. `entry` is the time of the entry's last write, its expiry, and
    /// the duration of its load. `random` must return a number above 0 and up to 1.
    pub(super) fn is_due(
        &self,
        now: Timestamp,
        entry: (Timestamp, Timestamp, Option<Duration>),
        random: impl FnOnce() -> f64,
    ) -> bool {
        let (written_at, expires_at, load_time) = entry;
        if self.refresh_after.is_some_and(|age| now.since(written_at) >= age) {
            return true;
        }
        let (Some(beta), Some(load_time)) = (self.early_expiration, load_time) else { return false };
        if expires_at.is_never() {
            return false;
        }
        let (left, mean) = (expires_at.since(now).as_secs_f64(), load_time.as_secs_f64() * beta);
        // The first condition avoids drawing a random number for most hits, where no number could begin a
        // refresh.
        left <= mean * MAX_DRAW && left <= mean * -random().ln()
    }

    /// Refuses settings that are out of range, or contradict each other or the keyspace.
    pub(super) fn validate<K, V>(&self, definition: &KeyspaceDefinition<K, V>) -> Result<(), Error> {
        if let Some(age) = self.refresh_after {
            check("refresh_after", age, MIN_TTL, MAX_TTL)?;
            let ttl = if let Ttl::For(ttl) = definition.default_ttl() { Some(ttl) } else { None };
            if let Some(life) = ttl.or(definition.age_limit()).filter(|life| age >= *life) {
                let allowed = format!("it must be below the keyspace's TTL or max_age of {life:?}");
                return refuse("refresh_after", format!("{age:?}"), allowed);
            }
        }
        if let Some(beta) = self.early_expiration.filter(|beta| !(beta.is_finite() && *beta > 0.0)) {
            let allowed = "it may be any finite number above 0".to_owned();
            return refuse("early_expiration", beta.to_string(), allowed);
        }
        if let Some(hard) = self.hard_timeout {
            check("hard_timeout", hard, MIN_INTERVAL, MAX_INTERVAL)?;
        }
        let Some(soft) = self.soft_timeout else { return Ok(()) };
        check("soft_timeout", soft, MIN_INTERVAL, MAX_INTERVAL)?;
        if let Some(hard) = self.hard_timeout.filter(|hard| soft >= *hard) {
            let allowed = format!("it must be below the hard_timeout of {hard:?}");
            return refuse("soft_timeout", format!("{soft:?}"), allowed);
        }
        if definition.stale_for().is_zero() {
            let allowed = "it needs a grace of the keyspace: without one there is no stale value".to_owned();
            return refuse("soft_timeout", format!("{soft:?}"), allowed);
        }
        Ok(())
    }
}

fn refuse(setting: &'static str, value: String, allowed: String) -> Result<(), Error> {
    Err(Error::InvalidSetting { setting, value, allowed })
}

fn check(setting: &'static str, value: Duration, min: Duration, max: Duration) -> Result<(), Error> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    refuse(setting, format!("{value:?}"), format!("it may be from {min:?} to {max:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_mins(1);
    const DEFINITION: KeyspaceDefinition<u64, u64> = KeyspaceDefinition::new("price").ttl(TTL);
    const SECOND: Duration = Duration::from_secs(1);

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn a_value_is_due_at_its_age() {
        let policy = LoadPolicy::new().refresh_after(SECOND);
        let is_due = |now| policy.is_due(at(now), (at(5_000), at(65_000), Some(SECOND)), || 1e-9);
        assert!(!is_due(5_999) && is_due(6_000));
        assert!(!is_due(0), "the clock of a file may be behind");
        assert!(!LoadPolicy::new().is_due(at(64_999), (at(0), at(65_000), Some(SECOND)), || 1e-9));
    }

    #[test]
    fn early_expiration_follows_its_formula() {
        let policy = LoadPolicy::new().early_expiration(2.0);
        let is_due = |left: u64, load_time, random: f64| {
            policy.is_due(at(100_000 - left), (at(0), at(100_000), load_time), || random)
        };
        // The load took 3 s, beta is 2, and -ln(1/e) is 1. So a refresh is due 6 s before the expiry.
        let random = 1.0 / std::f64::consts::E;
        assert!(is_due(5_990, Some(3 * SECOND), random) && !is_due(6_010, Some(3 * SECOND), random));
        assert!(!is_due(1, None, 1e-300), "an unknown load time");
        assert!(!is_due(1, Some(SECOND), 1.0), "the logarithm of one is zero");
        let never = (at(0), Timestamp::NEVER, Some(SECOND));
        assert!(!policy.is_due(at(100_000), never, || unreachable!("nothing to draw for")));
        assert!(!is_due(99_999, Some(Duration::from_millis(1)), f64::NAN), "nothing is drawn so early");
    }

    #[test]
    fn a_caller_is_early_with_the_probability_of_the_paper() {
        // P(-ln(random) >= x) = e^-x. For a load of 1 s, at 2 s before the expiry, this is e^-2, or 13.5 %.
        let policy = LoadPolicy::new().early_expiration(1.0);
        let of_10_000 = (1..=10_000).filter(|draw| {
            let random = f64::from(*draw) / 10_000.0;
            policy.is_due(at(98_000), (at(0), at(100_000), Some(SECOND)), || random)
        });
        assert_eq!(of_10_000.count(), 1_353);
    }

    #[test]
    fn contradictions_are_refused() {
        let graceful = DEFINITION.grace(TTL);
        let zero = Duration::ZERO;
        let of = |policy: LoadPolicy, definition: &KeyspaceDefinition<u64, u64>| {
            policy.validate(definition).map_err(|error| match error {
                Error::InvalidSetting { setting, .. } => setting,
                other => panic!("{other}"),
            })
        };
        let new = LoadPolicy::new;
        assert_eq!(of(new().refresh_after(TTL), &DEFINITION), Err("refresh_after"));
        assert_eq!(of(new().refresh_after(zero), &DEFINITION), Err("refresh_after"));
        assert_eq!(of(new().refresh_after(TTL), &DEFINITION.never_expires()), Ok(()));
        assert_eq!(
            of(new().refresh_after(TTL), &DEFINITION.never_expires().max_age(TTL)),
            Err("refresh_after")
        );
        for beta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(of(new().early_expiration(beta), &DEFINITION), Err("early_expiration"), "{beta}");
        }
        assert_eq!(of(new().hard_timeout(zero), &DEFINITION), Err("hard_timeout"));
        assert_eq!(of(new().hard_timeout(Duration::MAX), &DEFINITION), Err("hard_timeout"));
        assert_eq!(of(new().soft_timeout(zero), &graceful), Err("soft_timeout"));
        assert_eq!(of(new().soft_timeout(SECOND), &DEFINITION), Err("soft_timeout"));
        assert_eq!(of(new().soft_timeout(SECOND).hard_timeout(SECOND), &graceful), Err("soft_timeout"));
        assert_eq!(of(new().soft_timeout(SECOND).hard_timeout(2 * SECOND), &graceful), Ok(()));
    }
}
