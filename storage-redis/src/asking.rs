//! Requests to a node that a slot is moving to.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{Pipeline, PushInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::sync::Mutex;

use crate::{dial::Manner, fault::Fault, url::Host};

/// Connections to nodes that slots are moving to. The driver has one to each node that has a slot; a new node has none
/// until the first of its slots has arrived with all of its keys, and asked for it meanwhile, the driver would give up
/// its connections to all nodes.
pub(crate) struct Asking {
    manner: Manner,
    dial_limit: Duration,
    /// Locked while one of them is opened, which is enough for all who wait for it.
    open: Mutex<HashMap<Host, Open>>,
}

struct Open {
    connection: MultiplexedConnection,
    has_ended: Arc<AtomicBool>,
}

impl Asking {
    pub(crate) fn new(manner: Manner, dial_limit: Duration) -> Self {
        Self { manner, dial_limit, open: Mutex::default() }
    }

    /// The answers to a command with a key and to what follows it without one.
    pub(crate) async fn send(&self, host: &Host, pipeline: &Pipeline) -> Result<Vec<Value>, Fault> {
        let mut connection = self.connection(host).await?;
        let answers = connection.send_packed_commands(&with_asking(pipeline), 1, pipeline.len()).await?;
        let redirect = answers.iter().find_map(redirect);
        redirect.map_or(Ok(answers), Err)
    }

    async fn connection(&self, host: &Host) -> Result<MultiplexedConnection, Fault> {
        let mut open = self.open.lock().await;
        if let Some(Open { connection, has_ended }) = open.get(host)
            && !has_ended.load(Ordering::Acquire)
        {
            return Ok(connection.clone());
        }
        let has_ended = Arc::<AtomicBool>::default();
        let ended = Arc::clone(&has_ended);
        let on_push = move |push: PushInfo| -> Result<(), ()> {
            ended.fetch_or(push.kind == PushKind::Disconnection, Ordering::AcqRel);
            Ok(())
        };
        let connection = self.manner.open(host, self.dial_limit, on_push).await?;
        open.insert(host.clone(), Open { connection: connection.clone(), has_ended });
        Ok(connection)
    }
}

/// `ASKING` is for the one command that follows, the only one with a key.
pub(crate) fn with_asking(pipeline: &Pipeline) -> Pipeline {
    let mut asking = Pipeline::with_capacity(pipeline.len() + 1);
    asking.add_command(redis::cmd("ASKING"));
    for command in pipeline.cmd_iter() {
        asking.add_command(command.clone());
    }
    asking
}

fn redirect(answer: &Value) -> Option<Fault> {
    let Value::ServerError(error) = answer else { return None };
    Some(Fault::Driver(error.clone().into())).filter(Fault::is_redirect)
}
