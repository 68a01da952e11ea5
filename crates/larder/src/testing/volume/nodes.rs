//! The files of a simulated disk, stored as pages. Copies of a file share a page until one of them writes it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::sys::sync::Arc;

/// The unit of allocation in bytes.
pub(super) const PAGE: usize = 4096;

type Page = Arc<[u8]>;

#[derive(Debug, Clone, Default)]
pub(super) struct Nodes {
    names: BTreeMap<PathBuf, u64>,
    by_id: HashMap<u64, SimulatedFile>,
    last_id: u64,
}

#[derive(Debug, Clone, Default)]
struct SimulatedFile {
    len: u64,
    /// The pages that were written, by number. A page that was never written takes no space and reads as
    /// zeros.
    pages: BTreeMap<u64, Page>,
    handles: usize,
}

impl Nodes {
    pub(super) fn names(&self) -> Vec<PathBuf> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn at(&self, path: &Path) -> Option<u64> {
        self.names.get(path).copied()
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn len(&self, id: u64) -> u64 {
        self.by_id.get(&id).map_or(0, |node| node.len)
    }

    /// Returns the number of bytes that are allocated to all files, including open files without a name.
    pub(super) fn used(&self) -> u64 {
        self.by_id.keys().map(|&id| self.allocated(id)).sum()
    }

    pub(super) fn allocated(&self, id: u64) -> u64 {
        self.by_id.get(&id).map_or(0, |node| (node.pages.len() * PAGE) as u64)
    }

    /// Returns the byte ranges of a file that are not holes, one for each page.
    pub(super) fn data(&self, id: u64) -> Vec<Range<u64>> {
        let page = |number: &u64| number * PAGE as u64..(number + 1) * PAGE as u64;
        self.by_id.get(&id).map_or_else(Vec::new, |node| node.pages.keys().map(page).collect())
    }

    pub(super) fn bytes(&self, id: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.len(id)).unwrap_or(0)];
        self.read(id, 0, &mut bytes);
        bytes
    }

    pub(super) fn create(&mut self, path: PathBuf, id: u64) {
        self.last_id = self.last_id.max(id);
        self.by_id.entry(id).or_default();
        self.names.insert(path, id);
    }

    pub(super) fn rename(&mut self, from: &Path, to: PathBuf) {
        if let Some(id) = self.names.remove(from)
            && let Some(replaced) = self.names.insert(to, id)
        {
            self.free_unless_used(replaced);
        }
    }

    pub(super) fn remove(&mut self, path: &Path) {
        if let Some(id) = self.names.remove(path) {
            self.free_unless_used(id);
        }
    }

    pub(super) fn opened(&mut self, id: u64) {
        if let Some(node) = self.by_id.get_mut(&id) {
            node.handles += 1;
        }
    }

    pub(super) fn closed(&mut self, id: u64) {
        if let Some(node) = self.by_id.get_mut(&id) {
            node.handles = node.handles.saturating_sub(1);
        }
        self.free_unless_used(id);
    }

    pub(super) fn is_named(&self, id: u64) -> bool {
        self.names.values().any(|&named| named == id)
    }

    fn free_unless_used(&mut self, id: u64) {
        let is_open = self.by_id.get(&id).is_some_and(|node| node.handles > 0);
        if !is_open && !self.is_named(id) {
            self.by_id.remove(&id);
        }
    }

    /// Returns the number of pages that a write would have to allocate.
    pub(super) fn pages_missing(&self, id: u64, offset: u64, len: usize) -> u64 {
        let Some(node) = self.by_id.get(&id).filter(|_| len > 0) else { return 0 };
        let pages = offset / PAGE as u64..=(offset + len as u64 - 1) / PAGE as u64;
        pages.filter(|number| !node.pages.contains_key(number)).count() as u64
    }

    /// Fills `out` with the bytes at an offset of a file. Bytes beyond the file's length read as zeros.
    pub(super) fn read(&self, id: u64, offset: u64, out: &mut [u8]) {
        out.fill(0);
        let Some(node) = self.by_id.get(&id) else { return };
        each_page(offset, out.len(), |number, within, done, count| {
            let to = out.get_mut(done..done + count);
            let from = node.pages.get(&number).and_then(|page| page.get(within..within + count));
            if let Some((to, from)) = to.zip(from) {
                to.copy_from_slice(from);
            }
        });
    }

    pub(super) fn write(&mut self, id: u64, offset: u64, data: &[u8]) {
        // After a loss of power, the creation of a file may be lost and a later write kept. So the file may
        // be missing here.
        let node = self.by_id.entry(id).or_default();
        node.len = node.len.max(offset + data.len() as u64);
        each_page(offset, data.len(), |number, within, done, count| {
            let old = node.pages.get(&number).cloned().unwrap_or_else(|| [0; PAGE].into());
            let mut page = old.to_vec();
            if let Some((to, from)) = page.get_mut(within..within + count).zip(data.get(done..done + count)) {
                to.copy_from_slice(from);
            }
            node.pages.insert(number, page.into());
        });
    }

    pub(super) fn set_len(&mut self, id: u64, len: u64) {
        let node = self.by_id.entry(id).or_default();
        if len < node.len {
            node.pages.retain(|number, _| number * (PAGE as u64) < len);
            let rest = usize::try_from(len % PAGE as u64).unwrap_or(0);
            if let Some(last) = node.pages.get_mut(&(len / PAGE as u64)) {
                let mut page = last.to_vec();
                page.get_mut(rest..).unwrap_or_default().fill(0);
                *last = page.into();
            }
        }
        node.len = len;
    }

    /// Punches a hole: frees the pages that are completely within a byte range, and zeros the parts of pages
    /// at its ends.
    pub(super) fn punch(&mut self, id: u64, offset: u64, len: u64) {
        let node = self.by_id.entry(id).or_default();
        let (start, end) = (offset.div_ceil(PAGE as u64), (offset + len) / PAGE as u64);
        node.pages.retain(|number, _| !(start..end).contains(number));
        let mut zero = |from: u64, to: u64| {
            if let Some(page) = node.pages.get_mut(&(from / PAGE as u64)) {
                let mut bytes = page.to_vec();
                let within = |at: u64| usize::try_from(at - from / PAGE as u64 * PAGE as u64).unwrap_or(PAGE);
                bytes.get_mut(within(from)..within(to)).unwrap_or_default().fill(0);
                *page = bytes.into();
            }
        };
        let (first_end, last_start) = (start * PAGE as u64, end * PAGE as u64);
        zero(offset, first_end.min(offset + len));
        zero(last_start.max(offset), offset + len);
    }

    /// Returns the same files without open handles. Files without a name are removed.
    pub(super) fn unused(mut self) -> Self {
        for node in self.by_id.values_mut() {
            node.handles = 0;
        }
        let named: Vec<u64> = self.names.values().copied().collect();
        self.by_id.retain(|id, _| named.contains(id));
        self
    }
}

/// Calls `visit` for each page that a byte range overlaps. The arguments are the number of the page, the
/// offset in the page, the offset in the range, and the number of bytes.
fn each_page(offset: u64, len: usize, mut visit: impl FnMut(u64, usize, usize, usize)) {
    let mut done = 0;
    while done < len {
        let at = offset + done as u64;
        let within = usize::try_from(at % PAGE as u64).unwrap_or(0);
        let count = (len - done).min(PAGE - within);
        visit(at / PAGE as u64, within, done, count);
        done += count;
    }
}
