//! The comparison of the memory backend with a bare moka cache of the same bounds: what the contract costs.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use comfy_table::{CellAlignment, Table, presets};
use tokio::{runtime::Runtime, time::Instant};

use crate::{Options, error::Failure, measure::as_f64, median::median};

mod bare;
mod cloakroom;

/// The keys that a run goes through, and the size of their values: a session's.
const KEYS: usize = 10_000;
const VALUE_BYTES: usize = 256;
const TTL: Duration = Duration::from_secs(30 * 60);

/// How many operations a task does before it lets another have its turn.
const BATCH: usize = 64;

/// What a contender does with one key.
trait Engine: Send + Sync + 'static {
    fn name(&self) -> &'static str;
    /// The value under the key.
    fn get(&self, key: &str) -> impl Future<Output = Option<Bytes>> + Send;
    fn set(&self, key: &str, value: Bytes) -> impl Future<Output = ()> + Send;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Get,
    Set,
}

impl Operation {
    fn name(self) -> &'static str {
        if self == Self::Get { "get" } else { "set" }
    }
}

/// Measures both under every load and prints the table.
pub(crate) fn compare(options: &Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::io("the tasks' runtime"))?;
    let keys: Arc<[String]> = (0..KEYS).map(|number| format!("session:{number:027}")).collect();
    let ours = Arc::new(runtime.block_on(cloakroom::Cloakroom::open())?);
    let bare = Arc::new(bare::Bare::open());
    runtime.block_on(fill(&*ours, &keys));
    runtime.block_on(fill(&*bare, &keys));

    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "operation",
        "tasks",
        "moka operations/s",
        "cloakroom operations/s",
        "of moka",
    ]);
    for operation in [Operation::Get, Operation::Set] {
        for tasks in [1, 8, 64] {
            let mut rounds = Vec::new();
            for round in 0..=options.rounds() {
                let moka = turn(&runtime, &bare, &keys, operation, tasks, options.turn()?)?;
                let cloakroom = turn(&runtime, &ours, &keys, operation, tasks, options.turn()?)?;
                // The first round warms up.
                if round > 0 {
                    rounds.push((moka, cloakroom));
                }
            }
            table.add_row([
                operation.name().to_owned(),
                tasks.to_string(),
                format!("{:.0}", median(rounds.iter().map(|(moka, _)| *moka))),
                format!("{:.0}", median(rounds.iter().map(|(_, cloakroom)| *cloakroom))),
                format!("{:.2}", median(rounds.iter().map(|(moka, cloakroom)| cloakroom / moka))),
            ]);
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!(
        "## Engine, {KEYS} keys of {VALUE_BYTES} bytes, medians of {} rounds of {:?}\n\n{table}\n",
        options.rounds(),
        options.turn()?,
    );
    Ok(())
}

fn value() -> Bytes {
    Bytes::from(vec![b'v'; VALUE_BYTES])
}

async fn fill(engine: &impl Engine, keys: &[String]) {
    for key in keys {
        engine.set(key, value()).await;
    }
}

/// Lets every task work until the end of the turn; operations per second, all together. Afterwards every key
/// must still be there.
fn turn<E: Engine>(
    runtime: &Runtime,
    engine: &Arc<E>,
    keys: &Arc<[String]>,
    operation: Operation,
    tasks: usize,
    length: Duration,
) -> Result<f64, Failure> {
    runtime.block_on(async {
        let begin = Instant::now();
        let running: Vec<_> = (0..tasks)
            .map(|task| {
                let first = task * KEYS / tasks;
                tokio::spawn(work(Arc::clone(engine), Arc::clone(keys), operation, first, begin + length))
            })
            .collect();
        let mut operations = 0;
        for task in running {
            operations += task.await.map_err(Failure::set_up("run a task"))?;
        }
        let elapsed = begin.elapsed();
        for key in keys.iter() {
            if engine.get(key).await.map(|value| value.len()) != Some(VALUE_BYTES) {
                let what = "a value that was stored is gone".to_owned();
                return Err(Failure::Wrong { contender: engine.name().to_owned(), what });
            }
        }
        Ok(as_f64(operations) / elapsed.as_secs_f64())
    })
}

/// One task's operations until the end, on the keys from `first` on; how many.
async fn work<E: Engine>(
    engine: Arc<E>,
    keys: Arc<[String]>,
    operation: Operation,
    first: usize,
    end: Instant,
) -> u64 {
    let value = value();
    let mut operations = 0;
    let mut keys = keys.iter().cycle().skip(first);
    while Instant::now() < end {
        for key in keys.by_ref().take(BATCH) {
            match operation {
                Operation::Get => assert!(engine.get(key).await.is_some(), "a value that was stored is gone"),
                Operation::Set => engine.set(key, value.clone()).await,
            }
            operations += 1;
        }
        tokio::task::yield_now().await;
    }
    operations
}
