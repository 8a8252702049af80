use std::sync::Arc;

use ::cloakroom::Storage;
use bytes::Bytes;

use super::{Engine, TTL};
use crate::error::Failure;

/// The memory backend, called as applications call it.
pub(super) struct Cloakroom(Arc<dyn Storage>);

impl Cloakroom {
    pub(super) async fn open() -> Result<Self, Failure> {
        ::cloakroom::connect("memory:").await.map(Self).map_err(Failure::set_up("cloakroom's storage"))
    }
}

impl Engine for Cloakroom {
    fn name(&self) -> &'static str {
        "cloakroom"
    }

    async fn get(&self, key: &str) -> Option<Bytes> {
        self.0.get(key).await.expect("the memory backend is open")
    }

    async fn set(&self, key: &str, value: Bytes) {
        self.0.set(key, value, Some(TTL)).await.expect("the memory backend is open");
    }
}
