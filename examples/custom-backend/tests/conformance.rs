//! The contract, every case a test of its own name.

use std::sync::LazyLock;

use cloakroom::Namespace;
use custom_backend::DirectoryStorage;
use tempfile::TempDir;

static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("there is room for files"));

cloakroom_conformance::conformance_tests!(|namespace: Namespace| async move {
    DirectoryStorage::open(DIRECTORY.path(), &namespace).await
});
