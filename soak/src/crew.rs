//! The worker processes, as the conductor has them.

use std::{
    collections::HashMap,
    env,
    process::Stdio,
    sync::{Arc, PoisonError},
};

use futures_util::future::try_join_all;
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{Mutex, oneshot},
};

use crate::{
    Failure, WORK,
    order::{Answer, Done, Order, Place, Task},
};

/// Workers, which end when this is dropped.
pub(crate) struct Crew {
    workers: Vec<Worker>,
}

impl Crew {
    /// This program again, once for each place.
    pub(crate) async fn start(places: impl Iterator<Item = Place>) -> Result<Self, Failure> {
        let workers = try_join_all(places.map(Worker::start)).await?;
        Ok(Self { workers })
    }

    /// Gives every worker its task at once; what each has done, in the order of the processes.
    pub(crate) async fn all(&self, number: u64, task: impl Fn(usize) -> Task) -> Result<Vec<Done>, Failure> {
        let asked =
            self.workers.iter().enumerate().map(|(process, worker)| worker.ask(number, task(process)));
        try_join_all(asked).await
    }
}

struct Worker {
    orders: Mutex<ChildStdin>,
    waiting: Arc<Waiting>,
    _process: Child,
}

/// Who waits for the answer of which number; nobody any more, once the worker has ended.
type Waiting = std::sync::Mutex<Option<HashMap<u64, oneshot::Sender<Done>>>>;

impl Worker {
    async fn start(place: Place) -> Result<Self, Failure> {
        let program = env::current_exe().map_err(Failure::io("find this program"))?;
        let mut process = Command::new(program)
            .arg(WORK)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(Failure::io("start a worker"))?;
        let mut orders = process.stdin.take().expect("its input is piped");
        let answers = process.stdout.take().expect("its output is piped");
        write(&mut orders, &place).await?;
        let waiting = Arc::new(Waiting::new(Some(HashMap::new())));
        tokio::spawn(listen(answers, waiting.clone()));
        Ok(Self { orders: Mutex::new(orders), waiting, _process: process })
    }

    async fn ask(&self, number: u64, task: Task) -> Result<Done, Failure> {
        let (answered, answer) = oneshot::channel();
        match &mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(waiting) => waiting.insert(number, answered),
            None => return Err(Failure::WorkerEnded),
        };
        write(&mut *self.orders.lock().await, &Order { number, task }).await?;
        answer.await.map_err(|_| Failure::WorkerEnded)
    }
}

async fn write(orders: &mut ChildStdin, what: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(what)? + "\n";
    orders.write_all(line.as_bytes()).await.map_err(|_| Failure::WorkerEnded)
}

async fn listen(answers: ChildStdout, waiting: Arc<Waiting>) {
    let mut lines = BufReader::new(answers).lines();
    let waiting = || waiting.lock().unwrap_or_else(PoisonError::into_inner);
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(Answer { number, done }) = serde_json::from_str(&line) else { break };
        let waits = waiting().as_mut().and_then(|waiting| waiting.remove(&number));
        if let Some(waits) = waits {
            let _ = waits.send(done);
        }
    }
    *waiting() = None;
}
