//! The `Traced` layer emits a span for each operation, without key or value.

use std::{
    io,
    sync::{Arc, Mutex},
};

use cloakroom_storage::{Bytes, Storage, StorageExt, Traced};
use tracing_subscriber::fmt::format::FmtSpan;

mod map;

/// What the subscriber wrote.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic under the lock").clone()).expect("a log is text")
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic under the lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_operation_has_a_span_that_names_it_and_shows_no_key_or_value() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || sink.clone())
        .finish();
    let _subscribed = tracing::subscriber::set_default(subscriber);

    let storage = map::MapStorage::default().layer(Traced::new());
    let secret = Bytes::from("t1cket");
    storage.set("c0at", secret.clone(), None).await.unwrap();
    storage.get("c0at").await.unwrap();
    let _ = storage.compare_and_swap("c0at", Some(b"other"), Some(secret), None).await.unwrap();
    storage.get("c0at\0").await.unwrap_err();

    let text = log.text();
    for operation in ["set", "get", "compare_and_swap"] {
        let span = format!("storage{{backend=\"map\" operation=\"{operation}\"");
        assert!(text.contains(&span), "no span {span} in:\n{text}");
    }
    assert!(text.contains("WARN") && text.contains("error=map: get: invalid key"), "{text}");
    assert!(!text.contains("c0at") && !text.contains("t1cket"), "{text}");
}
