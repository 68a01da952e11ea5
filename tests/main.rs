//! End-to-end tests of larder, on real files and real processes: one module for each promise of the contract,
//! and some beside.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod activity;
mod bad_input;
mod child;
mod churn;
mod closing;
mod contract_1_read_your_writes;
mod contract_2_expired_is_gone;
mod contract_3_invalidated_stays_gone;
mod contract_4_bounded_loss;
mod contract_5_damage_is_a_miss;
mod contract_5_values;
mod contract_6_never_takes_the_application_down;
mod contract_7_bounded_resources;
mod contract_7_room;
mod contract_8_another_process_can_look;
#[cfg(unix)]
mod control;
#[cfg(unix)]
mod cut_files;
mod damage;
mod drops;
mod drops_at_work;
mod eviction;
#[cfg(unix)]
mod file_acts;
#[cfg(unix)]
mod file_replaced;
#[cfg(unix)]
mod file_replaced_locks;
mod file_replaced_steps;
#[cfg(unix)]
mod fork;
mod full_disk;
mod golden;
mod harness;
mod io_errors;
mod keyspaces;
mod kill;
mod large_removals;
mod large_values;
mod load_errors;
mod loads;
mod many_keyspaces;
mod model;
mod outage_stress;
mod outages;
mod outages_files;
mod outages_keyspaces;
mod outages_removals;
mod outages_threads;
mod outages_users;
mod outages_ways_back;
#[cfg(unix)]
mod places;
mod power_loss;
mod races;
mod ranges;
mod regressions;
mod simulated;
mod staleness;
mod statistics;
mod support;
mod tidy;
mod warnings;
mod watchdog;
mod workload;
