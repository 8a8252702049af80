//! The `Metered` layer: one histogram, whose labels have few values.

mod map;

use std::{collections::BTreeMap, time::Duration};

use cloakroom_storage::{Metered, Storage, StorageExt, Timeout};
use map::MapStorage;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// How often each combination of labels was recorded while the future ran.
async fn recorded(work: impl Future<Output = ()>) -> BTreeMap<String, usize> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let guard = metrics::set_default_local_recorder(&recorder);
    work.await;
    drop(guard);
    let mut counts = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let (_, key) = key.into_parts();
        assert_eq!(key.name(), "cloakroom_storage_operation_duration_seconds");
        let labels: Vec<_> = key.labels().map(metrics::Label::value).collect();
        let DebugValue::Histogram(values) = value else { panic!("{labels:?} is no histogram") };
        counts.insert(labels.join(" "), values.len());
    }
    counts
}

fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.map(|(labels, count)| (labels.to_owned(), count)).into()
}

#[tokio::test]
async fn each_operation_is_recorded_with_its_outcome() {
    let storage = MapStorage::default().layer(Metered::new());
    let work = async {
        storage.set("hook", "coat".into(), None).await.unwrap();
        storage.get("hook").await.unwrap();
        storage.get("peg").await.unwrap();
        storage.get("").await.unwrap_err();
        let _ = storage.compare_and_swap("hook", None, Some("hat".into()), None).await.unwrap();
        let _ = storage.compare_and_swap("peg", None, Some("hat".into()), None).await.unwrap();
    };
    assert_eq!(
        recorded(work).await,
        counts([
            ("map compare_and_swap conflict", 1),
            ("map compare_and_swap ok", 1),
            ("map get invalid_key", 1),
            ("map get ok", 2),
            ("map set ok", 1),
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_was_given_up_is_recorded_too() {
    struct Slow;
    #[cloakroom_storage::async_trait]
    impl Storage for Slow {
        async fn get(&self, _: &str) -> cloakroom_storage::Result<Option<cloakroom_storage::Bytes>> {
            std::future::pending().await
        }
        async fn set(
            &self,
            _: &str,
            _: cloakroom_storage::Bytes,
            _: Option<Duration>,
        ) -> cloakroom_storage::Result<()> {
            Ok(())
        }
        async fn delete(&self, _: &str) -> cloakroom_storage::Result<()> {
            Ok(())
        }
        async fn reset(&self) -> cloakroom_storage::Result<()> {
            Ok(())
        }
    }
    let limit = Timeout::new(Duration::from_millis(5));
    let below = Slow.layer(Metered::new()).layer(limit);
    let above = Slow.layer(limit).layer(Metered::new());
    let work = async {
        below.get("hook").await.unwrap_err();
        above.get("hook").await.unwrap_err();
    };
    assert_eq!(recorded(work).await, counts([("custom get cancelled", 1), ("custom get timeout", 1)]));
}
