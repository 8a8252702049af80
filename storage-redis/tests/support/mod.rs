//! What the tests of this crate share: names, and a server that says what it is told to.

#![allow(dead_code, reason = "every test target uses a part of it")]

pub(crate) mod load;
pub(crate) mod nodes;

use std::{
    error::Error,
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cloakroom_storage::{Bytes, ErrorKind, Namespace, Storage, StorageError};
use cloakroom_storage_redis::{
    RedisConfig, RedisStorage,
    redis::{
        self,
        cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo},
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, tcp::OwnedReadHalf},
    time::{Instant, sleep, timeout},
};

/// A namespace that no other test, run or machine on the same server uses.
pub(crate) fn fresh() -> Namespace {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let name = format!("r{nanos:x}-{:x}-{:x}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    Namespace::new(&name).unwrap()
}

pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(crate) async fn connect(url: &str, namespace: &Namespace) -> RedisStorage {
    RedisStorage::connect(&RedisConfig::new(url).with_namespace(namespace.clone())).await.unwrap()
}

/// The driver's own connection to the server of a plain URL.
pub(crate) async fn raw(url: &str) -> redis::aio::MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// The driver's own connection to the cluster of a plain URL.
pub(crate) async fn raw_cluster(url: &str) -> redis::cluster_async::ClusterConnection {
    let hosts = url.split_once("://").unwrap().1.split(',').map(|host| format!("redis://{host}"));
    redis::cluster::ClusterClient::new(hosts).unwrap().get_async_connection().await.unwrap()
}

/// In keys, values and passwords, and never in an error.
pub(crate) const SECRET: &str = "s3cret";

/// Why nothing connects to that URL.
pub(crate) async fn refused(url: &str) -> StorageError {
    let config = RedisConfig::new(url).with_connect_timeout(Duration::from_secs(1)).with_namespace(fresh());
    match RedisStorage::connect(&config).await {
        Ok(_) => panic!("it connects"),
        Err(error) => error,
    }
}

/// The error is of that kind, says the cure, and shows no secret, nor does its source.
pub(crate) fn is(error: &StorageError, kind: ErrorKind, cure: &str) {
    let mut shown = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        shown.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    assert_eq!(error.kind(), kind, "{shown}");
    assert!(shown.contains(cure), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
}

/// The URL with that user in place of none.
pub(crate) fn with_user(url: &str, user: &str, password: &str) -> String {
    url.replace("://", &format!("://{user}:{password}@"))
}

/// An administrator's command to one server or, in a cluster, to every node.
pub(crate) async fn administer(url: &str, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    if url.contains("+cluster") {
        let everywhere = (MultipleNodeRoutingInfo::AllNodes, Some(ResponsePolicy::AllSucceeded));
        let routing = RoutingInfo::MultiNode(everywhere);
        raw_cluster(url).await.route_command(command, routing).await.unwrap();
    } else {
        command.exec_async(&mut raw(url).await).await.unwrap();
    }
}

/// Waits until an operation works again; how it failed until then must be an engine's that is away.
pub(crate) async fn works_again(storage: &dyn Storage, within: Duration) {
    let deadline = Instant::now() + within;
    loop {
        match timeout(Duration::from_secs(3), storage.get("key")).await.expect("an operation hangs") {
            Ok(_) => return,
            Err(error) => {
                let away = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout);
                assert!(away && Instant::now() < deadline, "it does not recover: {error:?}");
            }
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// A server that answers each command as it is told to, by the command's words. Returns its URL's host and port.
pub(crate) async fn fake(answer: impl Fn(&[String]) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut read = BufReader::new(read);
                while let Some(command) = command(&mut read).await {
                    if write.write_all(answer(&command).as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address.to_string()
}

/// What a server that works answers to the commands of connecting, for a [`fake`].
pub(crate) fn connecting(command: &[String], info: &str) -> String {
    match command[0].as_str() {
        "HELLO" => "%1\r\n$5\r\nproto\r\n:3\r\n".to_owned(),
        "ROLE" => "*1\r\n$6\r\nmaster\r\n".to_owned(),
        "INFO" => format!("${}\r\n{info}\r\n", info.len()),
        "SET" if command.last().is_some_and(|last| last == "0") => "-ERR syntax error\r\n".to_owned(),
        _ => "+OK\r\n".to_owned(),
    }
}

async fn command(read: &mut BufReader<OwnedReadHalf>) -> Option<Vec<String>> {
    let count = number(read, '*').await?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; number(read, '$').await? + 2];
        read.read_exact(&mut word).await.ok()?;
        words.push(String::from_utf8_lossy(&word[..word.len() - 2]).into_owned());
    }
    Some(words)
}

async fn number(read: &mut BufReader<OwnedReadHalf>, sign: char) -> Option<usize> {
    let mut line = String::new();
    read.read_line(&mut line).await.ok()?;
    line.trim_end().strip_prefix(sign)?.parse().ok()
}
