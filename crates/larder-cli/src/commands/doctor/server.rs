//! The checks of a cache at a Redis or Valkey server: the checklist of the guide.
//!
//! The facts come from the URL, from `INFO`, from `CONFIG GET` if the server allows it to this user, from
//! an attempt to track keys, and from the Sentinels. The guide also lists checks of the application (its
//! invalidations, its fallback), which this command can't make.

use std::time::Duration;

use larder::ByteSize;
use larder::inspect::escape_control;
use larder_redis::inspect::{SentinelAnswer, ServerInfo, ServerInspector};

use super::report::{CheckResult, Report};
use super::sentinels;
use crate::args::DoctorOptions;
use crate::cache::server::{ServerUrl, name};
use crate::term::exit::{Exit, Failure};
use crate::term::time::span;

/// The oldest version of the server that the client of a shared cache supports.
const MIN_VERSION: (u64, u64) = (6, 2);
/// Percent of a limit at which a check warns.
const NEARLY_FULL: u64 = 90;

#[derive(Debug, Default)]
struct Facts {
    info: ServerInfo,
    /// The setting `appendfsync`, if the server reports it.
    fsync: Option<String>,
    /// The setting `tracking-table-max-keys`, if the server reports it.
    max_tracked: Option<u64>,
    /// The setting `min-replicas-to-write`, if the server reports it.
    min_replicas: Option<u64>,
    /// The reason why the server refuses to push changed keys.
    tracking_error: Option<String>,
    /// Whether the URL declares that no acknowledged change is ever lost.
    is_declared_durable: bool,
    /// The number of replicas that each removal waits for.
    awaited_replicas: u64,
    /// The number of Sentinels in a majority, and the answer of each Sentinel.
    sentinels: Option<(usize, Vec<SentinelAnswer>)>,
}

impl Facts {
    fn of(inspector: &mut ServerInspector) -> Result<Self, Failure> {
        let mut number = |name: &str| -> Result<Option<u64>, Failure> {
            Ok(inspector.setting(name)?.and_then(|value| value.parse().ok()))
        };
        let (max_tracked, min_replicas) =
            (number("tracking-table-max-keys")?, number("min-replicas-to-write")?);
        Ok(Self {
            info: inspector.info()?,
            fsync: inspector.setting("appendfsync")?,
            max_tracked,
            min_replicas,
            tracking_error: inspector
                .try_tracking()
                .err()
                .map(|error| escape_control(&error.to_string()).into_owned()),
            is_declared_durable: inspector.is_declared_durable(),
            awaited_replicas: inspector.awaited_replicas().into(),
            sentinels: inspector.sentinels(),
        })
    }

    fn number(&self, field: &str) -> u64 {
        self.info.number(field).unwrap_or_default()
    }

    fn lines(&self) -> Vec<CheckResult> {
        let sentinels = self.sentinels.as_ref();
        let sentinels = sentinels.map(|(majority, answers)| sentinels::check(*majority, answers));
        let others = [
            self.version(),
            self.tracking(),
            self.tracking_table(),
            self.memory(),
            self.policy(),
            self.persistence(),
            self.writes(),
            self.replicas(),
            self.clients(),
            self.hits(),
        ];
        sentinels.into_iter().chain(others).collect()
    }

    fn version(&self) -> CheckResult {
        let check = "version";
        let (Some(name), Some(compatible)) = (self.info.version(), self.info.field("redis_version")) else {
            return CheckResult::unknown(check, "INFO does not say it", "allow the user `+info`");
        };
        // Valkey names here the version of Redis that it is compatible with.
        let mut parts = compatible.split('.').map(|part| part.parse().unwrap_or(0));
        let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        let uptime = span(Duration::from_secs(self.number("uptime_in_seconds")));
        let found = format!("{name}, up for {uptime}");
        if version < MIN_VERSION {
            return CheckResult::fail(check, found, "install Redis 6.2 or later, or Valkey");
        }
        CheckResult::pass(check, found)
    }

    fn tracking(&self) -> CheckResult {
        let check = "tracking";
        match &self.tracking_error {
            None => CheckResult::pass(check, "the server pushes changed keys to this user"),
            Some(error) => CheckResult::fail(
                check,
                format!("the server refuses to push changed keys: {error}"),
                "allow it: ACL SETUSER NAME ~PREFIX:* +@read +@write +@scripting +@connection +info +time",
            ),
        }
    }

    fn tracking_table(&self) -> CheckResult {
        let (check, tracked) = ("tracking_table", self.number("tracking_total_keys"));
        match self.max_tracked {
            Some(0) => CheckResult::pass(check, format!("{tracked} keys are tracked, without a limit")),
            Some(limit) => {
                let remedy = is_nearly_full(tracked, limit).then(|| {
                    format!(
                        "the server forgets keys beyond it, and clients drop their copies of them: \
                         redis-cli CONFIG SET tracking-table-max-keys {}, and in redis.conf; or \
                         tracking=broadcast in LARDER_URL",
                        limit.saturating_mul(4)
                    )
                });
                let found = format!(
                    "{tracked} keys are tracked, of at most {limit}; `get_or_load` tracks two for each key"
                );
                CheckResult::warn_if(check, found, remedy).with("tracked_keys", tracked)
            }
            None => unasked(check, "tracking-table-max-keys"),
        }
    }

    fn memory(&self) -> CheckResult {
        let (check, used) = ("memory_limit", self.number("used_memory"));
        match self.info.number("maxmemory") {
            None => CheckResult::unknown(check, "INFO does not say it", "allow the user `+info`"),
            Some(0) => CheckResult::warn(
                check,
                format!("no limit; {} in use", ByteSize::bytes(used)),
                "set one, so that the system does not end the server: redis-cli CONFIG SET maxmemory 1gb, and \
                 in redis.conf",
            ),
            Some(limit) => {
                let found = format!("{} in use, of {}", ByteSize::bytes(used), ByteSize::bytes(limit));
                CheckResult::pass(check, found).with("used_bytes", used).with("limit_bytes", limit)
            }
        }
    }

    fn policy(&self) -> CheckResult {
        let check = "eviction_policy";
        let Some(policy) = self.info.field("maxmemory_policy") else {
            return CheckResult::unknown(check, "INFO does not say it", "allow the user `+info`");
        };
        let evicted = self.number("evicted_keys");
        let found = format!("{policy}; {evicted} keys evicted since the start");
        let choose = "redis-cli CONFIG SET maxmemory-policy allkeys-lru, and in redis.conf";
        let remedy = match policy {
            "allkeys-lru" | "allkeys-lfu" => None,
            "noeviction" => Some(format!("a full server refuses every insert and load: {choose}")),
            "allkeys-random" => Some(format!("it evicts entries in use as soon as others: {choose}")),
            _ => Some(format!("it never evicts entries without a TTL, and refuses inserts then: {choose}")),
        };
        CheckResult::warn_if(check, found, remedy).with("evicted_keys", evicted)
    }

    fn persistence(&self) -> CheckResult {
        let check = "persistence";
        let (aof, fsync) = (self.number("aof_enabled") == 1, self.fsync.as_deref());
        let declared = self.is_declared_durable;
        match (aof, fsync) {
            (true, Some("always")) if declared => {
                CheckResult::pass(check, "appendfsync always: entries outlive a restart")
            }
            (true, Some("always")) => CheckResult::warn(
                check,
                "appendfsync always, but LARDER_URL does not say so: a restart makes every entry a miss",
                "if no replica takes the server's place, declare it: fsync=always in LARDER_URL",
            ),
            (true, None) => unasked(check, "appendfsync"),
            (_, fsync) if declared => CheckResult::fail(
                check,
                format!(
                    "LARDER_URL declares fsync=always, but the server has {}: after a crash, removed entries \
                     come back",
                    if aof {
                        format!("appendfsync {}", fsync.unwrap_or("unknown"))
                    } else {
                        "no AOF".to_owned()
                    }
                ),
                "redis-cli CONFIG SET appendonly yes, CONFIG SET appendfsync always, and in redis.conf; or take \
                 fsync=always out of LARDER_URL",
            ),
            (true, Some(fsync)) => CheckResult::pass(
                check,
                format!(
                    "AOF with appendfsync {fsync}: a restart makes every entry a miss, since removals of \
                         the last moment may be lost"
                ),
            ),
            (false, _) if self.number("rdb_last_save_time") > 0 && self.saves_snapshots() => {
                CheckResult::pass(
                    check,
                    "RDB snapshots: a restart makes every entry a miss, since later removals are lost",
                )
            }
            (false, _) => CheckResult::warn(
                check,
                "none: a restart begins empty, and the database has all the load at once",
                "if that is too much for it: redis-cli CONFIG SET appendonly yes, CONFIG SET appendfsync always, \
                 and in redis.conf, with fsync=always in LARDER_URL",
            ),
        }
    }

    /// Returns whether a snapshot was made since the start of the server. If there was none, the server
    /// reports the time of its start as the time of the last snapshot.
    fn saves_snapshots(&self) -> bool {
        let started = self.number("server_time_usec") / 1_000_000;
        let started = started.saturating_sub(self.number("uptime_in_seconds"));
        self.info
            .number("rdb_saves")
            .map_or(self.number("rdb_last_save_time") > started.saturating_add(1), |saves| saves > 0)
    }

    /// Checks whether the server can write its data to the disk.
    fn writes(&self) -> CheckResult {
        let check = "persistence_errors";
        let is_failed = |field: &str| self.info.field(field).is_some_and(|status| status != "ok");
        if is_failed("rdb_last_bgsave_status") || is_failed("aof_last_write_status") {
            return CheckResult::fail(
                check,
                "the server could not write its data, and may refuse changes (MISCONF)",
                "free the disk, and read the server's log; redis-cli BGSAVE tries again",
            );
        }
        CheckResult::pass(check, "the last writes of its data have succeeded")
    }

    fn replicas(&self) -> CheckResult {
        let (check, replicas) = ("replicas", self.number("connected_slaves"));
        if self.awaited_replicas > replicas {
            return CheckResult::fail(
                check,
                format!(
                    "{replicas} are connected, and replicas={} is in LARDER_URL: every removal is an error",
                    self.awaited_replicas
                ),
                "connect them, or lower replicas= in LARDER_URL",
            );
        }
        if replicas == 0 {
            return CheckResult::pass(check, "none: no other server can take its place with older data");
        }
        let found = format!("{replicas} connected");
        match self.min_replicas {
            None => unasked(check, "min-replicas-to-write"),
            Some(0) => CheckResult::warn(
                check,
                format!("{found}; a master that is cut off from them goes on answering"),
                "redis-cli CONFIG SET min-replicas-to-write 1, CONFIG SET min-replicas-max-lag 1, and in \
                 redis.conf; replicas=1 in LARDER_URL makes a removal wait for one",
            ),
            Some(_) => CheckResult::pass(check, found),
        }
    }

    fn clients(&self) -> CheckResult {
        let (check, clients) = ("clients", self.number("connected_clients"));
        let Some(limit) = self.info.number("maxclients").filter(|limit| *limit > 0) else {
            return CheckResult::pass(check, format!("{clients} connected"));
        };
        let remedy = is_nearly_full(clients, limit)
            .then(|| "raise maxclients in redis.conf, and the limit of open files".to_owned());
        CheckResult::warn_if(check, format!("{clients} connected, of at most {limit}"), remedy)
    }

    fn hits(&self) -> CheckResult {
        let (hits, misses) = (self.number("keyspace_hits"), self.number("keyspace_misses"));
        let all = u128::from(hits) + u128::from(misses);
        if all == 0 {
            let wait = "ask again when the application has run";
            return CheckResult::unknown("lookups", "the server was asked for no key yet", wait);
        }
        let percent = u128::from(hits) * 100 / all;
        let found = format!("{percent} % of {all} lookups of all clients at the server were hits");
        CheckResult::pass("lookups", found).with("hits", hits).with("misses", misses)
    }
}

/// Returns whether so much of a limit is in use that a check warns. A server may report any numbers, so the
/// products need 128 bits.
fn is_nearly_full(used: u64, limit: u64) -> bool {
    u128::from(used) * 100 >= u128::from(limit) * u128::from(NEARLY_FULL)
}

/// Returns the result of a check whose setting the server does not report.
fn unasked(check: &'static str, setting: &str) -> CheckResult {
    let remedy = format!("allow the user `+config|get`, or look: redis-cli CONFIG GET {setting}");
    CheckResult::unknown(check, format!("the server does not say {setting}"), remedy)
}

pub(crate) fn run(server: &ServerUrl, options: &DoctorOptions) -> Result<Exit, Failure> {
    if options.deep || options.socket.is_some() {
        let text = "a server has no answer to --deep and --socket; for a process, give its socket alone";
        return Err(Failure::new(Exit::Usage, text));
    }
    let mut inspector = server.connect(options.json)?;
    let facts = Facts::of(&mut inspector)?;
    Report { subject: name(&inspector), lines: facts.lines() }.finish(options.json)
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    fn facts(info: &str) -> Facts {
        Facts { info: ServerInfo::parse(info), fsync: Some("everysec".to_owned()), ..Facts::default() }
    }

    fn verdict(facts: &Facts, check: &str) -> Verdict {
        facts.lines().into_iter().find(|line| line.check == check).unwrap().verdict
    }

    #[test]
    fn the_version_of_valkey_is_its_own() {
        let facts = facts("redis_version:7.2.4\nvalkey_version:9.1.2\nuptime_in_seconds:60");
        let version = facts.version();
        assert_eq!(
            (version.verdict, version.found.as_str()),
            (Verdict::Pass, "Valkey 9.1.2, up for 1 min 0 s")
        );
    }

    #[test]
    fn each_check_tells_a_good_setting_from_a_bad_one() {
        use Verdict::{Fail, Pass, Unknown, Warn};
        for (check, info, expected) in [
            ("version", "redis_version:6.2.0", Pass),
            ("version", "redis_version:6.0.16", Fail),
            ("version", "redis_version:10.0.0", Pass),
            ("version", "", Unknown),
            ("memory_limit", "maxmemory:0", Warn),
            ("memory_limit", "maxmemory:1000", Pass),
            ("eviction_policy", "maxmemory_policy:allkeys-lfu", Pass),
            ("eviction_policy", "maxmemory_policy:noeviction", Warn),
            ("eviction_policy", "maxmemory_policy:volatile-lru", Warn),
            ("persistence", "aof_enabled:1", Pass),
            ("persistence", "aof_enabled:0", Warn),
            ("persistence", "aof_enabled:0\nrdb_saves:1\nrdb_last_save_time:5", Pass),
            ("persistence_errors", "rdb_last_bgsave_status:err", Fail),
            ("persistence_errors", "rdb_last_bgsave_status:ok", Pass),
            ("clients", "connected_clients:95\nmaxclients:100", Warn),
            ("clients", "connected_clients:5\nmaxclients:100", Pass),
            ("replicas", "connected_slaves:0", Pass),
            ("replicas", "connected_slaves:1", Unknown),
            ("lookups", "keyspace_hits:3\nkeyspace_misses:1", Pass),
            ("lookups", "", Unknown),
        ] {
            assert_eq!(verdict(&facts(info), check), expected, "{check} {info}");
        }
        let of = |change: fn(&mut Facts), info: &str, check: &str| {
            let mut facts = facts(info);
            change(&mut facts);
            verdict(&facts, check)
        };
        assert_eq!(of(|facts| facts.is_declared_durable = true, "aof_enabled:1", "persistence"), Fail);
        let always = |facts: &mut Facts| facts.fsync = Some("always".to_owned());
        assert_eq!(of(always, "aof_enabled:1", "persistence"), Warn);
        let both = |facts: &mut Facts| {
            facts.fsync = Some("always".to_owned());
            facts.is_declared_durable = true;
        };
        assert_eq!(of(both, "aof_enabled:1", "persistence"), Pass);
        assert_eq!(of(|facts| facts.fsync = None, "aof_enabled:1", "persistence"), Unknown);
        assert_eq!(of(|facts| facts.awaited_replicas = 1, "connected_slaves:0", "replicas"), Fail);
        assert_eq!(of(|facts| facts.min_replicas = Some(0), "connected_slaves:1", "replicas"), Warn);
        assert_eq!(of(|facts| facts.min_replicas = Some(1), "connected_slaves:1", "replicas"), Pass);
        assert_eq!(of(|facts| facts.tracking_error = Some("no".to_owned()), "", "tracking"), Fail);
        assert_eq!(of(|_| (), "", "tracking"), Pass);
        assert_eq!(of(|facts| facts.max_tracked = Some(10), "tracking_total_keys:9", "tracking_table"), Warn);
        assert_eq!(of(|facts| facts.max_tracked = Some(10), "tracking_total_keys:8", "tracking_table"), Pass);
        assert_eq!(of(|_| (), "", "tracking_table"), Unknown);
    }
}
