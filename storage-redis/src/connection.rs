use std::fmt;

use redis::{
    Cmd, Pipeline, Value,
    aio::{ConnectionManager, MultiplexedConnection},
    cluster_async::ClusterConnection,
};

use crate::{
    cluster::Cluster,
    fault::{Fault, answer},
    line::Line,
};

/// A connection that the caller has already, for [`RedisStorage::with_connection`].
///
/// Made from the driver's `ConnectionManager`, `MultiplexedConnection` or `ClusterConnection`; what they do about
/// timeouts and lost connections stays as their maker chose it. Two choices matter:
///
/// - A `MultiplexedConnection` does not come back once it is lost; take a `ConnectionManager`.
/// - A `ClusterConnection` should be built with `retries(0)`. Otherwise the driver repeats a swap whose answer was
///   lost, and the caller is told of a conflict with its own write. Redirects are followed all the same.
///
/// [`RedisStorage::with_connection`]: crate::RedisStorage::with_connection
#[derive(Clone)]
pub struct RedisConnection(pub(crate) Link);

/// What requests go out on.
#[derive(Clone)]
pub(crate) enum Link {
    Line(Line),
    Manager(ConnectionManager),
    Multiplexed(MultiplexedConnection),
    Cluster(Cluster),
}

impl Link {
    pub(crate) async fn command(&self, key: &[u8], command: Cmd) -> Result<Value, Fault> {
        match self {
            Self::Line(line) => line.command(&command).await,
            Self::Manager(manager) => answer(manager.clone().send_packed_command(&command).await?),
            Self::Multiplexed(connection) => answer(connection.clone().send_packed_command(&command).await?),
            // Boxed, or every request would carry the size of a cluster's.
            Self::Cluster(cluster) => Box::pin(cluster.command(key, command)).await,
        }
    }

    /// A command with that key and what follows it without one, to one server, one after the other. The answers in
    /// order, errors among them.
    pub(crate) async fn pipeline(&self, key: &[u8], pipeline: Pipeline) -> Result<Vec<Value>, Fault> {
        match self {
            Self::Cluster(cluster) => Box::pin(cluster.pipeline(key, pipeline)).await,
            _ => self.send(&pipeline).await,
        }
    }

    /// The same with many keys, which the master of that slot had when it was last looked at. Where one has left it,
    /// the fault [is a redirect](Fault::is_redirect), and others may have been executed.
    pub(crate) async fn batch(&self, slot: u16, pipeline: Pipeline) -> Result<Vec<Value>, Fault> {
        match self {
            Self::Cluster(cluster) => Box::pin(cluster.batch(slot, pipeline)).await,
            _ => self.send(&pipeline).await,
        }
    }

    /// Commands without a key, to the master of that slot. Also the lowest slot of the next master, if there is one:
    /// from slot 0 on, these are all of the data. `prefix` is what names of keys begin with.
    pub(crate) async fn on_master(
        &self,
        slot: u16,
        prefix: &str,
        pipeline: Pipeline,
    ) -> Result<(Vec<Value>, Option<u16>), Fault> {
        match self {
            Self::Cluster(cluster) => Box::pin(cluster.on_master(slot, prefix, pipeline)).await,
            _ => Ok((self.send(&pipeline).await?, None)),
        }
    }

    /// To the only server.
    async fn send(&self, pipeline: &Pipeline) -> Result<Vec<Value>, Fault> {
        let count = pipeline.len();
        match self {
            Self::Line(line) => line.pipeline(pipeline).await,
            Self::Manager(manager) => Ok(manager.clone().send_packed_commands(pipeline, 0, count).await?),
            Self::Multiplexed(connection) => {
                Ok(connection.clone().send_packed_commands(pipeline, 0, count).await?)
            }
            Self::Cluster(_) => Err(Fault::Unexpected),
        }
    }

    /// Lets go of what is ours; a connection of the caller's stays open.
    pub(crate) fn close(&self) {
        match self {
            Self::Line(line) => line.close(),
            Self::Cluster(cluster) => cluster.close(),
            Self::Manager(_) | Self::Multiplexed(_) => {}
        }
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

impl From<ConnectionManager> for RedisConnection {
    fn from(manager: ConnectionManager) -> Self {
        Self(Link::Manager(manager))
    }
}

impl From<MultiplexedConnection> for RedisConnection {
    fn from(connection: MultiplexedConnection) -> Self {
        Self(Link::Multiplexed(connection))
    }
}

impl From<ClusterConnection> for RedisConnection {
    fn from(connection: ClusterConnection) -> Self {
        Self(Link::Cluster(Cluster::new(connection)))
    }
}

impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection").field("cluster", &self.0.is_cluster()).finish_non_exhaustive()
    }
}
