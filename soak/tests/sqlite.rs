//! A short soak of a file that two processes share, and what the program refuses.

use cloakroom::Backends;
use cloakroom_soak::{Failure, Options, soak};

mod program;

#[tokio::test]
async fn two_processes_on_one_file_break_no_promise() {
    let folder = tempfile::tempdir().unwrap();
    program::soaks_cleanly(&format!("sqlite:{}", folder.path().join("soak.db").display())).await;
}

#[tokio::test]
async fn a_storage_that_processes_cannot_share_is_refused() {
    let refused = soak(&Options::new("memory:"), &Backends::new()).await;
    assert!(matches!(refused, Err(Failure::NotShared)), "{refused:?}");
}
