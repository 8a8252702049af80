//! A cluster: which node, and what to do when it is another.

use std::{
    sync::{
        Arc, PoisonError, RwLock, RwLockWriteGuard, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    Cmd, ErrorKind as Driver, Pipeline, ServerErrorKind, Value,
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
};
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};
use tracing::warn;

use crate::{
    connection::To,
    dial::Manner,
    fault::{Fault, answer},
    url::Host,
};
use cloakroom_storage::Operation;

/// The driver keeps a connection to every node and knows the slots. It would also repeat requests whose answer was
/// lost, a swap too, which would then lose against itself. So it is told to repeat nothing, and what surely was not
/// executed is sent again here.
///
/// Nor does it doubt a node that falls silent, though another may have its slots by now: after a request that timed
/// out or was given up on, the node is asked for a sign of life, and if it gives none, the cluster is connected to
/// anew, beside the connection that is in use until then.
#[derive(Clone)]
pub(crate) struct Cluster(Arc<Shared>);

struct Shared {
    /// `None`: closed.
    connection: RwLock<Option<ClusterConnection>>,
    /// `None`: the connection is the caller's, and is never replaced.
    source: Option<Source>,
    /// A sign of life is being waited for.
    doubted: AtomicBool,
}

struct Source {
    client: ClusterClient,
    connect_timeout: Duration,
    runtime: Handle,
}

/// The others wait while the driver dials one of them.
const LONGEST_DIAL: Duration = Duration::from_secs(1);

/// How long a node may take to give a sign of life.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a request is sent, with ever longer pauses of a tenth of a second together.
const TRIES: u32 = 5;

impl Cluster {
    /// Of the caller's connection.
    pub(crate) fn new(connection: ClusterConnection) -> Self {
        Self::of(connection, None)
    }

    fn of(connection: ClusterConnection, source: Option<Source>) -> Self {
        let (connection, doubted) = (RwLock::new(Some(connection)), AtomicBool::new(false));
        Self(Arc::new(Shared { connection, source, doubted }))
    }

    pub(crate) async fn open(manner: &Manner, hosts: &[Host]) -> Result<Self, Fault> {
        let nodes = hosts.iter().map(|host| manner.server(host)).collect::<Result<Vec<_>, _>>()?;
        let mut builder = ClusterClientBuilder::new(nodes)
            .retries(0)
            .connection_timeout(manner.connect_timeout.min(LONGEST_DIAL))
            .response_timeout(manner.response_timeout)
            .overall_response_timeout(Some(manner.response_timeout))
            .tcp_settings(manner.tcp_settings());
        if let Some(certificates) = &manner.certificates {
            builder = builder.certs(certificates.clone());
        }
        let (client, connect_timeout) = (builder.build()?, manner.connect_timeout);
        let source = Source { client, connect_timeout, runtime: Handle::current() };
        Ok(Self::of(source.connect().await?, Some(source)))
    }

    pub(crate) fn close(&self) {
        self.0.write().take();
    }

    fn connection(&self) -> Result<ClusterConnection, Fault> {
        self.0.connection().ok_or(Fault::Closed)
    }

    fn request(&self, to: To<'_>) -> Request<'_> {
        let route = match to {
            To::Key(key) => Route::with_key(key, SlotAddr::Master),
            To::Slot(slot) => Route::new(slot, SlotAddr::Master),
        };
        Request { shared: &self.0, route, unanswered: true }
    }

    pub(crate) async fn command(&self, to: To<'_>, command: Cmd) -> Result<Value, Fault> {
        let mut request = self.request(to);
        let mut tries = Tries::new();
        loop {
            request.unanswered = true;
            let answered = match &tries.next {
                Next::Slot => {
                    let routing = RoutingInfo::SingleNode(request.node());
                    self.connection()?.route_command(command.clone(), routing).await
                }
                Next::Asking(host) => {
                    let mut pipeline = redis::pipe();
                    pipeline.add_command(redis::cmd("ASKING")).add_command(command.clone());
                    let answers = self.connection()?.route_pipeline(pipeline, 1, 1, by_address(host)).await;
                    answers.map(|mut answers| answers.pop().unwrap_or_default())
                }
            };
            match request.answered(answered.map_err(Fault::from).and_then(answer)) {
                Err(fault) => tries.after(fault).await?,
                answered => return answered,
            }
        }
    }

    pub(crate) async fn pipeline(&self, to: To<'_>, pipeline: Pipeline) -> Result<Vec<Value>, Fault> {
        let mut request = self.request(to);
        let count = pipeline.len();
        let mut tries = Tries::new();
        loop {
            request.unanswered = true;
            let answered = match &tries.next {
                Next::Slot => {
                    self.connection()?.route_pipeline(pipeline.clone(), 0, count, request.node()).await
                }
                Next::Asking(host) => {
                    // For the one command that follows, and only the first of a pipeline of ours has a key.
                    let mut asking = redis::pipe();
                    asking.add_command(redis::cmd("ASKING"));
                    for command in pipeline.cmd_iter() {
                        asking.add_command(command.clone());
                    }
                    self.connection()?.route_pipeline(asking, 1, count, by_address(host)).await
                }
            };
            match request.answered(answered.map_err(Fault::from)) {
                Err(fault) => tries.after(fault).await?,
                answered => return answered,
            }
        }
    }

    /// The lowest slot of each master, in order.
    pub(crate) async fn masters(&self) -> Result<Vec<u16>, Fault> {
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let routing = RoutingInfo::SingleNode(SingleNodeRoutingInfo::RandomPrimary);
        let value = answer(self.connection()?.route_command(command, routing).await?)?;
        lowest_slots(&value).ok_or(Fault::Unexpected)
    }
}

impl Source {
    async fn connect(&self) -> Result<ClusterConnection, Fault> {
        let limit = self.connect_timeout;
        let connected = timeout(limit, self.client.get_async_connection()).await;
        Ok(connected.map_err(|_| Fault::ConnectTimeout(limit))??)
    }
}

/// A request under way. Dropped before its answer, it leaves its node in doubt.
struct Request<'a> {
    shared: &'a Arc<Shared>,
    route: Route,
    unanswered: bool,
}

impl Request<'_> {
    fn node(&self) -> SingleNodeRoutingInfo {
        SingleNodeRoutingInfo::SpecificNode(self.route)
    }

    fn answered<T>(&mut self, answer: Result<T, Fault>) -> Result<T, Fault> {
        self.unanswered = answer.as_ref().is_err_and(Fault::is_timeout);
        answer
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        if self.unanswered {
            self.shared.doubt(self.route);
        }
    }
}

impl Shared {
    fn connection(&self) -> Option<ClusterConnection> {
        self.connection.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Option<ClusterConnection>> {
        self.connection.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the node for a sign of life, one node at a time.
    fn doubt(self: &Arc<Self>, route: Route) {
        let Some(source) = &self.source else { return };
        if !self.doubted.swap(true, Ordering::AcqRel) {
            source.runtime.spawn(ask(Arc::downgrade(self), route));
        }
    }

    async fn replace(&self) {
        let Some(source) = &self.source else { return };
        warn!("a node of the Redis cluster is silent; the cluster is connected to anew");
        match source.connect().await {
            Ok(connection) => {
                // Unless it was closed meanwhile.
                if let Some(current) = &mut *self.write() {
                    *current = connection;
                }
            }
            Err(fault) => warn!("the cluster cannot be reached: {}", fault.during(Operation::Open)),
        }
    }
}

async fn ask(shared: Weak<Shared>, route: Route) {
    let Some(mut connection) = shared.upgrade().and_then(|shared| shared.connection()) else { return };
    let routing = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
    let alive = timeout(PATIENCE, connection.route_command(redis::cmd("PING"), routing)).await;
    let Some(shared) = shared.upgrade() else { return };
    if !matches!(alive, Ok(Ok(_))) {
        shared.replace().await;
    }
    shared.doubted.store(false, Ordering::Release);
}

fn by_address(host: &Host) -> SingleNodeRoutingInfo {
    SingleNodeRoutingInfo::ByAddress { host: host.name.clone(), port: host.port }
}

/// The tries of one request.
struct Tries {
    done: u32,
    next: Next,
}

/// Where a request goes.
enum Next {
    /// To the node that has the slot.
    Slot,
    /// To the node that a slot is moving to, for this once.
    Asking(Host),
}

impl Tries {
    const fn new() -> Self {
        Self { done: 0, next: Next::Slot }
    }

    /// Decides on the next try; the fault comes back where there is none to make, because the request may have been
    /// executed or because nobody will.
    async fn after(&mut self, fault: Fault) -> Result<(), Fault> {
        self.done += 1;
        let next = if self.done < TRIES { next(&fault) } else { None };
        self.next = next.ok_or(fault)?;
        // Not before the first: the driver has been told where the slot is, or asks for it now.
        sleep(Duration::from_millis(10) * (self.done - 1) * self.done / 2).await;
        Ok(())
    }
}

fn next(fault: &Fault) -> Option<Next> {
    let Fault::Driver(error) = fault else { return None };
    match error.kind() {
        Driver::Server(ServerErrorKind::Ask) => {
            let (address, _) = error.redirect_node()?;
            let (name, port) = address.rsplit_once(':')?;
            Some(Next::Asking(Host { name: name.to_owned(), port: port.parse().ok()? }))
        }
        Driver::ClusterConnectionNotFound
        | Driver::Server(
            ServerErrorKind::Moved
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly,
        ) => Some(Next::Slot),
        _ => None,
    }
}

/// Of `CLUSTER SLOTS`: ranges of first slot, last slot, and nodes, the master before its replicas.
fn lowest_slots(value: &Value) -> Option<Vec<u16>> {
    let Value::Array(ranges) = value else { return None };
    let mut masters: Vec<(u16, &Value)> = Vec::with_capacity(ranges.len());
    for range in ranges {
        let Value::Array(range) = range else { return None };
        let [Value::Int(first), _, Value::Array(master), ..] = range.as_slice() else { return None };
        // Address and port may be the same behind a proxy; the third is the node's own name.
        masters.push((u16::try_from(*first).ok()?, master.get(2)?));
    }
    masters.sort_by_key(|(first, _)| *first);
    let mut lowest: Vec<(u16, &Value)> = Vec::new();
    for (first, master) in masters {
        if lowest.iter().all(|(_, known)| *known != master) {
            lowest.push((first, master));
        }
    }
    Some(lowest.into_iter().map(|(first, _)| first).collect())
}
