//! Doing what a line asks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;

use super::look::{PageRequest, Wants};
use super::protocol::{Hello, KeyspaceInfo, PROTOCOL, Refusal, Removed, Request, VERBS, done};
use super::stream::{Stream, not_sampled};
use super::target::Target;
use super::{look, text};
use crate::api::cache::Cache;
use crate::engine::removal::Removal;
use crate::engine::shared::Inner;
use crate::format::key::scope::Scope;
use crate::stats::Stats;

/// Hot keys that are told unless asked otherwise.
const HOT_KEYS: usize = 20;

/// The answer to a line, as far as it is one line.
#[cfg(any(test, feature = "test-util"))]
pub(super) fn answer(cache: &Weak<Inner>, line: &[u8]) -> Vec<u8> {
    answer_or_stream(cache, line).0
}

/// The answer to a line, and what follows it. The cache is held for no longer than that takes.
pub(super) fn answer_or_stream(cache: &Weak<Inner>, line: &[u8]) -> (Vec<u8>, Option<Stream>) {
    let answer = Request::read(line).and_then(|request| {
        let inner = cache.upgrade().ok_or_else(Refusal::closed)?;
        if let Request::Monitor(request) = &request {
            let only = request.keyspace.as_deref().map(|name| Target::find(&inner, name)).transpose()?;
            let (line, stream) = Stream::begin(&inner, request, only.map(|only| only.id))?;
            return Ok((line, Some(stream)));
        }
        let cache = Cache::of(inner);
        // What a removal lets go of is dropped here, and a user's `Drop` may panic.
        catch_unwind(AssertUnwindSafe(|| execute(&cache, request)))
            .unwrap_or_else(|_| {
                Err(Refusal::new("panicked", "the process panicked over it", "see the process's log"))
            })
            .map(|line| (line, None))
    });
    answer.unwrap_or_else(|refusal| (refusal.to_line(), None))
}

fn execute(cache: &Cache, request: Request) -> Result<Vec<u8>, Refusal> {
    let inner = cache.inner();
    Ok(match request {
        Request::Hello {} => done(&hello(inner)),
        Request::Stats {} => done(&stats(cache)),
        Request::Keyspaces {} => done(&keyspaces(inner)),
        Request::Keys { keyspace, prefix, after, limit, all } => {
            let target = Target::find(inner, &keyspace)?;
            let prefix = if prefix.is_empty() { Vec::new() } else { text::prefix(target.shape(), &prefix)? };
            let after = after.map(|after| text::key(target.shape(), &after)).transpose()?;
            let asked = PageRequest { prefix: &prefix, after: after.as_deref(), limit, all };
            done(&look::page(inner, &target, &asked)?)
        }
        Request::Get { keyspace, key } => at(inner, &keyspace, &key, Wants::Value)?,
        Request::Ttl { keyspace, key } => at(inner, &keyspace, &key, Wants::Status)?,
        Request::Why { keyspace, key } => at(inner, &keyspace, &key, Wants::Why)?,
        Request::Remove { keyspace, key } => {
            let target = Target::find(inner, &keyspace)?;
            let full = [&target.id.to_bytes()[..], &text::key(target.shape(), &key)?].concat();
            removed(inner.invalidate([Removal::Key { counters: &target.uncounted, full: &full }])?)
        }
        Request::RemovePrefix { keyspace, prefix } => {
            let target = Target::find(inner, &keyspace)?;
            let start = [&target.id.to_bytes()[..], &text::prefix(target.shape(), &prefix)?].concat();
            remove_all(inner, &target, start)?
        }
        Request::Clear { keyspace } => {
            let target = Target::find(inner, &keyspace)?;
            remove_all(inner, &target, target.id.to_bytes().to_vec())?
        }
        // Not `Cache::clear`, which counts an invalidation of the application.
        Request::ClearAll {} => removed(inner.invalidate([Removal::Everything])?),
        Request::Flush {} => {
            cache.flush()?;
            done(&serde_json::json!({}))
        }
        Request::Sweep {} => done(&cache.sweep()?),
        Request::Verify {} => done(&cache.verify()?),
        Request::Hot { keyspace, limit } => {
            inner.refuse_if_unusable()?;
            let only = keyspace.map(|name| Target::find(inner, &name)).transpose()?;
            let hot = inner.hot_keys(only.map(|only| only.id), limit.unwrap_or(HOT_KEYS));
            done(&hot.ok_or_else(not_sampled)?)
        }
        Request::Slow { keyspace, limit } => {
            inner.refuse_if_unusable()?;
            // One that there is not is a mistake.
            keyspace.as_deref().map(|name| Target::find(inner, name)).transpose()?;
            done(&inner.slow_loads(keyspace.as_deref(), limit.unwrap_or(usize::MAX)))
        }
        // Answered before, with what follows it.
        Request::Monitor(_) => {
            return Err(Refusal::new("failed", "a stream has no single answer", "report it"));
        }
    })
}

fn hello(inner: &Inner) -> Hello {
    let identity = inner.tiers.with_view(|view| view.identity);
    Hello {
        larder: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL,
        pid: std::process::id(),
        verbs: VERBS.iter().map(|verb| (*verb).to_owned()).collect(),
        file: inner.files.as_ref().map(|files| files.path().to_string_lossy().into_owned()),
        file_identity: identity.map(|identity| identity.to_string()),
        shows_values: inner.control_values,
    }
}

/// The statistics, without what might quote a value that is not to be shown.
fn stats(cache: &Cache) -> Stats {
    let mut stats = cache.stats();
    let inner = cache.inner();
    for told in &mut stats.keyspaces {
        if let Some(cause) = &mut told.undecodable_cause {
            *cause = look::reason(inner, cause).to_owned();
        }
        // Not the text that was just taken: another may have been noted since.
        let latest =
            inner.spaces.lock().get(&told.name).and_then(|space| space.counters.uncacheable_cause.latest());
        told.uncacheable_cause = latest.map(|cause| look::cause(inner, cause));
    }
    stats
}

/// What stands for a key.
fn at(inner: &Inner, keyspace: &str, key: &str, wants: Wants) -> Result<Vec<u8>, Refusal> {
    let target = Target::find(inner, keyspace)?;
    let key = text::key(target.shape(), key)?;
    Ok(done(&look::key(inner, &target, &key, wants)))
}

fn remove_all(inner: &Inner, target: &Target, start: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    let scope = Scope::prefix(start);
    Ok(removed(inner.invalidate([Removal::Scope { counters: &target.uncounted, scope }])?))
}

fn removed(removed: u64) -> Vec<u8> {
    done(&Removed { removed })
}

/// Those that are open and those that stand in the file alone, by name.
fn keyspaces(inner: &Inner) -> Vec<KeyspaceInfo> {
    let view = inner.tiers.view();
    let spaces = inner.spaces.lock();
    let open = spaces.values().map(|space| {
        let row = view.keyspaces.get(&space.name).filter(|row| row.id == space.id);
        // What the file records, where it has the keyspace: two processes that look must agree.
        let schema = row.map_or(space.schema.map(str::to_owned), |row| row.schema.clone());
        KeyspaceInfo {
            name: space.name.clone(),
            is_open: true,
            version: Some(space.kind.version),
            keys: Some(space.shape.clone()),
            value_format: Some(space.kind.format.code()),
            is_memory_only: space.id.is_memory_only(),
            schema,
            disk_entries: row.map_or(0, |row| row.entries),
            disk_bytes: row.map_or(0, |row| row.bytes),
        }
    });
    let closed = view.keyspaces.iter().filter(|(name, _)| !spaces.contains_key(*name)).map(|(name, row)| {
        KeyspaceInfo {
            name: name.clone(),
            schema: row.schema.clone(),
            disk_entries: row.entries,
            disk_bytes: row.bytes,
            ..KeyspaceInfo::default()
        }
    });
    let mut all: Vec<_> = open.chain(closed).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}
