use std::sync::Arc;

use ::cloakroom::{
    Storage, StorageError,
    storage::{Capabilities, Touch},
};
use bytes::Bytes;

use super::{Engine, SLACK, TTL};
use crate::error::Failure;

/// A backend, opened and called as applications do.
pub(super) struct Cloakroom(Arc<dyn Storage>);

impl Cloakroom {
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        ::cloakroom::connect(url).await.map(Self).map_err(Failure::set_up("cloakroom's storage"))
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

fn failed(error: StorageError) -> Failure {
    Failure::set_up("cloakroom")(error)
}

impl Engine for Cloakroom {
    fn name(&self) -> &'static str {
        "cloakroom"
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, Failure> {
        self.0.get(key).await.map_err(failed)
    }

    async fn set(&self, key: &str, value: Bytes) -> Result<(), Failure> {
        self.0.set(key, value, Some(TTL)).await.map_err(failed)
    }

    async fn get_and_touch(&self, key: &str) -> Result<Option<(Bytes, bool)>, Failure> {
        let touched = self.0.get_and_touch(key, Touch::new(TTL, SLACK)).await.map_err(failed)?;
        Ok(touched.map(|touched| (touched.value, touched.extended)))
    }

    async fn compare_and_swap(&self, key: &str, expected: &[u8], new: Bytes) -> Result<bool, Failure> {
        let swap = self.0.compare_and_swap(key, Some(expected), Some(new), Some(TTL)).await;
        swap.map(|swap| swap.is_swapped()).map_err(failed)
    }
}
