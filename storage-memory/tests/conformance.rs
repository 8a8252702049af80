//! The embedded storage keeps the contract.

use std::sync::LazyLock;

use cloakroom_storage::{Namespace, StorageError};
use cloakroom_storage_memory::MemoryStorage;

static ENGINE: LazyLock<MemoryStorage> = LazyLock::new(MemoryStorage::new);

cloakroom_conformance::conformance_tests!(|namespace: Namespace| async move {
    Ok::<_, StorageError>(ENGINE.namespace(&namespace))
});
