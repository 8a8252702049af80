//! What sessions promise over any storage. The tests of this crate hold them to it on memory, those of the
//! conformance crate on every backend.

use std::{collections::BTreeSet, num::NonZeroUsize, sync::Arc};

use cloakroom_storage::Storage;

pub(crate) mod lifetime;
pub(crate) mod principals;
pub(crate) mod races;
pub(crate) mod renewal;

/// The nodes of one application.
pub(crate) struct Nodes {
    /// One each, with the same data behind them and nothing else in it.
    pub(crate) storages: [Arc<dyn Storage>; 2],
    /// How often a race is run.
    pub(crate) repetitions: usize,
}

impl Nodes {
    /// How many sessions are stored.
    async fn stored(&self) -> usize {
        keys(&*self.storages[0]).await.len()
    }
}

/// Every key in the storage.
async fn keys(storage: &dyn Storage) -> BTreeSet<String> {
    let (mut keys, mut after) = (BTreeSet::new(), None);
    loop {
        let page = storage.scan(after, NonZeroUsize::new(100).unwrap()).await.unwrap();
        keys.extend(page.entries.into_iter().map(|entry| entry.key));
        after = page.next;
        if after.is_none() {
            return keys;
        }
    }
}

/// Calls the macro of that name with the path of every promise, each a function of [`Nodes`] that panics where it
/// is broken.
macro_rules! for_each_promise {
    ($call:ident) => {
        $call! {
            races::of_32_concurrent_writes_with_a_0_ms_handler_32_survive,
            races::of_32_concurrent_writes_with_a_50_ms_handler_32_survive,
            races::of_32_concurrent_writes_on_two_nodes_32_survive,
            races::of_32_concurrent_writes_with_a_50_ms_handler_on_two_nodes_32_survive,
            races::a_logout_during_a_slow_write_wins,
            races::a_logout_on_another_node_during_a_slow_write_wins,
            races::whatever_the_interleaving_a_logout_is_never_undone,
            races::whatever_the_interleaving_regenerates_leave_one_session,
            races::a_write_during_a_regenerate_moves_along_or_is_told_that_its_id_is_gone,
            races::a_regenerate_takes_along_what_another_request_has_written_meanwhile,
            races::of_two_sign_ins_of_one_session_the_slower_is_dropped_and_leaves_the_new_cookie_alone,
            lifetime::a_session_of_one_node_is_known_on_the_other,
            lifetime::an_unused_session_ends_after_the_idle_timeout,
            lifetime::reads_keep_a_session_alive,
            lifetime::neither_reads_nor_writes_outlast_the_absolute_timeout,
            lifetime::a_shorter_idle_timeout_of_its_own_ends_a_session_sooner,
            lifetime::after_a_regenerate_the_data_is_under_the_new_id_alone,
            lifetime::after_a_reset_the_session_is_empty_and_the_old_id_dead,
            lifetime::after_a_destroy_the_id_is_dead_on_every_node,
            lifetime::a_store_that_is_reset_has_no_session_left,
            principals::the_sessions_of_a_principal_are_listed_on_every_node,
            principals::a_revocation_holds_for_the_next_request_on_every_node,
            principals::a_session_stays_listed_under_each_new_id,
            principals::whatever_the_interleaving_nobody_is_signed_in_after_a_revocation,
            principals::a_sign_in_that_races_a_revocation_is_undone_or_found_by_the_next,
            principals::racing_sign_ins_never_exceed_the_limit,
            principals::the_oldest_make_room_and_sessions_that_have_ended_do_not_count,
            principals::a_list_that_was_lost_heals_as_its_sessions_are_used,
            renewal::an_old_id_is_renewed_and_leads_to_the_same_session_while_there_is_grace,
            renewal::of_racing_requests_one_renews_the_id_and_all_writes_survive,
            renewal::a_write_under_way_follows_the_session_to_its_new_id,
            renewal::after_a_sign_out_under_either_id_neither_works,
            renewal::a_sign_out_under_way_follows_the_session_to_its_new_id,
            renewal::after_a_regenerate_a_sign_in_or_a_proof_neither_id_works,
            renewal::a_sign_in_under_way_follows_the_session_to_its_new_id,
            renewal::a_renewed_session_is_listed_once_and_revoked_under_both_ids,
            renewal::whatever_the_interleaving_a_revocation_ends_sessions_that_are_being_renewed,
            renewal::one_session_of_the_list_is_ended_also_while_it_is_renewed,
            renewal::racing_renewals_take_no_room_from_other_sessions,
            renewal::a_limit_that_was_lowered_does_not_end_sessions_that_are_renewed,
            renewal::a_revocation_that_spares_its_own_session_spares_it_under_its_new_id,
        }
    };
}

pub(crate) use for_each_promise;
