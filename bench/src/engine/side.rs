use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{runtime::Runtime, time::Instant};

use super::{Engine, Operation, VALUE_BYTES};
use crate::{backend::Backend, error::Failure, measure::as_f64};

/// What a turn is like.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) operation: Operation,
    pub(super) tasks: usize,
    pub(super) length: Duration,
}

/// An engine, whichever it is, and its keys.
pub(super) struct Side(Box<dyn Runs>);

/// The keys that a run goes through: more than the processor's caches hold, where the backend is as fast as they are;
/// elsewhere, as many as the slowest can fill.
pub(super) fn keys_of(backend: Backend) -> usize {
    if backend == Backend::Memory { 10_000 } else { 1_000 }
}

/// How many operations a task does before it looks at the clock and lets another have its turn. Memory never makes it
/// wait otherwise; elsewhere an operation may take long enough to end a turn late.
fn batch_of(backend: Backend) -> usize {
    if backend == Backend::Memory { 64 } else { 1 }
}

/// How many keys are filled at a time.
const FILLED_AT_ONCE: usize = 64;

impl Side {
    pub(super) fn new(engine: impl Engine, backend: Backend) -> Self {
        // The drivers' keys begin with what Cloakroom's get from their namespace, in as many letters.
        let prefix =
            if engine.name() == "cloakroom" || backend == Backend::Memory { "" } else { "rawdriver:" };
        let keys = (0..keys_of(backend)).map(|number| format!("{prefix}session:{number:027}")).collect();
        Self(Box::new(Running { engine: Arc::new(engine), keys, batch: batch_of(backend) }))
    }

    pub(super) fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Stores a value under every key.
    pub(super) fn fill(&self, runtime: &Runtime) -> Result<(), Failure> {
        runtime.block_on(self.0.fill())
    }

    /// Lets every task work until the end of the turn; operations per second, all together.
    pub(super) fn turn(&self, runtime: &Runtime, load: Load) -> Result<f64, Failure> {
        runtime.block_on(self.0.turn(load))
    }

    /// Every key must still be there.
    pub(super) fn check(&self, runtime: &Runtime) -> Result<(), Failure> {
        runtime.block_on(self.0.check())
    }
}

type Outcome<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + 'a>>;

/// [`Side`] without the engine's type. Inside a turn the engine is called directly.
trait Runs {
    fn name(&self) -> &'static str;
    fn fill(&self) -> Outcome<'_, ()>;
    fn turn(&self, load: Load) -> Outcome<'_, f64>;
    fn check(&self) -> Outcome<'_, ()>;
}

struct Running<E> {
    engine: Arc<E>,
    keys: Arc<[String]>,
    batch: usize,
}

impl<E: Engine> Runs for Running<E> {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn fill(&self) -> Outcome<'_, ()> {
        Box::pin(async {
            let tasks: Vec<_> = (0..FILLED_AT_ONCE)
                .map(|task| {
                    let (engine, keys) = (Arc::clone(&self.engine), Arc::clone(&self.keys));
                    tokio::spawn(async move {
                        for key in keys.iter().skip(task).step_by(FILLED_AT_ONCE) {
                            engine.set(key, value()).await?;
                        }
                        Ok::<_, Failure>(())
                    })
                })
                .collect();
            for task in tasks {
                task.await.map_err(Failure::set_up("run a task"))??;
            }
            Ok(())
        })
    }

    fn turn(&self, load: Load) -> Outcome<'_, f64> {
        Box::pin(async move {
            let begin = Instant::now();
            let running: Vec<_> = (0..load.tasks)
                .map(|task| {
                    let task = Task {
                        engine: Arc::clone(&self.engine),
                        keys: Arc::clone(&self.keys),
                        first: task * self.keys.len() / load.tasks,
                        batch: self.batch,
                    };
                    tokio::spawn(task.work(load.operation, begin + load.length))
                })
                .collect();
            let mut operations = 0;
            for task in running {
                operations += task.await.map_err(Failure::set_up("run a task"))??;
            }
            Ok(as_f64(operations) / begin.elapsed().as_secs_f64())
        })
    }

    fn check(&self) -> Outcome<'_, ()> {
        Box::pin(async {
            for key in self.keys.iter() {
                found(&*self.engine, self.engine.get(key).await?)?;
            }
            Ok(())
        })
    }
}

fn value() -> Bytes {
    Bytes::from(vec![b'v'; VALUE_BYTES])
}

/// A value that was stored must be found.
fn found(engine: &impl Engine, value: Option<Bytes>) -> Result<(), Failure> {
    match value {
        Some(value) if value.len() == VALUE_BYTES => Ok(()),
        _ => Err(wrong(engine, "a value that was stored is gone")),
    }
}

fn wrong(engine: &impl Engine, what: &str) -> Failure {
    Failure::Wrong { contender: engine.name().to_owned(), what: what.to_owned() }
}

/// One of those that work at the same time.
struct Task<E> {
    engine: Arc<E>,
    keys: Arc<[String]>,
    /// The index of the key that it begins with.
    first: usize,
    batch: usize,
}

impl<E: Engine> Task<E> {
    /// Works until the end; how many operations that were.
    async fn work(self, operation: Operation, end: Instant) -> Result<u64, Failure> {
        let value = value();
        let mut operations = 0;
        let mut keys = self.keys.iter().cycle().skip(self.first);
        while Instant::now() < end {
            for key in keys.by_ref().take(self.batch) {
                self.operate(operation, key, &value).await?;
                operations += 1;
            }
            tokio::task::yield_now().await;
        }
        Ok(operations)
    }

    async fn operate(&self, operation: Operation, key: &str, value: &Bytes) -> Result<(), Failure> {
        let engine = &*self.engine;
        match operation {
            Operation::Get => found(engine, engine.get(key).await?),
            Operation::Set => engine.set(key, value.clone()).await,
            Operation::GetAndTouch => found(engine, engine.get_and_touch(key).await?.map(|(value, _)| value)),
            // For an equal value: so what is expected is known without a read, whoever was the last to write.
            Operation::CompareAndSwap => match engine.compare_and_swap(key, value, value.clone()).await? {
                true => Ok(()),
                false => Err(wrong(engine, "a swap was refused that nobody was in the way of")),
            },
        }
    }
}
