use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use cloakroom::storage::{Bytes, Result, Storage, async_trait};

/// A storage for one caller, without time: what is not expired at once stays. It costs next to nothing, so that almost
/// all of a run is spent in what is tested.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<BTreeMap<String, Bytes>>);

impl Shelf {
    pub fn with(contents: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        Self(Mutex::new(contents.into_iter().collect()))
    }

    pub fn contents(&self) -> BTreeMap<String, Bytes> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Storage for Shelf {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        Ok(self.lock().get(key).cloned())
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        if ttl == Some(Duration::ZERO) {
            return self.delete(key).await;
        }
        self.lock().insert(key.to_owned(), value);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.lock().remove(key);
        Ok(())
    }

    async fn reset(&self) -> Result<()> {
        self.lock().clear();
        Ok(())
    }
}
