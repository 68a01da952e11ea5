//! Doing what a line asks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;

use super::protocol::{Hello, KeyspaceInfo, PROTOCOL, Refusal, Removed, Request, VERBS, done};
use super::text;
use crate::cache::Cache;
use crate::id::KeyspaceId;
use crate::inner::Inner;
use crate::key::Scope;
use crate::removal::Removal;
use crate::stats::{Count, Counters};

/// The answer to a line. The cache is held for no longer than that takes.
pub(super) fn answer(cache: &Weak<Inner>, line: &[u8]) -> Vec<u8> {
    let answer = Request::read(line).and_then(|request| {
        let inner = cache.upgrade().ok_or_else(Refusal::closed)?;
        let cache = Cache::of(inner);
        // What a removal lets go of is dropped here, and a user's `Drop` may panic.
        catch_unwind(AssertUnwindSafe(|| execute(&cache, request))).unwrap_or_else(|_| {
            Err(Refusal::new("panicked", "the process panicked over it", "see the process's log"))
        })
    });
    answer.unwrap_or_else(|refusal| refusal.to_line())
}

fn execute(cache: &Cache, request: Request) -> Result<Vec<u8>, Refusal> {
    let inner = cache.inner();
    Ok(match request {
        Request::Hello {} => done(&Hello {
            larder: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            pid: std::process::id(),
            verbs: VERBS.map(str::to_owned).to_vec(),
        }),
        Request::Stats {} => done(&cache.stats()),
        Request::Keyspaces {} => done(&keyspaces(inner)),
        Request::Remove { keyspace, key } => {
            let target = Target::find(inner, &keyspace)?;
            let full = [&target.id.to_bytes()[..], &text::key(target.shape(), &key)?].concat();
            target.count(inner);
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
        Request::ClearAll {} => removed(cache.clear()?),
        Request::Flush {} => {
            cache.flush()?;
            done(&serde_json::json!({}))
        }
        Request::Sweep {} => done(&cache.sweep()?),
        Request::Verify {} => done(&cache.verify()?),
    })
}

fn remove_all(inner: &Inner, target: &Target, start: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    let scope = Scope::prefix(start);
    target.count(inner);
    Ok(removed(inner.invalidate([Removal::Scope { counters: &target.uncounted, scope }])?))
}

fn removed(removed: u64) -> Vec<u8> {
    done(&Removed { removed })
}

/// A keyspace to remove from: one that is open, or one that stands in the file alone.
///
/// It does not hold the one that is open: whoever gives that another version would be told that somebody has
/// a handle.
struct Target {
    name: String,
    id: KeyspaceId,
    /// Of one that is open.
    shape: Option<String>,
    /// What the removal itself counts goes nowhere: see [`count`](Target::count).
    uncounted: Counters,
}

impl Target {
    fn find(inner: &Inner, name: &str) -> Result<Self, Refusal> {
        inner.refuse_if_closed()?;
        let open = inner.spaces.lock().get(name).map(|space| (space.id, Some(space.shape.clone())));
        let in_file = || inner.tiers.with_view(|view| view.keyspaces.get(name).map(|row| (row.id, None)));
        let Some((id, shape)) = open.or_else(in_file) else {
            return Err(Refusal::new(
                "unknown_keyspace",
                format!("the cache has no keyspace {name:?}"),
                "ask {\"v\":1,\"do\":\"keyspaces\"} for their names",
            ));
        };
        Ok(Self { name: name.to_owned(), id, shape, uncounted: Counters::default() })
    }

    fn shape(&self) -> Option<&str> {
        self.shape.as_deref()
    }

    /// Counts an invalidation where the keyspace is open.
    fn count(&self, inner: &Inner) {
        if let Some(space) = inner.spaces.lock().get(&self.name).filter(|space| space.id == self.id) {
            space.counters.add(Count::Invalidations);
        }
    }
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
