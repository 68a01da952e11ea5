//! Changes of the server that concern the generations of ranges.

use super::server::{RemoteServer, ServerState};
use super::stored::SlotName;

impl ServerState {
    /// Removes a range. Returns whether the name is that of a range.
    pub(super) fn end_range(&mut self, range: &SlotName, changed: &mut Vec<SlotName>) -> bool {
        let is_range = self.ranges.is_range(range);
        if is_range {
            self.ranges.end(range);
            changed.push(range.clone());
        }
        is_range
    }

    /// Gives the content of a slot the present generation of its range.
    pub(super) fn stamp(&mut self, name: &SlotName) {
        self.last_token += 1;
        let generation = self.ranges.generation(name, self.last_token);
        self.slots.entry(name.clone()).or_default().generation = generation;
    }
}

impl RemoteServer {
    /// Removes the generations of all ranges, as a full server may.
    pub fn evict_generations(&self) {
        self.state.lock().ranges.evict();
    }
}
