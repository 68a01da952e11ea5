//! Runs the real cache under a model checker. The model checker runs a few threads in thousands of orders,
//! and each scenario checks the answers.
//!
//! ```text
//! RUSTFLAGS="--cfg shuttle" cargo test --profile shuttle --target-dir target/shuttle -p larder-interleavings
//! ```
//!
//! `LARDER_SCHEDULES` is the number of schedules of all scenarios together. `LARDER_SEED` is the seed of the
//! first schedule. A failure prints the command that replays the failed schedule. Without `--cfg shuttle`,
//! this crate is empty.
#![cfg(shuttle)]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that panics has failed, and says how")]

mod absences;
mod absent_keys;
mod bulk;
mod changes;
mod durability;
mod expiry;
mod explorer;
mod grace;
mod groups;
mod harness;
mod history;
mod idle;
mod leases;
mod loads;
mod outages;
#[path = "../support/panics.rs"]
mod panics;
mod place;
mod planted;
mod reads;
mod refresh;
mod remote;
mod remote_bulk;
mod remote_idle;
mod remote_late;
mod remote_own;
mod remote_ranges;
mod remote_tasks;
mod remote_transactions;
#[path = "../support/seeds.rs"]
mod seeds;
mod shutdown;
mod source;
mod task_refresh;
mod tasks;
mod ticks;
mod transactions;
#[path = "../support/watchdog.rs"]
mod watchdog;

/// Defines a test for each scenario. Each test runs an equal part of the schedules.
macro_rules! scenarios {
    ($($module:ident::$scenario:ident,)*) => {
        const SCENARIOS: u64 = [$(stringify!($scenario)),*].len() as u64;
        $(
            #[test]
            fn $scenario() {
                harness::explore(stringify!($scenario), $module::$scenario, SCENARIOS);
            }
        )*
    };
}

scenarios! {
    reads::reads_never_go_back,
    reads::removals_writes_and_promotions_agree,
    reads::a_lookup_sees_the_latest_of_several_commits,
    reads::a_clear_agrees_with_writes_and_reads,
    reads::a_large_removal_agrees_with_reads,
    absent_keys::a_stored_key_is_never_filtered,
    absent_keys::a_filter_that_is_built_hides_no_key,
    absent_keys::the_filter_of_a_new_file_hides_no_key,
    changes::no_increment_is_lost,
    changes::a_change_never_outlives_a_clear,
    changes::changes_of_what_is_on_disk_agree,
    changes::a_value_is_taken_once,
    changes::changes_that_take_turns_end,
    loads::a_load_never_outlives_a_removal,
    loads::a_load_never_outlives_a_removal_by_prefix,
    loads::a_promotion_never_outlives_a_clear,
    loads::a_load_never_outlives_an_update,
    loads::loads_that_wait_for_one_another_end,
    loads::loads_across_two_caches_end,
    loads::a_wait_that_is_over_leaves_the_load_alone,
    grace::a_stale_answer_never_outlives_a_removal,
    grace::a_stale_answer_from_disk_never_outlives_a_removal,
    absences::an_absence_never_outlives_a_removal,
    absences::an_absence_on_disk_never_outlives_a_removal,
    absences::an_absence_never_hides_an_insert,
    leases::one_waiter_loads_for_a_dropped_lease,
    leases::a_forgotten_lease_stalls_no_caller,
    leases::a_late_lease_fills_nothing,
    refresh::a_refresh_never_outlives_a_removal,
    refresh::an_unchanged_value_never_outlives_a_removal,
    refresh::a_refresh_never_outlives_an_update,
    refresh::a_refresh_and_an_expiry_agree,
    refresh::an_old_value_is_refreshed_once,
    refresh::a_close_beside_refreshes_ends,
    refresh::a_load_in_the_queue_is_taken_over,
    bulk::overlapping_loads_of_several_keys_end,
    bulk::an_omitted_key_stalls_no_caller,
    bulk::a_group_is_committed_as_a_whole,
    bulk::a_group_beside_a_close_is_whole,
    transactions::a_transfer_keeps_the_sum,
    transactions::no_thread_sees_half_of_a_transaction,
    transactions::a_group_lookup_in_memory_sees_no_half_of_a_transfer,
    transactions::a_group_lookup_on_disk_sees_no_half_of_a_transfer,
    groups::a_group_lookup_beside_a_removal_is_of_one_moment,
    groups::a_group_lookup_beside_a_removal_by_prefix_is_of_one_moment,
    groups::a_group_lookup_beside_an_expiry_is_of_one_moment,
    groups::a_group_lookup_beside_an_eviction_from_disk_is_of_one_moment,
    groups::a_group_lookup_beside_a_discarded_file_is_of_one_moment,
    transactions::a_watch_sees_what_came_and_went,
    transactions::a_watch_and_an_eviction_agree,
    transactions::a_transaction_of_what_has_expired_is_refused,
    transactions::a_transaction_and_a_removal_by_prefix_agree,
    transactions::a_transaction_is_committed_as_a_whole,
    transactions::a_transaction_with_many_removals_is_committed_as_a_whole,
    transactions::transactions_that_take_turns_end,
    expiry::a_sweep_spares_what_was_written_anew,
    expiry::a_touch_and_an_expiry_agree,
    expiry::a_touch_brings_back_nothing_that_was_seen_expired,
    expiry::a_touch_brings_back_nothing_that_was_seen_evicted,
    expiry::nothing_that_was_expired_is_live_again,
    expiry::nothing_on_disk_that_was_expired_is_live_again,
    idle::a_use_brings_back_nothing_that_was_seen_expired,
    idle::a_use_on_disk_brings_back_nothing_that_was_seen_expired,
    idle::a_second_use_on_disk_takes_nothing_from_the_first,
    idle::a_commit_of_uses_brings_back_nothing_that_was_seen_expired,
    idle::a_use_beside_a_removal_brings_nothing_back,
    idle::a_use_beside_an_eviction_counts,
    durability::what_was_acknowledged_is_committed,
    durability::an_insert_reaches_the_disk_by_itself,
    durability::writers_wait_for_room_and_go_on,
    durability::large_values_and_small_ones_go_on,
    outages::a_single_failure_brings_nothing_back,
    outages::an_outage_brings_nothing_back,
    outages::lookups_that_fail_bring_nothing_back,
    outages::no_caller_waits_for_a_disk_that_is_gone,
    shutdown::closing_loses_nothing_acknowledged,
    shutdown::the_last_handle_may_go_anywhere,
    shutdown::a_closed_cache_has_nothing,
    shutdown::what_is_closed_can_be_opened,
    remote::no_answer_is_stale_beyond_the_bound,
    remote::a_push_that_is_late_is_bounded,
    remote::an_answer_to_a_ping_that_is_late_is_bounded,
    remote::a_push_at_the_end_of_a_turn_is_bounded,
    remote::a_load_never_outlives_a_removal_on_another_machine,
    remote::a_renewed_lease_never_outlives_a_removal_on_another_machine,
    remote::a_refresh_never_outlives_a_removal_on_another_machine,
    remote::a_refresh_never_outlives_an_update_on_another_machine,
    remote::a_removal_is_seen_at_once_by_its_own_machine,
    remote::a_raw_load_never_outlives_a_removal_of_its_machine,
    remote::no_increment_of_two_machines_is_lost,
    remote::a_near_copy_never_outlives_its_entry,
    remote::a_lost_connection_leaves_nothing_stale,
    remote::a_close_beside_a_lost_connection_leaves_the_counters_right,
    remote::loads_of_several_keys_in_opposite_orders_end,
    remote_idle::a_late_use_brings_back_nothing_that_was_seen_expired,
    remote_idle::a_late_use_extends_no_other_entry,
    remote_bulk::a_load_of_several_keys_never_outlives_a_removal_on_another_machine,
    remote_bulk::a_value_found_for_several_keys_never_outlives_a_removal_on_another_machine,
    remote_late::a_value_in_memory_beside_a_late_push_is_bounded,
    remote_late::a_value_that_was_read_ahead_beside_a_late_push_is_bounded,
    remote_own::no_answer_is_stale_beyond_the_bound_of_an_own_removal,
    remote_own::an_own_removal_is_seen_at_once_beside_late_pushes,
    remote_ranges::no_value_of_a_removed_range_is_stale_beyond_the_bound,
    remote_ranges::an_evicted_generation_brings_no_removed_value_back,
    remote_tasks::no_lookup_of_a_task_is_stale_beyond_the_bound,
    remote_tasks::a_load_of_a_task_never_outlives_a_removal_on_another_machine,
    remote_tasks::a_removal_of_a_task_is_seen_at_once_by_its_own_machine,
    remote_tasks::no_change_of_a_task_is_lost,
    remote_tasks::an_insert_of_a_task_is_seen_at_once_by_its_own_machine,
    remote_transactions::a_transfer_of_two_machines_keeps_the_sum,
    remote_transactions::a_watch_at_a_server_sees_what_came_and_went,
    ticks::a_hit_within_a_tick_is_never_late,
    ticks::a_near_hit_within_a_window_is_never_late,
    tasks::tasks_and_threads_share_one_load,
    tasks::a_task_that_is_never_polled_again_stalls_no_task,
    tasks::a_task_that_is_dropped_stalls_no_caller,
    tasks::a_thread_loads_when_no_task_waits_any_more,
    tasks::a_borrowed_loader_that_is_dropped_stalls_no_caller,
    tasks::a_forgotten_lease_stalls_no_task,
    tasks::a_load_of_a_task_never_outlives_a_removal,
    tasks::durable_changes_of_tasks_are_committed,
    task_refresh::a_refresh_in_a_task_never_outlives_a_removal,
    task_refresh::a_refresh_that_its_runtime_drops_stalls_no_caller,
    tasks::a_change_that_a_task_has_begun_is_made_before_the_close,
    tasks::a_change_that_a_task_has_begun_is_made_before_the_close_of_a_task,
}
