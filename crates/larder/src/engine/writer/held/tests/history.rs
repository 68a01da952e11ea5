//! Makes random changes with a [`Machine`], a writer that the test steps by hand. Checks the writer's
//! answers, and that a group is never on disk in part.

use std::collections::HashMap;

use super::{Answer, LARGE, Machine, SMALL, commit};
use crate::engine::writer::command::Acknowledge;
use crate::testing::volume::operation::Failure;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn is_one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

pub(super) struct Waiter {
    kind: Acknowledge,
    /// The sequences of the writes that the caller waits for, by key.
    writes: HashMap<u16, u64>,
    removals: HashMap<u16, u64>,
    answer: Answer,
}

pub(super) struct History {
    pub(super) machine: Machine,
    random: Random,
    writes: HashMap<u16, u64>,
    removals: HashMap<u16, u64>,
    cleared: u64,
    pub(super) waiters: Vec<Waiter>,
    /// For each group, the keys and sequences of its values.
    groups: Vec<Vec<(u16, u64)>>,
}

impl History {
    pub(super) fn new(machine: Machine, seed: u64) -> Self {
        let random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (writes, removals, waiters) = (HashMap::new(), HashMap::new(), Vec::new());
        Self { machine, random, writes, removals, cleared: 0, waiters, groups: Vec::new() }
    }

    pub(super) fn change(&mut self) {
        for _ in 0..self.random.below(4) {
            let name = u16::try_from(self.random.below(4)).unwrap();
            if self.random.is_one_in(4) {
                self.removals.insert(name, self.machine.remove(name));
            } else {
                let len = if self.random.is_one_in(3) { LARGE } else { SMALL };
                self.writes.insert(name, self.machine.store(name, len));
            }
        }
        if self.random.is_one_in(4) {
            let from = u16::try_from(self.random.below(3)).unwrap();
            let names: Vec<u16> = (from..4).chain(400..408).collect();
            let group: Vec<_> = names.iter().copied().zip(self.machine.store_group(&names, SMALL)).collect();
            self.writes.extend(group.iter().copied().filter(|(name, _)| *name < 4));
            self.groups.push(group);
        }
        if self.random.is_one_in(6) {
            for name in 100..130 {
                self.machine.store(name, SMALL);
            }
        }
        if self.random.is_one_in(30) {
            let disk = &self.machine.disk;
            disk.fail_once(disk.operations().len() as u64 + self.random.below(9), Failure::Io);
        }
    }

    pub(super) fn step(&mut self) {
        let mut commands = Vec::new();
        let cleared = self.random.is_one_in(20).then(|| self.machine.clear());
        let cleared = cleared.map(|(sequence, command, answer)| {
            commands.push(command);
            self.cleared = sequence;
            answer
        });
        for kind in [Acknowledge::Invalidation, Acknowledge::Flush] {
            if self.random.is_one_in(3) {
                let (command, answer) = commit(kind);
                commands.push(command);
                let is_flush = kind == Acknowledge::Flush;
                let writes = if is_flush { std::mem::take(&mut self.writes) } else { HashMap::new() };
                self.waiters.push(Waiter { kind, writes, removals: self.removals.clone(), answer });
            }
        }
        self.writes.clear();
        if self.random.is_one_in(2) {
            self.machine.tiers.writer.note_asked();
        }
        self.machine.step(commands);
        self.machine.tiers.writer.forget_asked();
        if let Some(answer) = cleared {
            assert!(answer.try_recv().unwrap().is_ok());
            let is_newer = |name| self.machine.on_disk(name).is_none_or(|found| found > self.cleared);
            assert!((0..4).chain(100..400).all(is_newer));
        }
        self.judge();
    }

    /// Checks the answers against the entries that a restart would find.
    pub(super) fn judge(&mut self) {
        let (machine, removals, cleared) = (&self.machine, &self.removals, self.cleared);
        // Entries of a group may have been evicted. But if one of the group's values is on disk, no key of
        // the group may have an older entry.
        for group in &self.groups {
            let found = |(name, sequence): &(u16, u64)| Some((machine.on_disk(*name)?, *sequence));
            let found: Vec<_> = group.iter().filter_map(found).collect();
            let (has_value, has_older) = (
                found.iter().any(|(found, sequence)| found == sequence),
                found.iter().any(|(found, sequence)| found < sequence),
            );
            assert!(!has_value || !has_older, "a part of a group: {group:?}, found {found:?}");
        }
        let has_lost_a_file = machine.tiers.disk.status().discards > 0;
        self.waiters.retain(|waiter| {
            let Ok(answer) = waiter.answer.try_recv() else {
                assert!(
                    waiter.kind != Acknowledge::Invalidation,
                    "an invalidation waits for no more than a step"
                );
                return true;
            };
            for (name, removal) in waiter.removals.iter().filter(|_| answer.is_ok()) {
                let found = machine.on_disk(*name);
                assert!(
                    found.is_none_or(|found| found > *removal),
                    "{name}, removed at {removal}: {found:?}"
                );
            }
            for (name, write) in waiter.writes.iter().filter(|_| answer.is_ok() && !has_lost_a_file) {
                let removed = removals.get(name).copied().unwrap_or(0).max(cleared);
                let found = machine.on_disk(*name);
                let is_there = removed > *write || found.is_some_and(|found| found >= *write);
                assert!(is_there, "{name}, written at {write}: {found:?}");
            }
            false
        });
    }
}
