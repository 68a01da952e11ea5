//! Walks over the keys of the cache, and removals by such walks.

use super::ServerInspector;
use crate::error::Error;
use crate::protocol::command::Command;
use crate::protocol::reply::Reply;
use crate::tier::{escape, read_spelled};
pub use crate::walk_cursor::WalkCursor;

/// Selects the keys of a walk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WalkFilter {
    /// If `Some`, selects only the keys of the keyspace with this name.
    pub keyspace: Option<String>,
    /// If `Some`, selects only the keys that begin with these bytes. They include the prefix of the cache
    /// and the version.
    pub prefix: Option<Vec<u8>>,
}

/// A page of a walk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys as they are on the server. A later page may contain a key again.
    pub keys: Vec<Vec<u8>>,
    /// The cursor of the next page. `None` at the end.
    pub next: Option<WalkCursor>,
}

impl ServerInspector {
    /// Returns one page of the keys that the filter selects, without the cache's internal keys. The walk
    /// begins at the default cursor.
    ///
    /// # Errors
    /// Fails if the server does not answer, or refuses the request. Returns [`Error::EndlessWalk`] if the
    /// walk does not end.
    ///
    /// # Cost
    /// A walk reads every key of the database, about 500 for each page.
    pub fn keys(&mut self, filter: &WalkFilter, cursor: WalkCursor) -> Result<KeyPage, Error> {
        let beginning = self.key(b"");
        let mut pattern = escape(filter.prefix.as_ref().unwrap_or(&beginning));
        pattern.extend_from_slice(if filter.prefix.is_some() { b"*" } else { b"[0-9]*" });
        let mut page = self.page(&pattern, cursor)?;
        page.keys.retain(|key| {
            let rest = key.strip_prefix(beginning.as_slice()).unwrap_or_default();
            let is_own = rest.starts_with(b":");
            !is_own && filter.keyspace.as_deref().is_none_or(|name| is_of(rest, name))
        });
        Ok(page)
    }

    fn page(&mut self, pattern: &[u8], cursor: WalkCursor) -> Result<KeyPage, Error> {
        let scan =
            Command::new("SCAN").arg(cursor.as_str()).arg("MATCH").arg(pattern).arg("COUNT").arg("500");
        let mut fields = self.require(&scan)?.into_list().unwrap_or_default().into_iter();
        let next = fields.next().and_then(Reply::into_bytes).and_then(|text| String::from_utf8(text).ok());
        let keys = fields.next().and_then(Reply::into_list);
        let (Some(next), Some(keys)) = (next, keys) else { return Err(Error::Garbled("a page of keys")) };
        let keys = keys.into_iter().filter_map(Reply::into_bytes).collect();
        let next = cursor.after_page(next, self.clock.now(), self.settings.timing.request)?;
        Ok(KeyPage { keys, next })
    }

    /// Removes keys. Loads of these keys that are in progress store nothing, except in
    /// [`Format::Raw`](larder::Format::Raw). Returns the number of keys that existed, including keys with
    /// only a lease. Waits for replicas, if the URL has the option `replicas`.
    ///
    /// # Errors
    /// Fails if the server does not answer, or refuses the removal. Returns [`Error::NotReplicated`] if the
    /// removal was made, but too few replicas are known to have it.
    pub fn remove(&mut self, keys: &[Vec<u8>]) -> Result<u64, Error> {
        let removed = self.unlink(keys)?;
        self.await_replicas()?;
        Ok(removed)
    }

    fn unlink(&mut self, keys: &[Vec<u8>]) -> Result<u64, Error> {
        if keys.is_empty() {
            return Ok(0);
        }
        let removal = keys.iter().fold(Command::new("UNLINK"), Command::arg);
        let removed = self.require(&removal)?.as_integer().and_then(|removed| u64::try_from(removed).ok());
        removed.ok_or(Error::Garbled("a number"))
    }

    /// Removes all keys that the filter selects. Returns the number of keys that existed. Waits for replicas
    /// at the end, if the URL has the option `replicas`.
    ///
    /// # Errors
    /// Fails if the server does not answer, or refuses a request, and if the walk does not end
    /// ([`Error::EndlessWalk`]). Some keys may already have been removed.
    /// Returns [`Error::NotReplicated`] if all are removed, but too few replicas are known to have the
    /// removals.
    pub fn clear(&mut self, filter: &WalkFilter) -> Result<u64, Error> {
        if filter.prefix.is_none() {
            self.end_generations(filter.keyspace.as_deref())?;
        }
        let (mut removed, mut cursor) = (0_u64, WalkCursor::default());
        loop {
            let page = self.keys(filter, cursor)?;
            removed = removed.saturating_add(self.unlink(&page.keys)?);
            match page.next {
                Some(next) => cursor = next,
                None => break,
            }
        }
        self.await_replicas()?;
        Ok(removed)
    }

    /// Removes all generations of a keyspace, or of all keyspaces. After that, all earlier leases and records
    /// are void, even those that the walk has not reached.
    fn end_generations(&mut self, keyspace: Option<&str>) -> Result<(), Error> {
        let mut pattern = escape(&self.key(b":g:"));
        pattern.push(b'*');
        let end = keyspace.map(|name| format!(":{}", name.replace('%', "%25").replace(':', "%3A")));
        let mut cursor = WalkCursor::default();
        loop {
            let mut page = self.page(&pattern, cursor)?;
            page.keys.retain(|key| end.as_ref().is_none_or(|end| key.ends_with(end.as_bytes())));
            self.unlink(&page.keys)?;
            match page.next {
                Some(next) => cursor = next,
                None => return Ok(()),
            }
        }
    }
}

/// Returns whether a key belongs to a keyspace. `rest` is the key without its prefix and the colon after it.
fn is_of(rest: &[u8], keyspace: &str) -> bool {
    let Some(colon) = rest.iter().position(|byte| *byte == b':') else { return false };
    let text = rest.get(colon + 1..).unwrap_or_default();
    if let Some(end) = text.iter().position(|byte| *byte == b':') {
        let name = keyspace.replace('%', "%25").replace(':', "%3A");
        return text.get(..end) == Some(name.as_bytes());
    }
    let spelled = std::str::from_utf8(text).ok().and_then(read_spelled);
    spelled.is_some_and(|(name, _)| name == keyspace)
}
