//! Storages that more than one test target puts to the test.

use std::time::Duration;

use cloakroom_storage::{Bytes, Capabilities, Result, Storage, async_trait};
use cloakroom_storage_memory::MemoryStorage;

/// A backend that writes the four required methods and nothing else but its name.
pub(crate) struct FourMethods(pub(crate) MemoryStorage);

#[async_trait]
impl Storage for FourMethods {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.0.get(key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.0.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.0.delete(key).await
    }

    async fn reset(&self) -> Result<()> {
        self.0.reset().await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new("memory")
    }
}
