//! One connection that all tasks share and that comes back by itself.

use std::{
    hash::{BuildHasher, RandomState},
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::select;
use redis::{Cmd, Pipeline, PushInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{sleep, timeout},
};
use tracing::{info, warn};

use crate::{
    dial::{Dialed, Dialer, OnPush},
    fault::{Fault, answer},
    sentinel::Sentinels,
    url::Host,
};
use cloakroom_storage::Operation;

/// Requests go out on the connection that is up. When it is lost, a task of its own dials until it has another;
/// requests wait for the first try and fail at once after it, with what it failed by, so that none hangs.
///
/// The loss is noticed by the connection's end, or by silence: a request that timed out or was given up on makes us
/// ask for a sign of life, and a connection that gives none is replaced. Or a sentinel tells of a new master: the old one
/// goes on taking writes for some seconds, which are then lost.
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
    dialed: Dialed,
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
        let dialed = shared.dial(None, 0).await?;
        shared.state.send_replace(State::Up(Up { dialed, generation: 0 }));
        for number in 0..shared.dialer.sentinels().map_or(0, Sentinels::count) {
            shared.runtime.spawn(listen(Arc::downgrade(&shared), number));
        }
        Ok(Self(shared))
    }

    pub(crate) fn close(&self) {
        self.0.state.send_replace(State::Closed);
    }

    pub(crate) async fn command(&self, command: &Cmd) -> Result<Value, Fault> {
        let mut request = self.request().await?;
        let answered = request.up.dialed.connection.send_packed_command(command).await;
        request.answered(answered.map_err(Fault::from).and_then(answer))
    }

    /// The answers in order, errors among them.
    pub(crate) async fn pipeline(&self, pipeline: &Pipeline) -> Result<Vec<Value>, Fault> {
        let mut request = self.request().await?;
        let answered = request.up.dialed.connection.send_packed_commands(pipeline, 0, pipeline.len()).await;
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

    /// No longer than a try may take: nobody tries if the runtime that the line was opened on has ended.
    async fn settled(&self) -> Result<Up, Fault> {
        let limit = self.0.dialer.limit();
        let mut state = self.0.state.subscribe();
        let settled = timeout(limit, state.wait_for(|state| state.settled().is_some())).await;
        let settled = settled.map_err(|_| Fault::ConnectTimeout(limit))?;
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
    async fn dial(self: &Arc<Self>, named: Option<Host>, generation: u64) -> Result<Dialed, Fault> {
        self.dialer.dial(named, on_end(Arc::downgrade(self), generation)).await
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
        if self.leave(|up| up.generation == generation, None) {
            warn!("the connection to Redis is lost and made anew");
        }
    }

    /// Replaces the connection if it is to another than the master.
    fn follow(self: &Arc<Self>, master: &Host) {
        if self.leave(|up| up.dialed.master.as_ref() != Some(master), Some(master.clone())) {
            info!("another Redis server has become the master");
        }
    }

    /// Replaces the connection in use, if it is such a one; at first by one to the server that is named.
    fn leave(self: &Arc<Self>, is_such: impl Fn(&Up) -> bool, named: Option<Host>) -> bool {
        let mut next = None;
        self.state.send_if_modified(|state| {
            if let State::Up(up) = state
                && is_such(up)
            {
                next = Some(up.generation + 1);
                *state = State::Dialing;
            }
            next.is_some()
        });
        if let Some(generation) = next {
            self.runtime.spawn(redial(Arc::downgrade(self), named, generation));
        }
        next.is_some()
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
            State::Up(up) if up.generation == generation => Some(up.dialed.connection.clone()),
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
async fn redial(shared: Weak<Shared>, mut named: Option<Host>, generation: u64) {
    let mut pause = SHORTEST_PAUSE;
    while let Some(line) = shared.upgrade() {
        let dialed = line.dial(named.take(), generation).await;
        let up = dialed.is_ok();
        let wanted = line.state.send_if_modified(|state| {
            let wanted = !matches!(state, State::Closed);
            if wanted {
                *state = match dialed {
                    Ok(dialed) => State::Up(Up { dialed, generation }),
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

/// Hears from a sentinel of new masters, until the line is closed.
async fn listen(shared: Weak<Shared>, number: usize) {
    let Some(mut state) = shared.upgrade().map(|line| line.state.subscribe()) else { return };
    let closed = state.wait_for(|state| matches!(state, State::Closed));
    let listening = async {
        while let Some(line) = shared.upgrade() {
            let Some(sentinels) = line.dialer.sentinels() else { return };
            // Where one may not subscribe, or it is down, the others tell.
            let news = sentinels.subscribe(number).await;
            drop(line);
            if let Ok(mut news) = news {
                while let Some(master) = news.next().await {
                    let Some(line) = shared.upgrade() else { return };
                    line.follow(&master);
                }
            }
            sleep(jittered(LONGEST_PAUSE)).await;
        }
    };
    select(pin!(closed), pin!(listening)).await;
}

/// Half of the pause to all of it, so that the nodes of an application do not come back as one.
fn jittered(pause: Duration) -> Duration {
    let thousandths = u32::try_from(RandomState::new().hash_one(()) % 500).unwrap_or_default() + 500;
    pause * thousandths / 1_000
}
