//! The servers of a cluster, or those that sentinels watch, spoken to one by one.

use std::{future::Future, sync::Mutex, time::Duration};

use cloakroom_conformance::Server;
use cloakroom_storage_redis::redis::{self, FromRedisValue};
use tokio::time::{Instant, sleep};

/// A server by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Such as `127.0.0.1:6379`.
    pub(crate) host: String,
}

impl Node {
    /// Those whose hosts a URL names.
    pub(crate) fn of(url: &str) -> Vec<Self> {
        let hosts = url.split_once("://").unwrap().1.split(['/', '?']).next().unwrap();
        hosts.split(',').map(|host| Self { host: host.to_owned() }).collect()
    }

    /// The answer to a command, on a connection of its own.
    pub(crate) async fn try_ask<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(format!("redis://{}", self.host))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    }

    pub(crate) async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// A field of `INFO`, empty where the server does not answer.
    pub(crate) async fn info(&self, field: &str) -> String {
        let info: String = self.try_ask(&["INFO"]).await.unwrap_or_default();
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_default().to_owned()
    }

    /// The number of its process, for as long as it answers.
    pub(crate) async fn process(&self) -> u32 {
        self.info("process_id").await.parse().unwrap()
    }

    /// Its name in the cluster.
    pub(crate) async fn id(&self) -> String {
        self.ask(&["CLUSTER", "MYID"]).await
    }

    /// As two words of a command.
    pub(crate) fn name_and_port(&self) -> (&str, &str) {
        self.host.rsplit_once(':').unwrap()
    }

    pub(crate) async fn is_master(&self) -> bool {
        self.info("role").await == "master"
    }
}

/// The masters among the nodes of a cluster.
pub(crate) async fn masters(nodes: &[Node]) -> Vec<Node> {
    let mut masters = Vec::new();
    for node in nodes {
        if node.is_master().await {
            masters.push(node.clone());
        }
    }
    masters
}

/// The one that the replica copies.
pub(crate) async fn master_of(replica: &Node) -> Node {
    Node { host: format!("{}:{}", replica.info("master_host").await, replica.info("master_port").await) }
}

/// The master that sentinels name.
pub(crate) async fn watched(url: &str) -> Node {
    let (name, port): (String, u16) =
        Node::of(url)[0].ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"]).await;
    Node { host: format!("{name}:{port}") }
}

/// Sends a signal to one of the servers, such as `KILL`, `STOP` and `CONT`.
pub(crate) async fn signal(server: &Server, signal: &str, process: u32) {
    server.signal(signal, process).await.unwrap();
}

/// Waits until that is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(Instant::now() < deadline, "it does not come about: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Makes the replica a master, and waits until both know. The other masters may refuse it their votes if they have just
/// voted for another, and it gives up after five seconds.
pub(crate) async fn take_over(replica: &Node) {
    let master = master_of(replica).await;
    let ordered = Mutex::new(None::<Instant>);
    until("a master that was a replica", async || {
        let again = ordered.lock().unwrap().is_none_or(|ordered| ordered.elapsed() > Duration::from_secs(6));
        if again {
            ordered.lock().unwrap().replace(Instant::now());
            let _: redis::Value = replica.ask(&["CLUSTER", "FAILOVER"]).await;
        }
        replica.is_master().await && master.info("master_link_status").await == "up"
    })
    .await;
}

/// Those that are no masters.
pub(crate) async fn replicas(url: &str) -> Vec<Node> {
    let nodes = Node::of(url);
    let masters = masters(&nodes).await;
    nodes.into_iter().filter(|node| !masters.contains(node)).collect()
}
