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

/// What decides on the server that a request goes to, where there are several: the slot of a key.
#[derive(Clone, Copy)]
pub(crate) enum To<'a> {
    Key(&'a [u8]),
    Slot(u16),
}

impl Link {
    pub(crate) async fn command(&self, to: To<'_>, command: Cmd) -> Result<Value, Fault> {
        match self {
            Self::Line(line) => line.command(&command).await,
            Self::Manager(manager) => answer(manager.clone().send_packed_command(&command).await?),
            Self::Multiplexed(connection) => answer(connection.clone().send_packed_command(&command).await?),
            // Boxed, or every request would carry the size of a cluster's.
            Self::Cluster(cluster) => Box::pin(cluster.command(to, command)).await,
        }
    }

    /// All to one server, one after the other. The answers in order, errors among them.
    pub(crate) async fn pipeline(&self, to: To<'_>, pipeline: Pipeline) -> Result<Vec<Value>, Fault> {
        let count = pipeline.len();
        match self {
            Self::Line(line) => line.pipeline(&pipeline).await,
            Self::Manager(manager) => Ok(manager.clone().send_packed_commands(&pipeline, 0, count).await?),
            Self::Multiplexed(connection) => {
                Ok(connection.clone().send_packed_commands(&pipeline, 0, count).await?)
            }
            Self::Cluster(cluster) => Box::pin(cluster.pipeline(to, pipeline)).await,
        }
    }

    /// The lowest slot of each master, in order; together they are all of the data.
    pub(crate) async fn masters(&self) -> Result<Vec<u16>, Fault> {
        match self {
            Self::Cluster(cluster) => cluster.masters().await,
            _ => Ok(vec![0]),
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
