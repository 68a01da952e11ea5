//! The entry of one key, for a command that the command table marks with `value` or `entry`.

use larder::{Change, CurrentEntry, Remaining, Timestamp, Ttl};

use crate::protocol::arguments::Arguments;
use crate::protocol::reply::ReplyBuffer;
use crate::session::databases::Value;
use crate::session::entries::{DataCommand, Entries, Stop};

/// The entry of the only key of a command, and the command's change of this entry.
pub(super) struct OneEntry<'a> {
    pub(super) value: Option<&'a [u8]>,
    pub(super) ends_at: Option<Timestamp>,
    /// When the entry was found.
    pub(super) now: Timestamp,
    pub(super) change: Change<Value>,
}

impl<'a> OneEntry<'a> {
    pub(super) fn of(found: &CurrentEntry<'a, Value>) -> Self {
        let value = found.value.map(|value| &**value);
        Self { value, ends_at: found.ends_at, now: found.now, change: Change::Keep }
    }

    /// Runs a command, and returns its change.
    pub(super) fn run(
        mut self,
        run: DataCommand,
        args: Arguments<'_>,
        reply: &mut ReplyBuffer,
    ) -> Change<Value> {
        // An error of the cache comes from the change, after this call.
        let ran = run(&mut self, args, reply);
        debug_assert!(ran.is_ok(), "one entry is read and changed without an error");
        self.change
    }
}

impl Entries for OneEntry<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn get(&mut self, _key: &[u8]) -> Result<Option<&[u8]>, Stop> {
        Ok(self.value)
    }

    fn remaining(&mut self, _key: &[u8]) -> Result<Option<Remaining>, Stop> {
        Ok(self.ends_at.map(|ends_at| remaining(ends_at, self.now)))
    }

    fn expires_at(&mut self, _key: &[u8]) -> Result<Option<Timestamp>, Stop> {
        Ok(self.ends_at)
    }

    fn frequency(&mut self, _key: &[u8]) -> u64 {
        unreachable!("the table runs such a command in a transaction")
    }

    fn put(&mut self, _key: &[u8], value: Value, ttl: Ttl) -> Result<(), Stop> {
        self.change = Change::insert_for(value, ttl);
        Ok(())
    }

    fn touch(&mut self, _key: &[u8], ttl: Ttl) -> Result<bool, Stop> {
        let Some(value) = self.value else { return Ok(false) };
        self.change = Change::insert_for(Value::from(value), ttl);
        Ok(true)
    }

    fn remove(&mut self, _key: &[u8]) -> Result<bool, Stop> {
        self.change = Change::Remove;
        Ok(self.value.is_some())
    }
}

/// Returns the time from `now` to the end of an entry.
pub(super) fn remaining(ends_at: Timestamp, now: Timestamp) -> Remaining {
    if ends_at.is_never() { Remaining::Never } else { Remaining::For(ends_at.since(now)) }
}
