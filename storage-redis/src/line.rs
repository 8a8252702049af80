//! One connection that all tasks share and that comes back by itself.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{Cmd, Pipeline, PushInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::{runtime::Handle, sync::watch, time::sleep};
use tracing::{info, warn};

use crate::{
    dial::{Dialer, OnPush},
    fault::{Fault, answer},
};
use cloakroom_storage::Operation;

/// Requests go out on the connection that is up. When it is lost, a task of its own dials until it has another;
/// requests wait for the first try and fail at once after it, with what it failed by, so that none hangs.
///
/// The loss is noticed by the connection's end, or by silence: a request that timed out or was given up on makes us
/// ask for a sign of life, and a connection that gives none is replaced.
#[derive(Clone)]
pub(crate) struct Line(Arc<Shared>);

struct Shared {
    dialer: Dialer,
    state: watch::Sender<State>,
    /// A sign of life is being waited for.
    doubted: AtomicBool,
    runtime: Handle,
}

enum State {
    Up(Up),
    Dialing,
    Down(Fault),
    Closed,
}

#[derive(Clone)]
struct Up {
    connection: MultiplexedConnection,
    /// Counts connections, so that the end of one is not taken for the end of the next.
    generation: u64,
}

impl State {
    /// `None`: it is being decided.
    fn settled(&self) -> Option<Result<Up, Fault>> {
        match self {
            Self::Up(up) => Some(Ok(up.clone())),
            Self::Dialing => None,
            Self::Down(fault) => Some(Err(fault.clone())),
            Self::Closed => Some(Err(Fault::Closed)),
        }
    }
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Line {
    pub(crate) async fn open(dialer: Dialer) -> Result<Self, Fault> {
        let (state, _) = watch::channel(State::Dialing);
        let shared =
            Arc::new(Shared { dialer, state, doubted: AtomicBool::new(false), runtime: Handle::current() });
        let connection = shared.dial(0).await?;
        shared.state.send_replace(State::Up(Up { connection, generation: 0 }));
        Ok(Self(shared))
    }

    pub(crate) fn close(&self) {
        self.0.state.send_replace(State::Closed);
    }

    pub(crate) async fn command(&self, command: &Cmd) -> Result<Value, Fault> {
        let mut request = self.request().await?;
        let answered = request.up.connection.send_packed_command(command).await;
        request.answered(answered.map_err(Fault::from).and_then(answer))
    }

    /// The answers in order, errors among them.
    pub(crate) async fn pipeline(&self, pipeline: &Pipeline) -> Result<Vec<Value>, Fault> {
        let mut request = self.request().await?;
        let answered = request.up.connection.send_packed_commands(pipeline, 0, pipeline.len()).await;
        let answers = request.answered(answered.map_err(Fault::from))?;
        for value in &answers {
            if let Value::ServerError(error) = value {
                self.0.hear(request.up.generation, &Fault::Driver(error.clone().into()));
            }
        }
        Ok(answers)
    }

    async fn request(&self) -> Result<Request<'_>, Fault> {
        let settled = self.0.state.borrow().settled();
        let up = match settled {
            Some(settled) => settled?,
            None => self.settled().await?,
        };
        Ok(Request { shared: &self.0, up, unanswered: true })
    }

    async fn settled(&self) -> Result<Up, Fault> {
        let mut state = self.0.state.subscribe();
        let settled = state.wait_for(|state| state.settled().is_some()).await;
        settled.ok().and_then(|state| state.settled()).unwrap_or(Err(Fault::Closed))
    }
}

/// A request under way. Dropped before its answer, it leaves the connection in doubt.
struct Request<'a> {
    shared: &'a Arc<Shared>,
    up: Up,
    unanswered: bool,
}

impl Request<'_> {
    fn answered<T>(&mut self, answer: Result<T, Fault>) -> Result<T, Fault> {
        self.unanswered = false;
        if let Err(fault) = &answer {
            self.shared.hear(self.up.generation, fault);
        }
        answer
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        if self.unanswered {
            self.shared.doubt(self.up.generation);
        }
    }
}

impl Shared {
    async fn dial(self: &Arc<Self>, generation: u64) -> Result<MultiplexedConnection, Fault> {
        self.dialer.dial(on_end(Arc::downgrade(self), generation)).await
    }

    fn hear(self: &Arc<Self>, generation: u64, fault: &Fault) {
        if fault.ends_connection() {
            self.lose(generation);
        } else if fault.is_timeout() {
            self.doubt(generation);
        }
    }

    /// Replaces the connection of that generation, if it is still the one in use.
    fn lose(self: &Arc<Self>, generation: u64) {
        let lost = self.state.send_if_modified(|state| {
            let ours = matches!(state, State::Up(up) if up.generation == generation);
            if ours {
                *state = State::Dialing;
            }
            ours
        });
        if lost {
            warn!("the connection to Redis is lost and made anew");
            self.runtime.spawn(redial(Arc::downgrade(self), generation + 1));
        }
    }

    /// Asks for a sign of life, once for all who doubt.
    fn doubt(self: &Arc<Self>, generation: u64) {
        if self.doubted.swap(true, Ordering::AcqRel) {
            return;
        }
        let shared = Arc::downgrade(self);
        self.runtime.spawn(async move {
            let Some(connection) = shared.upgrade().and_then(|shared| shared.connection(generation)) else {
                return settle(&shared);
            };
            let alive = is_alive(connection).await;
            settle(&shared);
            if let Some(shared) = shared.upgrade().filter(|_| !alive) {
                shared.lose(generation);
            }
        });
    }

    fn connection(&self, generation: u64) -> Option<MultiplexedConnection> {
        match &*self.state.borrow() {
            State::Up(up) if up.generation == generation => Some(up.connection.clone()),
            _ => None,
        }
    }
}

fn settle(shared: &Weak<Shared>) {
    if let Some(shared) = shared.upgrade() {
        shared.doubted.store(false, Ordering::Release);
    }
}

/// Any answer is one, an error too; it may take the response timeout.
async fn is_alive(mut connection: MultiplexedConnection) -> bool {
    connection.send_packed_command(&redis::cmd("PING")).await.is_ok()
}

/// Tells the line when this connection ends, used or not.
fn on_end(shared: Weak<Shared>, generation: u64) -> impl OnPush {
    move |push: PushInfo| {
        if push.kind == PushKind::Disconnection
            && let Some(shared) = shared.upgrade()
        {
            shared.lose(generation);
        }
        Ok(())
    }
}

/// Dials until there is a connection, ever more rarely, or until nobody wants it any more.
async fn redial(shared: Weak<Shared>, generation: u64) {
    let mut pause = SHORTEST_PAUSE;
    while let Some(line) = shared.upgrade() {
        let dialed = line.dial(generation).await;
        let up = dialed.is_ok();
        let wanted = line.state.send_if_modified(|state| {
            let wanted = !matches!(state, State::Closed);
            if wanted {
                *state = match dialed {
                    Ok(connection) => State::Up(Up { connection, generation }),
                    Err(fault) => State::Down(fault),
                };
            }
            wanted
        });
        if up {
            info!("connected to Redis again");
        }
        if up || !wanted {
            return;
        }
        if pause == SHORTEST_PAUSE
            && let Some(Err(fault)) = line.state.borrow().settled()
        {
            warn!("Redis cannot be reached: {}", fault.during(Operation::Open));
        }
        drop(line);
        sleep(jittered(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Half of the pause to all of it, so that the nodes of an application do not come back as one.
fn jittered(pause: Duration) -> Duration {
    let thousandths = u32::try_from(RandomState::new().hash_one(()) % 500).unwrap_or_default() + 500;
    pause * thousandths / 1_000
}
