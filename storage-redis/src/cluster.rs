//! A cluster: which node, and what to do when it is another.

use std::{
    sync::{
        Arc, PoisonError, RwLock, RwLockWriteGuard, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    Cmd, Pipeline, Value,
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, Slot, SlotAddr},
};
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};
use tracing::warn;

use crate::{
    asking::{Asking, with_asking},
    command,
    dial::Manner,
    fault::{Fault, answer},
    testimony::Testimony,
    tries::{Next, Tries},
    url::Host,
};
use cloakroom_storage::Operation;

/// The driver keeps a connection to every node and knows the slots. It would also repeat requests whose answer was
/// lost, a swap too, which would then lose against itself. So it is told to repeat nothing, and what surely was not
/// executed is sent again here.
///
/// Nor does it doubt a node that falls silent, though another may have its slots by now: after a request that timed
/// out or was given up on, the node is asked for a sign of life, and if it gives none, the cluster is connected to
/// anew, beside the connection that is in use until then. So it is where a connection broke and the driver has not
/// repaired it for a while: twice, on a busy machine, it was seen never to do so.
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
    asking: Asking,
    runtime: Handle,
}

/// The others wait while the driver dials one of them.
const LONGEST_DIAL: Duration = Duration::from_secs(1);

/// How many nodes may be dialed in vain, one after the other, within the time for connecting to the cluster: one that is
/// silent is dialed because the URL names it, and again because the others do.
const DIALS: u32 = 4;

/// How long the driver may take to repair a connection that broke.
const REPAIR: Duration = Duration::from_secs(1);

/// How long a node may take to give a sign of life.
const PATIENCE: Duration = Duration::from_secs(2);

impl Cluster {
    /// Of the caller's connection.
    pub(crate) fn new(connection: ClusterConnection) -> Self {
        Self::of(connection, None)
    }

    fn of(connection: ClusterConnection, source: Option<Source>) -> Self {
        let (connection, doubted) = (RwLock::new(Some(connection)), AtomicBool::new(false));
        Self(Arc::new(Shared { connection, source, doubted }))
    }

    pub(crate) async fn open(manner: Manner, hosts: &[Host]) -> Result<Self, Fault> {
        let nodes = hosts.iter().map(|host| manner.server(host)).collect::<Result<Vec<_>, _>>()?;
        let dial_limit = (manner.connect_timeout / DIALS).min(LONGEST_DIAL);
        let mut builder = ClusterClientBuilder::new(nodes)
            .retries(0)
            .connection_timeout(dial_limit)
            .response_timeout(manner.response_timeout)
            .overall_response_timeout(Some(manner.response_timeout))
            .tcp_settings(manner.tcp_settings());
        if let Some(certificates) = &manner.certificates {
            builder = builder.certs(certificates.clone());
        }
        let (client, connect_timeout) = (builder.build()?, manner.connect_timeout);
        let asking = Asking::new(manner, dial_limit);
        let source = Source { client, connect_timeout, asking, runtime: Handle::current() };
        Ok(Self::of(source.connect().await?, Some(source)))
    }

    pub(crate) fn close(&self) {
        self.0.write().take();
    }

    fn connection(&self) -> Result<ClusterConnection, Fault> {
        self.0.connection().ok_or(Fault::Closed)
    }

    fn request(&self, route: Route) -> Request<'_> {
        Request { shared: &self.0, route, doubt: Some(Duration::ZERO) }
    }

    pub(crate) async fn command(&self, key: &[u8], command: Cmd) -> Result<Value, Fault> {
        let mut request = self.request(Route::with_key(key, SlotAddr::Master));
        let mut tries = Tries::of_one();
        loop {
            request.doubt = Some(Duration::ZERO);
            let answered = match tries.next() {
                Next::Slot => {
                    let routing = RoutingInfo::SingleNode(request.node());
                    self.connection()?.route_command(command.clone(), routing).await.map_err(Fault::from)
                }
                Next::Asking(host) => {
                    let mut pipeline = redis::pipe();
                    pipeline.add_command(command.clone());
                    let answers = self.asking(host, &pipeline).await;
                    answers.map(|mut answers| answers.pop().unwrap_or_default())
                }
            };
            match request.answered(answered.and_then(answer)) {
                Err(fault) => tries.after(fault).await?,
                answered => return answered,
            }
        }
    }

    /// A command with that key, and what follows it without one.
    pub(crate) async fn pipeline(&self, key: &[u8], pipeline: Pipeline) -> Result<Vec<Value>, Fault> {
        self.send(Route::with_key(key, SlotAddr::Master), Tries::of_one(), &pipeline).await
    }

    /// Commands with keys that the master of that slot has. Where one of them is elsewhere or on its way there, the
    /// fault says so, and others may have been executed.
    pub(crate) async fn batch(&self, slot: u16, pipeline: Pipeline) -> Result<Vec<Value>, Fault> {
        self.send(Route::new(slot, SlotAddr::Master), Tries::of_many(), &pipeline).await
    }

    async fn send(&self, route: Route, mut tries: Tries, pipeline: &Pipeline) -> Result<Vec<Value>, Fault> {
        let mut request = self.request(route);
        let count = pipeline.len();
        loop {
            request.doubt = Some(Duration::ZERO);
            let answered = match tries.next() {
                Next::Slot => {
                    let mut connection = self.connection()?;
                    let answers = connection.route_pipeline(pipeline.clone(), 0, count, request.node());
                    answers.await.map_err(Fault::from)
                }
                Next::Asking(host) => self.asking(host, pipeline).await,
            };
            match request.answered(answered) {
                Err(fault) => tries.after(fault).await?,
                answered => return answered,
            }
        }
    }

    /// A command with a key, and what follows it, to the node that its slot is moving to.
    async fn asking(&self, host: &Host, pipeline: &Pipeline) -> Result<Vec<Value>, Fault> {
        let mut connection = self.connection()?;
        let Some(source) = &self.0.source else {
            let Host { name, port } = host.clone();
            let node = SingleNodeRoutingInfo::ByAddress { host: name, port };
            let count = pipeline.len();
            return Ok(connection.route_pipeline(with_asking(pipeline), 1, count, node).await?);
        };
        source.asking.send(host, pipeline).await
    }

    /// Commands without a key for the master of that slot, which no other node may answer. Also the lowest slot of the
    /// next master. `prefix` is what names of keys may begin with.
    pub(crate) async fn on_master(
        &self,
        slot: u16,
        prefix: &str,
        mut pipeline: Pipeline,
    ) -> Result<(Vec<Value>, Option<u16>), Fault> {
        Testimony::ask(&mut pipeline);
        let route = Route::new(slot, SlotAddr::Master);
        let mut tries = Tries::of_one();
        loop {
            let mut answers = self.send(route, Tries::of_one(), &pipeline).await?;
            let testimony = Testimony::hear(&mut answers)?;
            if testimony.is_master_of(slot) {
                return Ok((answers, testimony.after(slot)));
            }
            self.nudge(route, in_slot(prefix, slot)).await;
            tries.after(Fault::NotTheMaster).await?;
        }
    }

    /// Makes the driver look for the slots where its view of them is old: it does so when a key is elsewhere.
    async fn nudge(&self, route: Route, name: Option<String>) {
        let (Ok(mut connection), Some(name)) = (self.connection(), name) else { return };
        let mut request = self.request(route);
        let routing = RoutingInfo::SingleNode(request.node());
        let answered = connection.route_command(command::get(&name), routing).await;
        // Whatever it is, another try will tell.
        drop(request.answered(answered.map_err(Fault::from)));
    }
}

impl Source {
    async fn connect(&self) -> Result<ClusterConnection, Fault> {
        let limit = self.connect_timeout;
        let connecting = async {
            loop {
                match self.client.get_async_connection().await.map_err(Fault::from) {
                    // A dial has a part of the time only, and many may dial at once after a restart.
                    Err(fault) if fault.is_of_slow_nodes() => {}
                    connected => return connected,
                }
            }
        };
        timeout(limit, connecting).await.unwrap_or(Err(Fault::ConnectTimeout(limit)))
    }
}

/// A request under way. Dropped before its answer, it leaves its node in doubt.
struct Request<'a> {
    shared: &'a Arc<Shared>,
    route: Route,
    /// Whether its node is in doubt, and from when on it is to be asked.
    doubt: Option<Duration>,
}

impl Request<'_> {
    fn node(&self) -> SingleNodeRoutingInfo {
        SingleNodeRoutingInfo::SpecificNode(self.route)
    }

    fn answered<T>(&mut self, answer: Result<T, Fault>) -> Result<T, Fault> {
        self.doubt = match &answer {
            Err(fault) if fault.is_timeout() => Some(Duration::ZERO),
            Err(fault) if fault.is_of_network() => Some(REPAIR),
            _ => None,
        };
        answer
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        if let Some(pause) = self.doubt {
            self.shared.doubt(self.route, pause);
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
    fn doubt(self: &Arc<Self>, route: Route, pause: Duration) {
        let Some(source) = &self.source else { return };
        if !self.doubted.swap(true, Ordering::AcqRel) {
            source.runtime.spawn(ask(Arc::downgrade(self), route, pause));
        }
    }

    async fn replace(&self) {
        let Some(source) = &self.source else { return };
        warn!("a node of the Redis cluster gives no sign of life; the cluster is connected to anew");
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

async fn ask(shared: Weak<Shared>, route: Route, pause: Duration) {
    sleep(pause).await;
    let Some(mut connection) = shared.upgrade().and_then(|shared| shared.connection()) else { return };
    let routing = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(route));
    let alive = timeout(PATIENCE, connection.route_command(redis::cmd("PING"), routing)).await;
    let Some(shared) = shared.upgrade() else { return };
    if !matches!(alive, Ok(Ok(_))) {
        shared.replace().await;
    }
    shared.doubted.store(false, Ordering::Release);
}

/// The name of a key in that slot, whether there is one or not.
fn in_slot(prefix: &str, slot: u16) -> Option<String> {
    let slot = Slot::new(slot)?;
    (0_u32..).map(|n| format!("{prefix}{{{n}}}")).find(|name| Slot::for_key(name) == slot)
}
