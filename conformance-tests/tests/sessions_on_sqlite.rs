//! What sessions promise over any storage, over SQLite: two nodes on one file, as two processes of one machine.

use std::sync::Arc;

use cloakroom::{Storage, StorageExt, connect, storage::Traced};
use tempfile::TempDir;

use self::over_storage::{Nodes, for_each_promise};

#[path = "../../session/tests/http/browser.rs"]
#[allow(dead_code, reason = "written for more tests than these")]
mod browser;
#[path = "../../session/tests/log/mod.rs"]
mod log;
#[path = "../../session/tests/over_storage/mod.rs"]
mod over_storage;

async fn nodes(directory: &TempDir) -> Nodes {
    log::to_folder();
    let url = format!("sqlite:{}", directory.path().join("sessions.db").display());
    let open = async || connect(&url).await.unwrap().layer(Traced::new());
    let storages: [Arc<dyn Storage>; 2] = [Arc::new(open().await), Arc::new(open().await)];
    Nodes { storages, repetitions: 10 }
}

macro_rules! tests {
    ($($subject:ident::$promise:ident,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $promise() {
            let directory = tempfile::tempdir().unwrap();
            over_storage::$subject::$promise(nodes(&directory).await).await;
        })+
    };
}

for_each_promise!(tests);
