use std::{
    collections::VecDeque,
    slice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use cloakroom_storage::{ErrorKind, Operation, Result, StorageError};
use sqlx::Postgres;
use tokio::{runtime::Handle, sync::oneshot, time::timeout};

use crate::sql::engine::Engine;

/// What one statement can ask for many callers.
pub(super) trait Question: Send + Sync + 'static {
    type Asked: Send + Sync + 'static;
    type Answer: Send + 'static;

    /// About what it adds to the size of a statement.
    fn bytes(asked: &Self::Asked) -> usize;

    /// An answer to each that asks, in their order.
    fn ask(
        &self,
        operation: Operation,
        asked: &[Self::Asked],
    ) -> impl Future<Output = Result<Vec<Self::Answer>>> + Send;
}

/// Sends together what many ask at the same time.
///
/// A few callers each have a statement of their own at once, so that nobody waits who need not. Those who come beside
/// them form a queue, which goes as one as soon as few statements are under way: many rows cost the server, and the
/// way there and back, not much more than one does.
pub(super) struct Batcher<Q: Question> {
    question: Q,
    limits: BatchLimits,
    state: Mutex<State<Q>>,
}

/// When callers wait for each other, and for how long.
#[derive(Clone, Copy)]
pub(super) struct BatchLimits {
    /// So many callers at the same time have statements of their own.
    pub(super) alone: usize,
    /// With more of them, the next statement is sent when fewer than so many are under way.
    pub(super) together: usize,
    /// How long an answer may take, with the wait for it to be asked.
    pub(super) patience: Duration,
}

/// The most that one statement asks, in number and in bytes; a question that alone has more bytes goes alone.
const MOST_ASKED: usize = 64;
const MOST_BYTES: usize = 1024 * 1024;

struct State<Q: Question> {
    /// How many statements are under way.
    statements: usize,
    /// How many callers these are for.
    callers: usize,
    /// Those who wait for a statement to end.
    queue: VecDeque<Waiting<Q>>,
}

struct Waiting<Q: Question> {
    asked: Q::Asked,
    caller: Caller<Q>,
}

struct Caller<Q: Question> {
    operation: Operation,
    answer: oneshot::Sender<Result<Q::Answer>>,
}

enum Turn<Q: Question> {
    Now(UnderWay<Q>, Q::Asked),
    Later(oneshot::Receiver<Result<Q::Answer>>),
}

impl<Q: Question> Batcher<Q> {
    pub(super) fn new(question: Q, limits: BatchLimits) -> Arc<Self> {
        let state = Mutex::new(State { statements: 0, callers: 0, queue: VecDeque::new() });
        Arc::new(Self { question, limits, state })
    }

    pub(super) async fn ask(self: &Arc<Self>, operation: Operation, asked: Q::Asked) -> Result<Q::Answer> {
        let failed = |kind| StorageError::new(kind, Postgres::BACKEND, operation);
        match self.turn(operation, asked) {
            Turn::Now(_under_way, asked) => {
                let answers = self.question.ask(operation, slice::from_ref(&asked)).await?;
                answers.into_iter().next().ok_or_else(|| failed(ErrorKind::Other))
            }
            Turn::Later(answer) => match timeout(self.limits.patience, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(failed(ErrorKind::Unavailable)
                    .with_detail("the runtime of the task that asked has ended")),
                Err(_) => Err(failed(ErrorKind::Timeout).with_detail(format!(
                    "no answer within {:?}; check the network and the server's load",
                    self.limits.patience
                ))),
            },
        }
    }

    fn turn(self: &Arc<Self>, operation: Operation, asked: Q::Asked) -> Turn<Q> {
        let mut state = self.state();
        let few = state.callers + state.queue.len() < self.limits.alone;
        if few || state.statements < self.limits.together {
            return Turn::Now(UnderWay::begin(self, &mut state, 1), asked);
        }
        let (answer, receive) = oneshot::channel();
        state.queue.push_back(Waiting { asked, caller: Caller { operation, answer } });
        Turn::Later(receive)
    }

    /// What goes as one now that a statement for so many callers has ended, if anything does.
    fn next(self: &Arc<Self>, callers: usize) -> Option<(UnderWay<Q>, Vec<Waiting<Q>>)> {
        let mut state = self.state();
        state.statements -= 1;
        state.callers -= callers;
        if state.statements >= self.limits.together {
            return None;
        }
        // Nobody waits any more for some.
        state.queue.retain(|waiting| !waiting.caller.answer.is_closed());
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(waiting) = state.queue.front() {
            bytes += Q::bytes(&waiting.asked);
            if batch.len() == MOST_ASKED || (bytes > MOST_BYTES && !batch.is_empty()) {
                break;
            }
            batch.extend(state.queue.pop_front());
        }
        if batch.is_empty() {
            return None;
        }
        Some((UnderWay::begin(self, &mut state, batch.len()), batch))
    }

    fn state(&self) -> MutexGuard<'_, State<Q>> {
        // Held for steps that do not panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A statement's place among those under way. Where it ends or is given up, the next takes it.
struct UnderWay<Q: Question> {
    batcher: Arc<Batcher<Q>>,
    callers: usize,
}

impl<Q: Question> UnderWay<Q> {
    fn begin(batcher: &Arc<Batcher<Q>>, state: &mut State<Q>, callers: usize) -> Self {
        state.statements += 1;
        state.callers += callers;
        Self { batcher: Arc::clone(batcher), callers }
    }

    async fn send(self, batch: Vec<Waiting<Q>>) {
        let (asked, callers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.asked, waiting.caller)).unzip();
        let Some(first) = callers.first() else { return };
        let answers = self.batcher.question.ask(first.operation, &asked).await;
        drop(self);
        // Whoever has gone meanwhile does not take its answer.
        match answers {
            Ok(answers) => {
                for (caller, answer) in callers.into_iter().zip(answers) {
                    let _ = caller.answer.send(Ok(answer));
                }
            }
            Err(error) => {
                for caller in callers {
                    let _ = caller.answer.send(Err(copy(&error, caller.operation)));
                }
            }
        }
    }
}

impl<Q: Question> Drop for UnderWay<Q> {
    fn drop(&mut self) {
        let Some((under_way, batch)) = self.batcher.next(self.callers) else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(under_way.send(batch))),
            // Dropped outside of any runtime: whoever waits is told so, as its sender is dropped. The next in the queue
            // are, too, when `under_way` is.
            Err(_) => drop(batch),
        }
    }
}

/// What has failed for many, as one of them met it.
fn copy(error: &StorageError, operation: Operation) -> StorageError {
    let copy = StorageError::new(error.kind(), error.backend(), operation);
    match error.detail() {
        Some(detail) => copy.with_detail(detail.to_owned()),
        None => copy,
    }
}
