//! Checks that the scenarios find bugs. A planted fault skips or moves a step of the protocol. Some schedule
//! must fail, with the message of the judge that looks for this bug. Any other panic, such as one of an
//! unwrapped result, does not count as found.
//!
//! The seeds are fixed, so a fault that was found once is found again as long as the code does not change.

use std::collections::BTreeSet;

use larder::model::{Failpoint, set_failpoint};

use crate::harness::run;
use crate::panics::message;
use crate::{
    absences, absent_keys, bulk, changes, durability, expiry, grace, groups, idle, leases, loads, outages,
    reads, refresh, remote, remote_bulk, remote_idle, remote_late, remote_own, remote_ranges, remote_tasks,
    remote_transactions, shutdown, task_refresh, tasks, ticks, transactions,
};

/// Number of schedules within which a planted fault must be found. Most faults need only a hundredth of
/// them.
const ENOUGH: u64 = 40_000;

/// The judge of [`Source`](crate::source::Source): an answer was lower than the lowest correct one.
const STALE: &str = "when the least was";
/// The judge of [`History`](crate::history::History).
const NO_ORDER: &str = "no order explains";
/// An entry was found after it was seen missing.
const CAME_BACK: &str = "it came back";
/// The results of a lookup of several keys belong to different moments.
const NO_MOMENT: &str = "of no moment";
/// Two accounts do not have the sum that each transfer keeps.
const WRONG_SUM: &str = "the sum is wrong";
/// A watch did not notice a change of its key.
const MISSED_CHANGE: &str = "has changed since it was watched";
/// The judge of shuttle: all threads wait.
const STALLED: &str = "deadlock!";

fn assert_caught(fault: Failpoint, scenario: fn(), judge: &str) {
    let mut others = BTreeSet::new();
    let mut next = 0;
    loop {
        set_failpoint(Some(fault));
        let result = run(scenario, next, ENOUGH - next);
        set_failpoint(None);
        let Err((seed, panic)) = result else {
            panic!("{fault:?}: no schedule has failed with {judge:?}; other failures: {others:#?}");
        };
        let found = message(&*panic);
        if found.contains(judge) {
            eprintln!("{fault:?}: caught by schedule {seed}, other failures: {}", others.len());
            return;
        }
        others.insert(found.to_owned());
        next = seed + 1;
    }
}

/// Defines a test for each row. A row has one or several planted faults, each with a scenario and a part of
/// the message with which the scenario must fail.
macro_rules! planted_faults {
    ($($test:ident => [
        $($fault:ident: $module:ident::$scenario:ident, $judge:expr);+ $(;)?
    ];)*) => {$(
        #[test]
        fn $test() {
            $(assert_caught(Failpoint::$fault, $module::$scenario, $judge);)+
        }
    )*};
}

planted_faults! {
    a_load_published_without_its_lease_is_caught =>
        [FillWithoutLease: loads::a_load_never_outlives_a_removal, STALE];
    a_load_published_behind_a_fence_is_caught =>
        [FillWithoutLease: loads::a_load_never_outlives_an_update, STALE];
    a_promotion_published_without_its_lease_is_caught =>
        [PromoteWithoutLease: loads::a_promotion_never_outlives_a_clear, STALE];
    a_change_published_without_its_lease_is_caught =>
        [FillWithoutLease: changes::changes_of_what_is_on_disk_agree, NO_ORDER];
    a_change_published_behind_a_barrier_is_caught =>
        [ChangeBehindBarrier: changes::a_change_never_outlives_a_clear, "has outlived the clear"];
    a_counter_changed_behind_a_barrier_is_caught =>
        [IncrementBehindBarrier: changes::a_change_never_outlives_a_clear, "has outlived the clear"];
    a_change_of_what_has_expired_is_caught =>
        [PublishExpired: expiry::a_touch_brings_back_nothing_that_was_seen_expired, CAME_BACK];
    an_entry_that_two_calls_have_ended_is_caught =>
        [FillWithoutLease: expiry::nothing_that_was_expired_is_live_again, "not one call has ended it"];
    a_change_of_what_was_evicted_is_caught =>
        [PublishEvicted: expiry::a_touch_brings_back_nothing_that_was_seen_evicted, CAME_BACK];
    a_use_of_what_has_expired_is_caught =>
        [ExtendExpired: idle::a_use_brings_back_nothing_that_was_seen_expired, CAME_BACK];
    a_use_of_what_was_evicted_since_is_caught =>
        [ForgetEvictedUse: idle::a_use_beside_an_eviction_counts, "it was used before its first expiry"];
    a_stamp_that_goes_before_the_disk_shows_it_is_caught =>
        [SettleEarly: idle::a_commit_of_uses_brings_back_nothing_that_was_seen_expired, CAME_BACK];
    a_flight_that_outlives_an_invalidation_is_caught =>
        [KeepFlight: loads::a_load_never_outlives_a_removal, STALE];
    a_tick_stored_before_its_upper_bound_is_caught =>
        [StoreTickBeforeLimit: ticks::a_hit_within_a_tick_is_never_late, "served past its expiry"];
    a_window_stored_before_its_upper_bound_is_caught =>
        [StoreTickBeforeLimit: ticks::a_near_hit_within_a_window_is_never_late, "served past its expiry"];
    a_stale_value_kept_from_before_the_load_is_caught =>
        [KeepStale: grace::a_stale_answer_never_outlives_a_removal, STALE];
    a_refresh_of_what_is_new_is_caught =>
        [RefreshWhatIsNew: refresh::an_old_value_is_refreshed_once, "not refreshed once"];
    a_fence_ignored_by_a_refresh_is_caught =>
        [RefreshIgnoresFence: refresh::a_refresh_never_outlives_an_update, STALE];
    a_refresh_published_without_its_lease_is_caught =>
        [FillWithoutLease: refresh::a_refresh_never_outlives_a_removal, STALE];
    a_token_taken_after_the_answer_of_a_server_is_caught => [
        TokenAfterAnswer: remote::no_answer_is_stale_beyond_the_bound, STALE;
        TokenAfterAnswer: remote_tasks::no_lookup_of_a_task_is_stale_beyond_the_bound, STALE;
    ];
    a_validity_checked_before_the_value_is_read_is_caught =>
        [ValidityBeforeRead: remote::a_push_that_is_late_is_bounded, STALE];
    a_deadline_loaded_after_the_value_is_read_is_caught => [
        DeadlineAfterRead: remote_late::a_value_in_memory_beside_a_late_push_is_bounded, STALE;
        DeadlineAfterRead: remote_late::a_value_that_was_read_ahead_beside_a_late_push_is_bounded, STALE;
    ];
    a_validity_counted_from_the_answer_is_caught =>
        [ValidityFromAnswer: remote::an_answer_to_a_ping_that_is_late_is_bounded, STALE];
    two_pings_in_one_turn_of_the_server_are_caught =>
        [TwoPingsInOneTurn: remote::a_push_at_the_end_of_a_turn_is_bounded, STALE];
    a_server_with_noloop_is_caught_if_the_cache_voids_only_before_its_changes =>
        [VoidOnlyBeforeWithNoLoop: remote_own::no_answer_is_stale_beyond_the_bound_of_an_own_removal, STALE];
    a_cache_that_voids_only_before_its_changes_is_caught =>
        [VoidOnlyBefore: remote_own::an_own_removal_is_seen_at_once_beside_late_pushes, STALE];
    a_near_fill_without_a_fill_of_the_server_is_caught =>
        [NearFillAlone: remote::a_load_never_outlives_a_removal_on_another_machine, STALE];
    a_token_of_a_near_fill_taken_after_the_answer_is_caught =>
        [FillTokenAfterAnswer: remote::a_load_never_outlives_a_removal_on_another_machine, STALE];
    a_load_of_several_keys_without_a_step_of_one_of_them_is_caught => [
        NearFillAlone: remote_bulk::a_load_of_several_keys_never_outlives_a_removal_on_another_machine, STALE;
        RemoteFillWithoutLease:
            remote_bulk::a_load_of_several_keys_never_outlives_a_removal_on_another_machine, STALE;
        FillTokenAfterAnswer:
            remote_bulk::a_load_of_several_keys_never_outlives_a_removal_on_another_machine, STALE;
        ShareUnchecked:
            remote_bulk::a_load_of_several_keys_never_outlives_a_removal_on_another_machine, STALE;
        TokenAfterAnswer:
            remote_bulk::a_value_found_for_several_keys_never_outlives_a_removal_on_another_machine, STALE;
    ];
    a_fill_of_the_server_without_its_lease_is_caught =>
        [RemoteFillWithoutLease: remote::a_load_never_outlives_a_removal_on_another_machine, STALE];
    a_renewal_of_a_lease_that_a_removal_has_voided_is_caught =>
        [RenewVoidedLease: remote::a_renewed_lease_never_outlives_a_removal_on_another_machine, STALE];
    a_refresh_of_a_record_that_was_replaced_is_caught =>
        [RefreshAlways: remote::a_refresh_never_outlives_a_removal_on_another_machine, STALE];
    a_fence_ignored_by_the_server_is_caught =>
        [SetIgnoresFence: remote::a_refresh_never_outlives_an_update_on_another_machine, STALE];
    a_load_shared_after_a_change_of_another_machine_is_caught =>
        [ShareUnchecked: remote::a_load_never_outlives_a_removal_on_another_machine, STALE];
    a_life_counted_from_the_answer_is_caught =>
        [LifeFromAnswer: remote::a_near_copy_never_outlives_its_entry, "has outlived its entry"];
    a_use_that_a_server_takes_after_the_expiry_is_caught =>
        [ExtendExpired: remote_idle::a_late_use_brings_back_nothing_that_was_seen_expired, CAME_BACK];
    a_near_copy_that_a_use_extends_is_caught =>
        [ExtendNearCopy: remote_idle::a_late_use_brings_back_nothing_that_was_seen_expired, CAME_BACK];
    a_use_that_extends_another_record_is_caught =>
        [ExtendAnyRecord: remote_idle::a_late_use_extends_no_other_entry, "the new entry was not used"];
    a_transaction_at_a_server_in_several_requests_is_caught => [
        CommitUnchecked: remote_transactions::a_transfer_of_two_machines_keeps_the_sum, "a transfer is lost";
        CommitAfterCheck: remote_transactions::a_transfer_of_two_machines_keeps_the_sum, "a transfer is lost";
        CommitOneByOne: remote_transactions::a_transfer_of_two_machines_keeps_the_sum, WRONG_SUM;
    ];
    a_watch_of_an_empty_slot_without_a_mark_is_caught =>
        [WatchWithoutMark: remote_transactions::a_watch_at_a_server_sees_what_came_and_went, MISSED_CHANGE];
    a_wait_for_a_load_that_queues_is_caught =>
        [WaitForQueued: refresh::a_load_in_the_queue_is_taken_over, STALLED];
    a_run_of_a_load_that_was_taken_over_is_caught =>
        [RunTakenOver: refresh::a_load_in_the_queue_is_taken_over, "loads, "];
    a_new_life_published_without_its_lease_is_caught =>
        [FillWithoutLease: refresh::an_unchanged_value_never_outlives_a_removal, STALE];
    an_absence_published_without_its_lease_is_caught => [
        FillWithoutLease: absences::an_absence_never_outlives_a_removal, STALE;
        FillWithoutLease: absences::an_absence_never_hides_an_insert, STALE;
    ];
    a_removed_absence_that_stays_on_disk_is_caught =>
        [KeepAbsence: absences::an_absence_on_disk_never_outlives_a_removal, STALE];
    a_late_fill_is_caught => [FillLate: leases::a_late_lease_fills_nothing, "a late fill was cached"];
    an_omitted_key_that_is_not_landed_is_caught =>
        [ForgetOmitted: bulk::an_omitted_key_stalls_no_caller, STALLED];
    a_wait_before_the_own_flights_have_landed_is_caught =>
        [WaitBeforeLanding: bulk::overlapping_loads_of_several_keys_end, "a load has another answer"];
    a_group_that_is_drained_in_part_is_caught =>
        [OpenGroupGate: bulk::a_group_is_committed_as_a_whole, "a part of a group"];
    a_group_that_is_refused_in_part_is_caught =>
        [OpenGroupGate: bulk::a_group_beside_a_close_is_whole, "a part of a group"];
    a_group_that_the_writer_splits_is_caught =>
        [SplitGroup: bulk::a_group_is_committed_as_a_whole, "a part of a group"];
    a_transaction_that_the_writer_splits_is_caught =>
        [SplitGroup: transactions::a_transaction_is_committed_as_a_whole, "a part of a transaction"];
    a_transaction_whose_removals_come_first_is_caught => [
        RemoveBeforeGroup: transactions::a_transaction_with_many_removals_is_committed_as_a_whole,
            "a part of a transaction";
    ];
    a_transaction_that_is_published_key_by_key_is_caught =>
        [PublishOneByOne: transactions::no_thread_sees_half_of_a_transaction, "half of a transaction"];
    a_group_lookup_that_does_not_check_what_it_read_is_caught => [
        ConfirmNothing: groups::a_group_lookup_beside_a_removal_is_of_one_moment, NO_MOMENT;
        ConfirmNothing: groups::a_group_lookup_beside_a_removal_by_prefix_is_of_one_moment, NO_MOMENT;
        ConfirmNothing: groups::a_group_lookup_beside_an_eviction_from_disk_is_of_one_moment, NO_MOMENT;
        ConfirmNothing: groups::a_group_lookup_beside_a_discarded_file_is_of_one_moment, NO_MOMENT;
    ];
    a_group_lookup_that_keeps_its_first_results_is_caught =>
        [LookOnce: groups::a_group_lookup_beside_an_expiry_is_of_one_moment, NO_MOMENT];
    a_transaction_published_without_its_leases_is_caught =>
        [FillWithoutLease: transactions::a_transfer_keeps_the_sum, WRONG_SUM];
    a_watch_by_sequence_is_caught =>
        [WatchBySequence: transactions::a_watch_sees_what_came_and_went, MISSED_CHANGE];
    a_watch_of_what_has_expired_is_caught =>
        [PublishExpired: transactions::a_transaction_of_what_has_expired_is_refused, CAME_BACK];
    a_range_removal_without_its_barrier_is_caught =>
        [SkipBarrier: loads::a_load_never_outlives_a_removal_by_prefix, STALE];
    a_record_believed_below_the_floor_is_caught =>
        [IgnoreMinVisibleSequence: loads::a_promotion_never_outlives_a_clear, STALE];
    a_floor_that_is_raised_after_memory_is_purged_is_caught =>
        [InsertRangeTombstoneLate: loads::a_promotion_never_outlives_a_clear, STALE];
    a_floor_that_goes_when_a_large_removal_is_answered_is_caught =>
        [RemoveRangeTombstoneWithRow: reads::a_clear_agrees_with_writes_and_reads, NO_ORDER];
    a_floor_that_goes_before_the_disk_shows_it_is_caught =>
        [RemoveRangeTombstoneEarly: reads::a_large_removal_agrees_with_reads, NO_ORDER];
    a_key_that_leaves_memory_before_the_disk_shows_it_is_caught =>
        [MarkCleanEarly: reads::removals_writes_and_promotions_agree, NO_ORDER];
    a_removal_that_is_not_replayed_after_a_failure_is_caught =>
        [ForgetDrained: outages::a_single_failure_brings_nothing_back, "after a restart"];
    a_wait_for_room_that_the_writer_ignores_is_caught =>
        [IgnoreWaiters: durability::writers_wait_for_room_and_go_on, STALLED];
    a_sleep_for_room_that_is_announced_after_the_attempt_is_caught =>
        [AnnounceSleepLate: durability::writers_wait_for_room_and_go_on, STALLED];
    a_wait_of_a_large_value_that_the_writer_ignores_is_caught =>
        [IgnoreWaiters: durability::large_values_and_small_ones_go_on, STALLED];
    a_shard_that_takes_what_is_stored_after_it_is_closed_is_caught =>
        [StoreInClosed: shutdown::a_closed_cache_has_nothing, "found in a cache that is closed"];
    a_last_commit_that_begins_before_writers_are_refused_is_caught =>
        [DrainBeforeSealing: shutdown::a_closed_cache_has_nothing, "committed, or refused and not made"];
    a_waker_lost_between_check_and_register_is_caught =>
        [RegisterLate: tasks::tasks_and_threads_share_one_load, STALLED];
    a_successor_that_is_named_but_never_polled_is_caught =>
        [WakeOneTask: tasks::a_task_that_is_never_polled_again_stalls_no_task, STALLED];
    a_thread_asleep_behind_a_dropped_load_of_a_task_is_caught =>
        [KeepDroppedLoad: tasks::a_thread_loads_when_no_task_waits_any_more, STALLED];
    a_lease_kept_by_a_dropped_future_is_caught =>
        [KeepDroppedLease: tasks::a_borrowed_loader_that_is_dropped_stalls_no_caller, STALLED];
    a_refresh_in_a_task_published_without_its_lease_is_caught =>
        [FillWithoutLease: task_refresh::a_refresh_in_a_task_never_outlives_a_removal, STALE];
    a_lease_kept_by_a_refresh_that_its_runtime_drops_is_caught =>
        [KeepDroppedLoad: task_refresh::a_refresh_that_its_runtime_drops_stalls_no_caller, STALLED];
    a_waker_of_a_durable_change_lost_between_check_and_register_is_caught =>
        [RegisterLate: tasks::durable_changes_of_tasks_are_committed, STALLED];
    a_close_that_does_not_wait_for_what_a_task_has_begun_is_caught => [
        CloseBeforeChanges: tasks::a_change_that_a_task_has_begun_is_made_before_the_close,
            "was begun before the close";
        CloseBeforeChanges: tasks::a_change_that_a_task_has_begun_is_made_before_the_close_of_a_task,
            "was begun before the close";
    ];
    a_waker_of_a_close_lost_between_check_and_register_is_caught =>
        [RegisterLate: tasks::a_change_that_a_task_has_begun_is_made_before_the_close_of_a_task, STALLED];
    a_key_written_during_a_build_and_left_out_is_caught =>
        [BuildWithoutWrites: absent_keys::a_filter_that_is_built_hides_no_key, NO_ORDER];
    a_filter_of_a_new_file_that_comes_after_the_first_commit_is_caught =>
        [RenewFilterLate: absent_keys::the_filter_of_a_new_file_hides_no_key, NO_ORDER];
    a_key_filtered_after_it_was_marked_clean_is_caught =>
        [FilterAfterClean: absent_keys::a_stored_key_is_never_filtered, NO_ORDER];
    a_filter_asked_before_memory_is_caught =>
        [FilterBeforeMemory: absent_keys::a_stored_key_is_never_filtered, NO_ORDER];
    a_generation_of_a_range_read_after_the_lease_is_caught =>
        [RangeReadLate: remote_ranges::no_value_of_a_removed_range_is_stale_beyond_the_bound, STALE];
    a_fill_that_does_not_check_the_generation_of_its_range_is_caught =>
        [RangeUncheckedAtFill: remote_ranges::no_value_of_a_removed_range_is_stale_beyond_the_bound, STALE];
    a_generation_of_a_range_that_is_a_counter_is_caught =>
        [RangeCounter: remote_ranges::an_evicted_generation_brings_no_removed_value_back, CAME_BACK];
    an_ignored_push_of_a_range_is_caught =>
        [RangePushIgnored: remote_ranges::no_value_of_a_removed_range_is_stale_beyond_the_bound, STALE];
    a_load_of_a_task_without_its_lease_or_without_the_fill_of_the_server_is_caught => [
        RemoteFillWithoutLease: remote_tasks::a_load_of_a_task_never_outlives_a_removal_on_another_machine,
            STALE;
        NearFillAlone: remote_tasks::a_load_of_a_task_never_outlives_a_removal_on_another_machine, STALE;
    ];
}
