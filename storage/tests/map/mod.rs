//! A small storage for tests of what wraps one.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use cloakroom_storage::{Bytes, Capabilities, Operation, Result, Storage, async_trait, check_key};

/// Without TTLs, and with the default methods.
#[derive(Default)]
pub(crate) struct MapStorage(Mutex<HashMap<String, Bytes>>);

#[async_trait]
impl Storage for MapStorage {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        check_key("map", Operation::Get, key)?;
        Ok(self.0.lock().expect("no panic under the lock").get(key).cloned())
    }

    async fn set(&self, key: &str, value: Bytes, _: Option<Duration>) -> Result<()> {
        check_key("map", Operation::Set, key)?;
        self.0.lock().expect("no panic under the lock").insert(key.to_owned(), value);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check_key("map", Operation::Delete, key)?;
        self.0.lock().expect("no panic under the lock").remove(key);
        Ok(())
    }

    async fn reset(&self) -> Result<()> {
        self.0.lock().expect("no panic under the lock").clear();
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new("map")
    }
}
