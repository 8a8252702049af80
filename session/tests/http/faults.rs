//! A storage whose operations can be made to fail or hang.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use cloakroom_storage::{
    Bytes, Capabilities, Cursor, ErrorKind, Operation, Page, Result, Storage, StorageError, Swap, Touch,
    Touched, async_trait,
};

#[derive(Clone, Copy)]
pub(crate) enum Fault {
    Fails,
    Hangs,
}

/// Which operations misbehave from now on.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<HashMap<Operation, Fault>>>);

impl Faults {
    pub(crate) fn fail(&self, operation: Operation) {
        self.0.lock().unwrap().insert(operation, Fault::Fails);
    }

    pub(crate) fn hang(&self, operation: Operation) {
        self.0.lock().unwrap().insert(operation, Fault::Hangs);
    }

    pub(crate) fn heal(&self) {
        self.0.lock().unwrap().clear();
    }

    async fn check(&self, operation: Operation) -> Result<()> {
        let fault = self.0.lock().unwrap().get(&operation).copied();
        match fault {
            None => Ok(()),
            Some(Fault::Fails) => Err(StorageError::new(ErrorKind::Unavailable, "faulty", operation)),
            Some(Fault::Hangs) => std::future::pending().await,
        }
    }
}

pub(crate) struct Faulty<S> {
    pub(crate) inner: S,
    pub(crate) faults: Faults,
}

#[async_trait]
impl<S: Storage> Storage for Faulty<S> {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.faults.check(Operation::Get).await?;
        self.inner.get(key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.faults.check(Operation::Set).await?;
        self.inner.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.faults.check(Operation::Delete).await?;
        self.inner.delete(key).await
    }

    async fn reset(&self) -> Result<()> {
        self.faults.check(Operation::Reset).await?;
        self.inner.reset().await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        self.faults.check(Operation::GetAndTouch).await?;
        self.inner.get_and_touch(key, touch).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        // A swap that deletes is a delete to whoever breaks deletes.
        if new.is_none() {
            self.faults.check(Operation::Delete).await?;
        }
        self.faults.check(Operation::CompareAndSwap).await?;
        self.inner.compare_and_swap(key, expected, new, ttl).await
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        self.inner.scan(after, limit).await
    }
}
