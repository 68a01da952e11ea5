//! Executes the request in a peer's line, and builds the answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;

use super::line::PROTOCOL;
use super::look::{KeyQuery, PageRequest};
use super::protocol::{Hello, LiveKeyspaceInfo, Removed, Request, VERBS, done};
use super::refusal::{Refusal, RefusalKind};
use super::stream::{Stream, not_sampled};
use super::target::Target;
use super::{look, text};
use crate::engine::removal::Removal;
use crate::engine::shared::Shared;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::LowestTier;
use crate::stats::Stats;
use crate::sys::user_code::drop_panic;

/// Default number of hot keys in an answer.
const HOT_KEYS: usize = 20;

/// Returns only the answer to a line. If a stream follows the answer, the stream is dropped.
#[cfg(any(test, feature = "test-util"))]
pub(crate) fn answer(cache: &Weak<Shared>, line: &[u8]) -> Vec<u8> {
    answer_or_stream(cache, line).0
}

/// Returns the answer to a line, and the stream that follows the answer, if any. Neither keeps the cache
/// open.
pub(super) fn answer_or_stream(cache: &Weak<Shared>, line: &[u8]) -> (Vec<u8>, Option<Stream>) {
    let answer = Request::read(line).and_then(|request| {
        let shared = cache.upgrade().ok_or_else(Refusal::closed)?;
        if let Request::Monitor(request) = &request {
            let only = request.keyspace.as_deref().map(|name| Target::find(&shared, name)).transpose()?;
            let (line, stream) = Stream::begin(&shared, request, only.map(|only| only.id))?;
            return Ok((line, Some(stream)));
        }
        // A request may run an application's code, such as a clock, which may panic.
        catch_unwind(AssertUnwindSafe(|| execute(&shared, request)))
            .unwrap_or_else(|panic| {
                drop_panic(panic);
                Err(Refusal::new(
                    RefusalKind::Panicked,
                    "the process panicked over it",
                    "see the process's log",
                ))
            })
            .map(|line| (line, None))
    });
    answer.unwrap_or_else(|refusal| (refusal.to_line(), None))
}

fn execute(shared: &Shared, request: Request) -> Result<Vec<u8>, Refusal> {
    Ok(match request {
        Request::Hello {} => done(&hello(shared)),
        Request::Stats {} => done(&stats(shared)),
        Request::Keyspaces {} => done(&keyspaces(shared)),
        Request::Keys { keyspace, prefix, after, limit, all } => {
            let target = Target::find(shared, &keyspace)?;
            refuse_remote(&target)?;
            let prefix = if prefix.is_empty() { Vec::new() } else { text::prefix(target.shape(), &prefix)? };
            let after = after.map(|after| text::key(target.shape(), &after)).transpose()?;
            let asked = PageRequest { prefix: &prefix, after: after.as_deref(), limit, all };
            done(&look::page(shared, &target, &asked)?)
        }
        Request::Get { keyspace, key } => at(shared, &keyspace, &key, KeyQuery::Value)?,
        Request::Ttl { keyspace, key } => at(shared, &keyspace, &key, KeyQuery::Status)?,
        Request::Why { keyspace, key } => at(shared, &keyspace, &key, KeyQuery::Why)?,
        Request::Remove { keyspace, key } => {
            let target = Target::find(shared, &keyspace)?;
            let full = [&target.id.to_bytes()[..], &text::key(target.shape(), &key)?].concat();
            removed(shared.invalidate([Removal::Key { counters: &target.uncounted, full: &full }])?)
        }
        Request::RemovePrefix { keyspace, prefix } => {
            let target = Target::find(shared, &keyspace)?;
            let start = [&target.id.to_bytes()[..], &text::prefix(target.shape(), &prefix)?].concat();
            remove_all(shared, &target, start)?
        }
        Request::Clear { keyspace } => {
            let target = Target::find(shared, &keyspace)?;
            remove_all(shared, &target, target.id.to_bytes().to_vec())?
        }
        // `Cache::clear` is not used here, because it would count an invalidation by the application.
        Request::ClearAll {} => removed(shared.invalidate([Removal::Everything])?),
        Request::Flush {} => {
            shared.flush()?;
            done(&serde_json::json!({}))
        }
        Request::Sweep {} => {
            shared.refuse_if_unusable()?;
            done(&shared.tiers.sweep()?)
        }
        Request::Verify {} => done(&shared.verify()?),
        Request::Hot { keyspace, limit } => {
            shared.refuse_if_unusable()?;
            let only = keyspace.map(|name| Target::find(shared, &name)).transpose()?;
            let hot = shared.hot_keys(only.map(|only| only.id), limit.unwrap_or(HOT_KEYS));
            done(&hot.ok_or_else(not_sampled)?)
        }
        Request::Slow { keyspace, limit } => {
            shared.refuse_if_unusable()?;
            // An unknown keyspace is an error, not an empty answer.
            keyspace.as_deref().map(|name| Target::find(shared, name)).transpose()?;
            done(&shared.slow_loads(keyspace.as_deref(), limit.unwrap_or(usize::MAX)))
        }
        // `answer_or_stream` has answered this request already.
        Request::Monitor(_) => {
            return Err(Refusal::new(RefusalKind::Failed, "a stream has no single answer", "report it"));
        }
    })
}

fn hello(shared: &Shared) -> Hello {
    let identity = shared.tiers.disk.with_status(|status| status.identity);
    Hello {
        larder: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL,
        pid: std::process::id(),
        verbs: VERBS.iter().map(|verb| (*verb).to_owned()).collect(),
        file: shared.files.as_ref().map(|files| files.path().to_string_lossy().into_owned()),
        file_identity: identity.map(|identity| identity.to_string()),
        shows_values: shared.settings.control_values,
    }
}

/// Returns the statistics. Replaces an error text that may quote a value, unless the application allows
/// values to be shown.
fn stats(shared: &Shared) -> Stats {
    let mut stats = shared.stats();
    for told in &mut stats.keyspaces {
        if let Some(cause) = &mut told.undecodable_cause {
            *cause = look::reason(shared, cause).to_owned();
        }
        // `look::cause` needs a `Cause`, which only the counters hold. The statistics hold only its text.
        let latest = shared
            .keyspaces
            .by_name
            .lock()
            .get(&told.name)
            .and_then(|open_keyspace| open_keyspace.counters.uncacheable_cause.latest());
        told.uncacheable_cause = latest.map(|cause| look::cause(shared, cause));
    }
    stats
}

/// Returns the answer to `get`, `ttl` and `why`: the result of a lookup of a key.
fn at(shared: &Shared, keyspace: &str, key: &str, wants: KeyQuery) -> Result<Vec<u8>, Refusal> {
    let target = Target::find(shared, keyspace)?;
    refuse_remote(&target)?;
    let key = text::key(target.shape(), key)?;
    Ok(done(&look::key(shared, &target, &key, wants)))
}

/// Refuses a request for the keys of a remote keyspace. Memory holds near copies of only some entries, and
/// a near copy may be older than the entry at the server.
fn refuse_remote(target: &Target) -> Result<(), Refusal> {
    if !target.id.is_remote() {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalKind::Failed,
        "the keyspace is at a server, and the process has copies of some of its entries",
        "ask the server",
    ))
}

fn remove_all(shared: &Shared, target: &Target, start: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    let scope = Scope::prefix(start);
    Ok(removed(shared.invalidate([Removal::Scope { counters: &target.uncounted, scope }])?))
}

fn removed(removed: u64) -> Vec<u8> {
    done(&Removed { removed })
}

/// Returns the open keyspaces and those that are only in the file, sorted by name.
fn keyspaces(shared: &Shared) -> Vec<LiveKeyspaceInfo> {
    let status = shared.tiers.disk.status();
    let open_keyspaces = shared.keyspaces.by_name.lock();
    let open = open_keyspaces.values().map(|open_keyspace| {
        let row = status.keyspaces.get(&open_keyspace.name).filter(|row| row.id == open_keyspace.id);
        // The schema in the file takes precedence over the definition's. Otherwise a peer could see a schema
        // that differs from the one that a reader of the file sees.
        let schema = row.map_or(open_keyspace.schema.map(str::to_owned), |row| row.schema.clone());
        LiveKeyspaceInfo {
            name: open_keyspace.name.clone(),
            is_open: true,
            version: Some(open_keyspace.kind.version),
            keys: Some(open_keyspace.shape.clone()),
            value_format: Some(open_keyspace.kind.format.code()),
            is_memory_only: open_keyspace.id.lowest_tier() == LowestTier::Memory,
            is_remote: open_keyspace.id.is_remote(),
            schema,
            disk_entries: row.map_or(0, |row| row.entries),
            disk_bytes: row.map_or(0, |row| row.bytes).into(),
        }
    });
    let closed =
        status.keyspaces.iter().filter(|(name, _)| !open_keyspaces.contains_key(*name)).map(|(name, row)| {
            LiveKeyspaceInfo {
                name: name.clone(),
                schema: row.schema.clone(),
                disk_entries: row.entries,
                disk_bytes: row.bytes.into(),
                ..LiveKeyspaceInfo::default()
            }
        });
    let mut all: Vec<_> = open.chain(closed).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}
