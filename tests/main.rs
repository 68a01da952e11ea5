//! End-to-end tests of larder, with real files and processes, and with simulated disks.
//!
//! - `contract/`: the promises of `docs/contract.md`; the tests of promise N are in `contract_N_….rs`;
//! - `outages/`: the disk tier while its disk fails, and the ways back into service;
//! - `faults/`: harnesses that kill the process, cut the power, damage the file, or replace the file;
//! - `concurrency/`: threads and processes that work at the same time;
//! - `asynchronous/`: the async calls, on three runtimes;
//! - `keys/`: the types that a key can have, and the arguments that a call accepts for a key;
//! - `ops/`: statistics, reports on single keys, and the control socket;
//! - `golden/`: files of every format version;
//! - `tidy/`: checks of the source tree;
//! - `support/`: helpers that several tests share.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod golden;
mod support;
mod tidy;

mod asynchronous {
    mod cancellation;
    mod changes;
    mod circles;
    mod commits;
    mod dropped_tasks;
    mod inline_calls;
    mod loads;
    mod on_threads;
    mod refreshes;
    mod registered;
    mod runtimes;
    mod several;
    mod transactions;
}

mod keys {
    mod arguments;
    mod derived;
}

mod contract {
    mod absences;
    mod absent_keys;
    mod bad_input;
    mod bulk_loads;
    mod bulk_reads;
    mod bulk_writes;
    pub(crate) mod churn;
    mod contract_1_atomic_changes;
    mod contract_1_read_your_writes;
    mod contract_2_expired_is_gone;
    mod contract_2_ttls;
    mod contract_3_invalidated_stays_gone;
    mod contract_4_bounded_loss;
    mod contract_5_damage_is_a_miss;
    mod contract_5_values;
    pub(crate) mod contract_6_never_takes_the_application_down;
    pub(crate) mod contract_7_bounded_resources;
    mod contract_7_room;
    mod contract_8_another_process_can_look;
    mod error_sources;
    mod eviction;
    mod grace;
    mod idle;
    mod idle_beside_others;
    mod keyspaces;
    mod large_removals;
    mod large_values;
    mod leases;
    mod load_errors;
    mod load_timeouts;
    mod loads;
    mod many_keyspaces;
    mod model;
    mod queued_loads;
    mod ranges;
    mod registered_bulk;
    mod registered_loaders;
    mod regressions;
    mod transactions;
}

mod outages {
    mod files;
    mod full_disk;
    mod keyspaces;
    mod removals;
    mod states;
    mod stress;
    mod threads;
    mod users;
    mod ways_back;
}

mod faults {
    #[cfg(unix)]
    mod cut_files;
    pub(crate) mod damage;
    #[cfg(unix)]
    mod file_acts;
    mod file_overwritten_steps;
    mod file_overwritten_while_closed;
    #[cfg(unix)]
    mod file_replaced;
    #[cfg(unix)]
    mod file_replaced_locks;
    mod file_replaced_steps;
    mod io_errors;
    pub(crate) mod kill;
    #[cfg(unix)]
    pub(crate) mod places;
    mod power_loss;
    mod workload;
}

mod concurrency {
    mod closing;
    mod drop_panics;
    mod drops;
    mod drops_at_work;
    #[cfg(unix)]
    pub(crate) mod fork;
    pub(crate) mod races;
    pub(crate) mod staleness;
}

mod ops {
    mod activity;
    #[cfg(unix)]
    pub(crate) mod control;
    mod statistics;
}
