//! An axum application under test: routes, a session layer, a storage that counts and can be broken.

use std::{num::NonZeroUsize, sync::Arc};

use axum::Router;
use cloakroom_session::{Clock, SessionConfig, SessionLayer, SessionLayerBuilder, Store};
use cloakroom_storage::{Counted, Entry, Storage, StorageExt};
use cloakroom_storage_memory::MemoryStorage;

use crate::faults::{Faults, Faulty};

pub(crate) struct App {
    pub(crate) router: Router,
    pub(crate) store: Store,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) faults: Faults,
}

impl App {
    /// `routes` behind a layer with the default configuration.
    pub(crate) fn new(routes: Router) -> Self {
        Self::with(routes, |layer| layer)
    }

    pub(crate) fn with(
        routes: Router,
        configure: impl FnOnce(SessionLayerBuilder) -> SessionLayerBuilder,
    ) -> Self {
        crate::log::to_folder();
        let faults = Faults::default();
        let storage: Arc<dyn Storage> =
            Arc::new(Faulty { inner: MemoryStorage::new(), faults: faults.clone() }.layer(Counted::new()));
        let layer = configure(SessionLayer::builder(storage.clone())).build().expect("a good configuration");
        let store = layer.store().clone();
        Self { router: routes.layer(layer), store, storage, faults }
    }

    /// Everything that is stored.
    pub(crate) async fn stored(&self) -> Vec<Entry> {
        let page = self.storage.scan(None, NonZeroUsize::new(1000).unwrap()).await.unwrap();
        assert_eq!(page.next, None);
        page.entries
    }

    /// The one session that is stored.
    pub(crate) async fn stored_session(&self) -> Entry {
        let mut entries = self.stored().await;
        entries.retain(|entry| !entry.key.starts_with("principal."));
        assert_eq!(entries.len(), 1, "{:?}", entries.iter().map(|entry| &entry.key).collect::<Vec<_>>());
        entries.remove(0)
    }
}

/// A configuration whose clock follows tokio's, which a test pauses and advances.
pub(crate) fn on_paused_clock(config: SessionConfig) -> SessionConfig {
    let (wall, start) = (std::time::SystemTime::now(), tokio::time::Instant::now());
    config.clock(Clock::custom(move || wall + start.elapsed()))
}
