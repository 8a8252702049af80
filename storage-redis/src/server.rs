//! What the servers are like that a storage finds: found out once, when it is opened.

use std::sync::atomic::AtomicBool;

use redis::Value;
use tracing::warn;

use crate::{
    command::{self, Condition},
    connection::Link,
    fault::Fault,
};

/// What the servers can do, as they said themselves.
#[derive(Debug)]
pub(crate) struct Abilities {
    /// `SET … IFEQ … GET`: Valkey 8.1, Redis 8.4.
    pub(crate) swap: AtomicBool,
    /// `SET … NX GET`: Redis 7.
    pub(crate) create: AtomicBool,
}

/// Refuses servers that cannot hold a storage, warns of those that would lose what it holds.
///
/// `prefix` is what names of keys begin with.
pub(crate) async fn check(link: &Link, prefix: &str) -> Result<(), Fault> {
    let mut next = Some(0);
    while let Some(slot) = next {
        let mut pipeline = redis::pipe();
        pipeline.cmd("INFO");
        let answers = match link.on_master(slot, prefix, pipeline).await {
            Ok((answers, after)) => {
                next = after;
                answers
            }
            // The others' keys are within reach all the same.
            Err(Fault::NotTheMaster) => {
                warn!(
                    "not every master of the Redis cluster can be reached; those that cannot were not checked"
                );
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        // Not everybody may ask. What is wrong will then show later.
        let Some(info) = answers.first().and_then(text) else { continue };
        match field(info, "redis_mode") {
            Some("sentinel") => return Err(Fault::SentinelPort),
            Some("cluster") if !link.is_cluster() => return Err(Fault::ClusterNode),
            _ => {}
        }
        if field(info, "role") == Some("slave") {
            return Err(Fault::Replica);
        }
        if let Some(policy) = field(info, "maxmemory_policy").filter(|policy| *policy != "noeviction") {
            warn!(
                "Redis has the maxmemory-policy `{policy}`: when its memory is full it will throw sessions away, which \
                 logs their users out; set `maxmemory-policy noeviction`"
            );
        }
    }
    Ok(())
}

/// Asks a server what it understands, without writing. `name` decides which, in a cluster; should another be older,
/// its answer to a swap will tell.
pub(crate) async fn abilities(link: &Link, name: &str) -> Result<Abilities, Fault> {
    Ok(Abilities {
        swap: understands(link, name, Condition::Equals(b"")).await?.into(),
        create: understands(link, name, Condition::Missing).await?.into(),
    })
}

async fn understands(link: &Link, name: &str, condition: Condition<'_>) -> Result<bool, Fault> {
    match link.command(name.as_bytes(), command::set_to_probe(name, condition)).await {
        Ok(_) => Ok(false),
        Err(fault) if fault.says("invalid expire") => Ok(true),
        Err(fault) if fault.code() == Some("ERR") => Ok(false),
        Err(fault) => Err(fault),
    }
}

pub(crate) fn is_cluster_node(info: &Value) -> bool {
    text(info).and_then(|info| field(info, "redis_mode")) == Some("cluster")
}

/// What names this run of a server: another after a restart or a failover.
pub(crate) fn run_id(info: &Value) -> Option<&str> {
    text(info).and_then(|info| field(info, "run_id"))
}

pub(crate) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

pub(crate) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_end)
}
