//! Makes random changes with a [`Machine`], a writer that the test steps by hand, and takes its file away
//! again and again. Checks the writer's answers, and that a group is never on disk in part.

use std::collections::HashMap;
use std::time::Duration;

use super::values_on_disk::damage;
use super::{Answer, LARGE, Machine, PATH, SMALL, commit};
use crate::engine::writer::command::{Acknowledge, Command, Reply};
use crate::sys::sync::channel::bounded;
use crate::testing::volume::act::Act;
use crate::testing::volume::operation::{DiskOperation, Failure};

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

struct Waiter {
    kind: Acknowledge,
    /// The lowest sequence of the entry on disk, for each key that the caller has written.
    writes: HashMap<u16, u64>,
    /// The lowest sequence of the entry on disk, if there is one, for each key that the caller has removed.
    removals: HashMap<u16, u64>,
    /// The last sequence when the command was made.
    up_to: u64,
    /// How many files were lost before.
    discards: u64,
    answer: Answer,
}

pub(super) struct History {
    machine: Machine,
    random: Random,
    /// For each key, the sequence of its last write, if no flush was answered since.
    unflushed: HashMap<u16, u64>,
    removals: HashMap<u16, u64>,
    /// The removals that an invalidation waits for, because they belong to no group.
    ungrouped: HashMap<u16, u64>,
    cleared: u64,
    waiters: Vec<Waiter>,
    /// Commands to send, each with the number of steps before that.
    commands: Vec<(u64, Command)>,
    /// For each group, the keys and sequences of its values.
    groups: Vec<Vec<(u16, u64)>>,
    /// Whether every change of the disk fails.
    has_outage: bool,
    pub(super) answered: u64,
}

impl History {
    pub(super) fn new(machine: Machine, seed: u64) -> Self {
        Self {
            machine,
            random: Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            unflushed: HashMap::new(),
            removals: HashMap::new(),
            ungrouped: HashMap::new(),
            cleared: 0,
            waiters: Vec::new(),
            commands: Vec::new(),
            groups: Vec::new(),
            has_outage: false,
            answered: 0,
        }
    }

    pub(super) fn change(&mut self) {
        for _ in 0..self.random.below(4) {
            let name = u16::try_from(self.random.below(4)).unwrap();
            if self.random.is_one_in(4) {
                let sequence = self.machine.remove(name);
                self.removals.insert(name, sequence);
                self.ungrouped.insert(name, sequence);
            } else {
                let after = self.machine.last_sequence();
                let len = if self.random.is_one_in(3) { LARGE } else { SMALL };
                let sequence = self.machine.store(name, len);
                self.unflushed.insert(name, sequence);
                if self.saves() && self.random.is_one_in(3) {
                    let writes = HashMap::from([(name, sequence)]);
                    self.ask_later(Acknowledge::Write { after }, writes, HashMap::new());
                }
            }
        }
        if self.saves() && self.random.is_one_in(4) {
            self.store_group();
        }
        if self.saves() && self.random.is_one_in(8) {
            self.change_group();
        }
        if self.random.is_one_in(6) {
            for name in 100..130 {
                self.machine.store(name, SMALL);
            }
        }
        self.hurt_the_disk();
    }

    fn saves(&self) -> bool {
        self.machine.tiers.disk.saves()
    }

    fn store_group(&mut self) {
        let from = u16::try_from(self.random.below(3)).unwrap();
        let names: Vec<u16> = (from..4).chain(400..408).collect();
        let group: Vec<_> = names.iter().copied().zip(self.machine.store_group(&names, SMALL)).collect();
        self.unflushed.extend(group.iter().copied().filter(|(name, _)| *name < 4));
        self.groups.push(group);
    }

    /// Changes keys as a transaction does, with a removal.
    fn change_group(&mut self) {
        let after = self.machine.last_sequence();
        let (stored, removed) = ([0, 1, 410], 2);
        self.machine.change_group(&stored, SMALL, &[removed]);
        let last = self.machine.last_sequence();
        let writes = HashMap::from([(0, after + 1), (1, after + 1)]);
        self.unflushed.extend(&writes);
        self.removals.insert(removed, last);
        let removals = HashMap::from([(removed, after + 1)]);
        if self.random.is_one_in(2) {
            self.ask_later(Acknowledge::Group, HashMap::new(), removals);
        } else {
            self.ask_later(Acknowledge::GroupWithValues { after }, writes, removals);
        }
    }

    fn hurt_the_disk(&mut self) {
        let disk = self.machine.disk.clone();
        if self.has_outage {
            if self.random.is_one_in(3) {
                self.end_outage();
            }
            return;
        }
        let soon = disk.operations().len() as u64 + self.random.below(9);
        match self.random.below(120) {
            0..4 => disk.fail_once(soon, Failure::Io),
            4..8 => disk.act(Act::Unlink(PATH.into())),
            8..12 => disk.act_at(soon, Act::Unlink(PATH.into())),
            12..15 if disk.read(PATH).is_some() => disk.act(Act::Overwrite(PATH.into(), vec![0; 1 << 14])),
            15..18 => {
                self.has_outage = true;
                disk.fail_every(&DiskOperation::CHANGES, Failure::Io);
            }
            18..22 => self.end_outage(),
            _ => {}
        }
    }

    /// Also makes the writer try again to bring a file into service.
    fn end_outage(&mut self) {
        self.has_outage = false;
        self.machine.disk.heal();
        self.machine.clock.advance(Duration::from_mins(1));
    }

    /// Makes the command of a caller, which is sent with one of the next steps.
    fn ask_later(&mut self, kind: Acknowledge, writes: HashMap<u16, u64>, removals: HashMap<u16, u64>) {
        let command = self.ask(kind, writes, removals);
        self.commands.push((self.random.below(3), command));
    }

    fn ask(&mut self, kind: Acknowledge, writes: HashMap<u16, u64>, removals: HashMap<u16, u64>) -> Command {
        let (command, answer) = commit(kind);
        let (up_to, discards) = (self.machine.last_sequence(), self.discards());
        self.waiters.push(Waiter { kind, writes, removals, up_to, discards, answer });
        command
    }

    fn discards(&self) -> u64 {
        self.machine.tiers.disk.status().discards
    }

    pub(super) fn step(&mut self) {
        let mut commands = Vec::new();
        for (steps, command) in std::mem::take(&mut self.commands) {
            match steps.checked_sub(1) {
                Some(steps) => self.commands.push((steps, command)),
                None => commands.push(command),
            }
        }
        let cleared = self.random.is_one_in(10).then(|| self.machine.clear());
        let cleared = cleared.map(|(sequence, command, answer)| {
            commands.push(command);
            self.cleared = sequence;
            answer
        });
        if self.random.is_one_in(3) {
            let removals = self.ungrouped.clone();
            commands.push(self.ask(Acknowledge::Invalidation, HashMap::new(), removals));
        }
        if self.random.is_one_in(3) {
            let writes = self.unflushed.clone();
            commands.push(self.ask(Acknowledge::Flush, writes, self.removals.clone()));
        }
        let mut verified = None;
        if self.random.is_one_in(40) && damage(&self.machine, SMALL) {
            let (reply, answer) = bounded(1);
            commands.push(Command::Verify(Reply::Thread(reply)));
            verified = Some(answer);
        }
        if self.random.is_one_in(2) {
            self.machine.tiers.writer.note_asked();
        }
        if self.random.is_one_in(2) {
            if !self.has_outage && self.random.is_one_in(4) {
                let disk = &self.machine.disk;
                disk.fail_once(disk.operations().len() as u64 + self.random.below(3), Failure::Io);
            }
            self.machine.work_between_steps();
        }
        self.machine.step(commands);
        self.machine.tiers.writer.forget_asked();
        if let Some(answer) = cleared
            && answer.try_recv().unwrap().is_ok()
        {
            let is_newer = |name| self.machine.on_disk(name).is_none_or(|found| found > self.cleared);
            assert!((0..4).chain(100..400).all(is_newer));
        }
        // A verification comes after the answers, and may have discarded the file since.
        self.judge(verified.is_none());
    }

    /// Ends every outage, and checks that every caller is answered.
    pub(super) fn finish(&mut self) {
        self.end_outage();
        while !self.commands.is_empty() {
            self.step();
        }
        self.end_outage();
        self.machine.finish();
        self.judge(true);
        assert!(self.waiters.is_empty(), "everybody is answered");
    }

    /// Checks the answers against the entries that a restart would find. `has_values` says whether these are
    /// the entries of the file from which the callers were answered.
    fn judge(&mut self, has_values: bool) {
        self.judge_groups();
        let is_in_service = self.machine.writer.file.store().is_some();
        let discards = self.discards();
        for waiter in std::mem::take(&mut self.waiters) {
            let Ok(answer) = waiter.answer.try_recv() else {
                let is_invalidation = waiter.kind == Acknowledge::Invalidation;
                assert!(!is_invalidation, "an invalidation waits for no more than a step");
                self.waiters.push(waiter);
                continue;
            };
            if waiter.kind == Acknowledge::Flush && is_in_service {
                self.unflushed.retain(|_, sequence| *sequence > waiter.up_to);
            }
            if answer.is_err() {
                let before = if waiter.kind == Acknowledge::Flush { 0 } else { waiter.discards };
                let has_lost = discards > before;
                assert!(has_lost || !is_in_service, "{:?} gets an error without a loss", waiter.kind);
                continue;
            }
            self.answered += 1;
            for (name, removal) in &waiter.removals {
                let found = self.machine.on_disk(*name);
                let is_gone = found.is_none_or(|found| found > *removal);
                assert!(is_gone, "{name}, removed at {removal}: {found:?}");
            }
            for (name, write) in waiter.writes.iter().filter(|_| has_values) {
                let removed = self.removals.get(name).copied().unwrap_or(0).max(self.cleared);
                let found = self.machine.on_disk(*name);
                let is_there = removed > *write || found.is_some_and(|found| found >= *write);
                assert!(is_there, "{:?} of {name}, written at {write}: {found:?}", waiter.kind);
            }
        }
    }

    /// Checks the groups. Entries of a group may have been evicted. But if one of the group's values is on
    /// disk, no key of the group may have an older entry.
    fn judge_groups(&self) {
        for group in &self.groups {
            let found = |(name, sequence): &(u16, u64)| Some((self.machine.on_disk(*name)?, *sequence));
            let found: Vec<_> = group.iter().filter_map(found).collect();
            let (has_value, has_older) = (
                found.iter().any(|(found, sequence)| found == sequence),
                found.iter().any(|(found, sequence)| found < sequence),
            );
            assert!(!has_value || !has_older, "a part of a group: {group:?}, found {found:?}");
        }
    }
}
