//! A server that would throw sessions away is warned about.

mod support;

use std::{
    io,
    sync::{Arc, Mutex},
};

use support::{connect, connecting, fake, fresh};

/// What a subscriber wrote.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The warnings of connecting to a server that says this of itself.
async fn warnings(info: &'static str) -> String {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || sink.clone()).finish();
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let host = fake(move |command| connecting(command, info)).await;
    connect(&format!("redis://{host}"), &fresh()).await;
    String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
}

#[tokio::test]
async fn a_policy_that_evicts_is_warned_about_with_the_cure() {
    let log = warnings("# Memory\r\nmaxmemory_policy:allkeys-lru\r\n").await;
    assert!(log.contains("`allkeys-lru`") && log.contains("maxmemory-policy noeviction"), "{log}");
}

#[tokio::test]
async fn no_eviction_and_no_answer_warn_of_nothing() {
    assert_eq!(warnings("maxmemory_policy:noeviction\r\n").await, "");
    assert_eq!(warnings("redis_version:7.0.15\r\n").await, "");
}
