//! A cluster: which node, and what to do when it is another.

use std::time::Duration;

use redis::{
    Cmd, ErrorKind as Driver, Pipeline, ServerErrorKind, Value,
    cluster::ClusterClientBuilder,
    cluster_async::ClusterConnection,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr},
};
use tokio::time::{sleep, timeout};

use crate::{
    connection::To,
    dial::Manner,
    fault::{Fault, answer},
    url::Host,
};

/// The driver keeps a connection to every node and knows the slots. It would also repeat requests whose answer was
/// lost, a swap too, which would then lose against itself. So it is told to repeat nothing, and what surely was not
/// executed is sent again here.
#[derive(Clone)]
pub(crate) struct Cluster(ClusterConnection);

/// The others wait while the driver dials one of them.
const LONGEST_DIAL: Duration = Duration::from_secs(1);

/// How often a request is sent, with ever longer pauses of a tenth of a second together.
const TRIES: u32 = 5;

impl Cluster {
    pub(crate) fn new(connection: ClusterConnection) -> Self {
        Self(connection)
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
        let limit = manner.connect_timeout;
        let client = builder.build()?;
        let connected = timeout(limit, client.get_async_connection()).await;
        Ok(Self(connected.map_err(|_| Fault::ConnectTimeout(limit))??))
    }

    pub(crate) async fn command(&self, to: To<'_>, command: Cmd) -> Result<Value, Fault> {
        let mut tries = Tries::new();
        loop {
            let answered = match &tries.next {
                Next::Slot => {
                    let routing = RoutingInfo::SingleNode(node(to));
                    self.0.clone().route_command(command.clone(), routing).await
                }
                Next::Asking(host) => {
                    let mut pipeline = redis::pipe();
                    pipeline.add_command(redis::cmd("ASKING")).add_command(command.clone());
                    let answers = self.0.clone().route_pipeline(pipeline, 1, 1, by_address(host)).await;
                    answers.map(|mut answers| answers.pop().unwrap_or_default())
                }
            };
            match answered.map_err(Fault::from).and_then(answer) {
                Err(fault) => tries.after(fault).await?,
                answered => return answered,
            }
        }
    }

    pub(crate) async fn pipeline(&self, to: To<'_>, pipeline: Pipeline) -> Result<Vec<Value>, Fault> {
        let count = pipeline.len();
        let mut tries = Tries::new();
        loop {
            let answered = match &tries.next {
                Next::Slot => self.0.clone().route_pipeline(pipeline.clone(), 0, count, node(to)).await,
                Next::Asking(host) => {
                    // For the one command that follows, and only the first of a pipeline of ours has a key.
                    let mut asking = redis::pipe();
                    asking.add_command(redis::cmd("ASKING"));
                    for command in pipeline.cmd_iter() {
                        asking.add_command(command.clone());
                    }
                    self.0.clone().route_pipeline(asking, 1, count, by_address(host)).await
                }
            };
            match answered {
                Err(error) => tries.after(error.into()).await?,
                Ok(answers) => return Ok(answers),
            }
        }
    }

    /// The lowest slot of each master, in order.
    pub(crate) async fn masters(&self) -> Result<Vec<u16>, Fault> {
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let routing = RoutingInfo::SingleNode(SingleNodeRoutingInfo::RandomPrimary);
        let value = answer(self.0.clone().route_command(command, routing).await?)?;
        lowest_slots(&value).ok_or(Fault::Unexpected)
    }
}

fn node(to: To<'_>) -> SingleNodeRoutingInfo {
    SingleNodeRoutingInfo::SpecificNode(match to {
        To::Key(key) => Route::with_key(key, SlotAddr::Master),
        To::Slot(slot) => Route::new(slot, SlotAddr::Master),
    })
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
