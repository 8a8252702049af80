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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Fails,
    /// What it does is done, but nobody learns of it, for one swap; another operation fails.
    LosesTheAnswer,
    Hangs,
}

/// Which operations misbehave from now on.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Planned>>);

#[derive(Default)]
struct Planned {
    of: HashMap<Operation, Fault>,
    /// After so many more operations, of whatever kind, all misbehave.
    of_all: Option<(usize, Fault)>,
    has_struck: bool,
}

impl Faults {
    pub(crate) fn fail(&self, operation: Operation) {
        self.0.lock().unwrap().of.insert(operation, Fault::Fails);
    }

    pub(crate) fn hang(&self, operation: Operation) {
        self.0.lock().unwrap().of.insert(operation, Fault::Hangs);
    }

    pub(crate) fn all_after(&self, operations: usize, fault: Fault) {
        self.0.lock().unwrap().of_all = Some((operations, fault));
    }

    /// Whether any fault was met.
    pub(crate) fn heal(&self) -> bool {
        std::mem::take(&mut *self.0.lock().unwrap()).has_struck
    }

    /// The fault that an operation meets now.
    fn meet(&self, operation: Operation) -> Option<Fault> {
        let mut planned = self.0.lock().unwrap();
        let mut fault = planned.of.get(&operation).copied();
        match &mut planned.of_all {
            Some((0, of_all)) => {
                fault = Some(*of_all);
                if *of_all == Fault::LosesTheAnswer {
                    planned.of_all = None;
                }
            }
            Some((operations, _)) => *operations -= 1,
            None => {}
        }
        planned.has_struck |= fault.is_some();
        fault
    }

    async fn check(&self, operation: Operation) -> Result<()> {
        match self.meet(operation) {
            None => Ok(()),
            Some(Fault::Fails | Fault::LosesTheAnswer) => Err(failure(operation)),
            Some(Fault::Hangs) => std::future::pending().await,
        }
    }
}

fn failure(operation: Operation) -> StorageError {
    StorageError::new(ErrorKind::Unavailable, "faulty", operation)
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
        let deletes = new.is_none() && self.faults.0.lock().unwrap().of.contains_key(&Operation::Delete);
        let operation = if deletes { Operation::Delete } else { Operation::CompareAndSwap };
        match self.faults.meet(operation) {
            None => self.inner.compare_and_swap(key, expected, new, ttl).await,
            Some(Fault::Fails) => Err(failure(operation)),
            Some(Fault::LosesTheAnswer) => {
                let _ = self.inner.compare_and_swap(key, expected, new, ttl).await?;
                Err(failure(operation))
            }
            Some(Fault::Hangs) => std::future::pending().await,
        }
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        self.inner.scan(after, limit).await
    }
}
