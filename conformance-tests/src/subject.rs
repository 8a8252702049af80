use std::{
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cloakroom_storage::Storage;

use crate::{
    case::{Failure, Verdict},
    factory::{Factory, fresh_name},
};

/// The storage that a case works on, in a namespace of its own.
pub(crate) struct Subject {
    storage: Arc<dyn Storage>,
    name: String,
    factory: Factory,
    opened: Opened,
}

/// Every storage that a case has opened, for tidying up after it.
#[derive(Clone, Default)]
pub(crate) struct Opened(Arc<Mutex<Vec<Arc<dyn Storage>>>>);

impl Subject {
    pub(crate) async fn open(factory: &Factory, opened: &Opened) -> Result<Self, String> {
        let name = fresh_name();
        let storage = factory.open(&name).await?;
        opened.remember(&storage);
        Ok(Self { storage, name, factory: factory.clone(), opened: opened.clone() })
    }

    /// The same storage, for a task of its own.
    pub(crate) fn share(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }

    /// Another storage on the same engine: its namespace is this one's name and the suffix; the empty suffix
    /// opens this namespace once more.
    pub(crate) async fn open_beside(&self, suffix: &str) -> Verdict<Arc<dyn Storage>> {
        let storage = self.factory.open(&format!("{}{suffix}", self.name)).await.map_err(Failure::new)?;
        self.opened.remember(&storage);
        Ok(storage)
    }
}

impl Deref for Subject {
    type Target = dyn Storage;

    fn deref(&self) -> &Self::Target {
        &*self.storage
    }
}

impl Opened {
    fn remember(&self, storage: &Arc<dyn Storage>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(storage));
    }

    /// Leaves the engine as it was found, as far as the storage is able to.
    pub(crate) async fn tidy_up(&self) {
        let opened = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for storage in opened {
            let tidy = async {
                // What cannot be tidied is not what the case is about.
                let _ = storage.reset().await;
                let _ = storage.close().await;
            };
            let _ = tokio::time::timeout(Duration::from_secs(5), tidy).await;
        }
    }
}
