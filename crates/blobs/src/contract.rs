//! What every blob store promises, run over each adapter; and what only one of them has to show.

mod cases;
mod content;
mod disk;
mod place;
#[cfg(feature = "services")]
mod s3;
#[cfg(feature = "services")]
mod s3_server;
#[cfg(feature = "services")]
mod scripted_server;

/// One test per promise and adapter. A place that is not there here (None) has said so itself.
macro_rules! contract {
    ($adapter:ident, $place:path) => {
        mod $adapter {
            contract! { @each $place;
                an_empty_file
                a_file_of_one_byte
                a_file_of_exactly_one_part
                a_file_of_many_parts
                a_file_that_comes_at_once
                ranges
                an_aborted_upload_leaves_nothing
                a_dropped_upload_leaves_nothing
                a_write_that_was_given_up_is_not_forgotten
                an_unfinished_upload_is_neither_read_nor_listed
                delete_takes_a_file_away_and_may_be_repeated
                what_was_never_stored_is_gone
                replaced_content_is_another_version
                list_goes_by_age_and_in_order
                the_sweep_ends_what_nobody_finished
                uploads_beside_each_other
                a_reader_outlives_the_file_or_says_so
                a_store_that_works_is_ready
            }
        }
    };
    (@each $place:path; $($case:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            if let Some(place) = $place().await {
                crate::contract::cases::$case(&place).await;
            }
        })*
    };
}

contract!(over_disk, crate::contract::place::folder);
#[cfg(feature = "services")]
contract!(over_s3, crate::contract::place::s3_in_process);
#[cfg(feature = "services")]
contract!(over_external_s3, crate::contract::place::s3_external);
