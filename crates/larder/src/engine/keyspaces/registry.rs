//! Opens keyspaces, and lists the open ones.
//!
//! A keyspace with the name of an open keyspace but another type replaces the open one, if the open one has
//! no handles. First, the changes that untyped handles make in the open one must end
//! ([`super::typed_changes`]). The old entries are removed from memory before the new keyspace has a handle.
//! Otherwise memory could return values of another type, and would hold entries that no caller can reach.
//!
//! The old keyspace leaves the list before its entries are removed from memory. An untyped handle checks
//! after each lookup whether the keyspace is still listed. Otherwise it could return an older value from
//! disk, after memory has lost the newer one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::counter_registry::CounterRegistry;
use super::open_keyspace::{KeyspaceType, OpenKeyspace, TypedCalls};
use super::opening_turns::OpeningTurns;
use crate::disk::store::registration::Registration;
use crate::engine::tiers::Tiers;
use crate::error::Error;
use crate::format::codec::checks::ValueChecks;
use crate::format::codec::erased::ErasedCodec;
use crate::format::key::scope::Scope;
use crate::format::keyspace_id::{KeyspaceId, LowestTier};
use crate::memory::evicted_values::EvictedValues;
use crate::remote::tier::RemoteKeyspace;
use crate::stats::count::Count;
use crate::stats::counters::Counters;
use crate::stats::observe::named_keyspace::NamedKeyspace;
use crate::sys::clock::Deadline;
use crate::sys::sync::{Arc, AtomicBool, Mutex};

#[derive(Debug)]
pub(crate) struct KeyspaceRequest {
    pub(crate) name: &'static str,
    pub(crate) kind: KeyspaceType,
    pub(crate) shape: String,
    pub(crate) range_parts: u8,
    pub(crate) codec: ErasedCodec,
    pub(crate) schema: Option<&'static str>,
    pub(crate) typed_calls: Option<Arc<dyn TypedCalls>>,
    pub(crate) checks_every_value: bool,
    pub(crate) slow_load: Duration,
}

/// How long the opening of another version waits for the changes of untyped handles.
const MAX_CHANGE_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct KeyspaceRegistry {
    /// Readers must hold the lock and must not clone an `Arc`, because `open` would count the clone as a
    /// handle.
    pub(crate) by_name: Mutex<BTreeMap<String, Arc<OpenKeyspace>>>,
    turns: OpeningTurns,
    counters: Arc<CounterRegistry>,
    /// The last assigned number of a keyspace that is not in the file.
    last_number: Mutex<u32>,
}

impl KeyspaceRegistry {
    pub(in crate::engine) fn new(counters: Arc<CounterRegistry>) -> Self {
        Self { counters, ..Self::default() }
    }

    /// Opens a keyspace. Waits while another thread is opening a keyspace with this name.
    pub(crate) fn open(&self, tiers: &Tiers, request: KeyspaceRequest) -> Result<Arc<OpenKeyspace>, Error> {
        let KeyspaceRequest { name, kind, .. } = &request;
        let turn = self.turns.begin(name);
        let replaced = match self.by_name.lock().get(*name) {
            Some(open) if open.kind == *kind => return Ok(open.clone()),
            // `by_name` and `counters` hold one reference each. Any further reference belongs to a handle.
            // New handles can't appear here: a handle is cloned from another handle, or created during a
            // turn.
            Some(open) if Arc::strong_count(open) > 2 => return Err(open.kind.conflict(name, kind)),
            open => open.cloned(),
        };
        let mut evicted_values = EvictedValues::default();
        let id = match &replaced {
            Some(old) => self.replace(tiers, old, &request, &mut evicted_values)?,
            None => self.number(tiers, &request)?,
        };
        // The counts of a keyspace continue when it is replaced.
        let counters = replaced.map_or_else(Counters::default, |old| Counters::continuing(&old.counters));
        let open_keyspace = Arc::new(OpenKeyspace {
            name: request.name.to_owned(),
            id,
            codec: request.codec,
            kind: request.kind,
            shape: request.shape,
            schema: request.schema,
            typed_calls: request.typed_calls,
            counters,
            checks: ValueChecks::new(request.checks_every_value),
            has_told_undecodable: AtomicBool::new(false),
            slow_load: request.slow_load,
            keeps_extras: AtomicBool::new(false),
            typed_changes: Arc::default(),
        });
        self.counters.add(open_keyspace.clone());
        self.by_name.lock().insert(request.name.to_owned(), open_keyspace.clone());
        // The old values that the sweeper thread does not drop are dropped after the turn, with no lock held,
        // because a user's `Drop` may also open the keyspace.
        drop(turn);
        drop(evicted_values);
        Ok(open_keyspace)
    }

    /// Assigns the id of a keyspace, and closes the keyspace `old`, which has no handles.
    fn replace(
        &self,
        tiers: &Tiers,
        old: &Arc<OpenKeyspace>,
        request: &KeyspaceRequest,
        evicted_values: &mut EvictedValues,
    ) -> Result<KeyspaceId, Error> {
        // The numbers are steps of `typed_changes`. 2.
        if !old.typed_changes.close(Deadline::after(MAX_CHANGE_WAIT)) {
            return Err(old.kind.conflict(request.name, &request.kind));
        }
        // 3.
        let id = self.number(tiers, request).inspect_err(|_| {
            // 4.
            old.typed_changes.reopen();
        })?;
        self.by_name.lock().remove(request.name);
        self.counters.remove(old);
        let (scope, now) = (Scope::prefix(old.id.to_bytes()), tiers.time.now());
        tiers.purge(scope, false, now, 0, evicted_values);
        tiers.memory.pass_counts_on(old.id, id);
        tiers.wake_writer();
        Ok(id)
    }

    /// Waits while another thread is opening a keyspace with this name.
    #[cfg(feature = "untyped")]
    pub(crate) fn await_opening(&self, name: &str) {
        drop(self.turns.begin(name));
    }

    /// Assigns the id of a keyspace. The writer thread assigns the number of a keyspace on disk. All other
    /// numbers are valid only while the cache is open.
    fn number(&self, tiers: &Tiers, request: &KeyspaceRequest) -> Result<KeyspaceId, Error> {
        match tiers.lowest_tier(request.kind.stays_in_memory) {
            LowestTier::Memory => Ok(KeyspaceId::in_memory(self.next_number())),
            LowestTier::File => tiers.writer.register(Registration {
                name: request.name.to_owned(),
                version: request.kind.version,
                shape: request.shape.clone(),
                format: request.kind.format.code(),
                fingerprint: 0,
                schema: request.schema.map(str::to_owned),
            }),
            LowestTier::Remote => {
                let id = KeyspaceId::remote(self.next_number());
                let keyspace = RemoteKeyspace {
                    number: id.number(),
                    name: request.name.to_owned(),
                    version: request.kind.version,
                    schema: request.schema.map(str::to_owned),
                    shape: request.shape.clone(),
                    format: request.kind.format,
                    range_parts: request.range_parts,
                };
                let Some(remote) = tiers.remote() else { return Err(Error::Closed) };
                remote.tier.register(keyspace).map_err(|cause| remote.error("open a keyspace", cause))?;
                Ok(id)
            }
        }
    }

    fn next_number(&self) -> u32 {
        let mut last = self.last_number.lock();
        *last += 1;
        *last
    }

    /// Returns the names of the open keyspaces, by their ids.
    pub(crate) fn names(&self) -> BTreeMap<KeyspaceId, NamedKeyspace> {
        self.by_name.lock().values().map(|open| (open.id, open.named())).collect()
    }

    pub(crate) fn count_invalidation(&self) {
        for open in self.by_name.lock().values() {
            open.counters.add(Count::Invalidations);
        }
    }
}
