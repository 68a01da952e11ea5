//! The results of several processes: JSON for programs, and a table for people.

use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::journal::{Journal, Verdict};
use crate::report::{count, millis, percent, ratio};

/// The results of all processes. The names of the fields are used in the JSON file too.
#[derive(Debug, Serialize)]
pub(crate) struct ProcessesReport {
    /// The `staleness` of the server's URL.
    pub(crate) bound_ms: f64,
    pub(crate) stale_answers: u64,
    pub(crate) processes: Vec<ProcessReport>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ProcessReport {
    pub(crate) requests: u64,
    pub(crate) queries: u64,
    pub(crate) changes: u64,
    pub(crate) hits: u64,
    pub(crate) memory_hits: u64,
    /// The longest time from the acknowledgement of a change to a request whose answer did not show it.
    pub(crate) oldest_ms: f64,
    /// Number of answers older than an acknowledged change by the bound or more. Counts one answer for each
    /// subject and revision.
    pub(crate) stale_answers: u64,
}

impl ProcessReport {
    pub(crate) fn of(journal: &Journal, verdict: Verdict) -> Self {
        Self {
            requests: journal.requests,
            queries: journal.queries,
            changes: journal.changes,
            hits: journal.memory_hits + journal.remote_hits,
            memory_hits: journal.memory_hits,
            oldest_ms: millis(verdict.oldest),
            stale_answers: verdict.stale,
        }
    }
}

impl ProcessesReport {
    pub(crate) fn of(bound: Duration, processes: Vec<ProcessReport>) -> Self {
        let stale_answers = processes.iter().map(|process| process.stale_answers).sum();
        Self { bound_ms: millis(bound), stale_answers, processes }
    }

    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header([
            "process",
            "requests",
            "queries",
            "changes",
            "hits",
            "from memory",
            "oldest answer",
            "stale answers",
        ]);
        for (number, process) in self.processes.iter().enumerate() {
            table.add_row([
                number.to_string(),
                count(process.requests),
                count(process.queries),
                count(process.changes),
                percent(ratio(process.hits, process.requests)),
                percent(ratio(process.memory_hits, process.requests)),
                format!("{:.1} ms", process.oldest_ms),
                count(process.stale_answers),
            ]);
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}
