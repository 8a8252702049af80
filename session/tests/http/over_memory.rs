//! What sessions promise over any storage, over the embedded one.

use std::sync::Arc;

use cloakroom_storage::{Storage, StorageExt, Traced};
use cloakroom_storage_memory::MemoryStorage;

use crate::over_storage::{self, Nodes, for_each_promise};

fn nodes() -> Nodes {
    crate::log::to_folder();
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new().layer(Traced::new()));
    Nodes { storages: [storage.clone(), storage], repetitions: 100 }
}

macro_rules! tests {
    ($($subject:ident::$promise:ident,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $promise() {
            over_storage::$subject::$promise(nodes()).await;
        })+
    };
}

for_each_promise!(tests);
