//! The comparison of each backend with its bare driver: what the contract costs.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use comfy_table::{CellAlignment, Table, presets};

use crate::{Options, backend::Backend, error::Failure, median::median};

use self::side::{Load, Side};

mod cloakroom;
mod connections;
mod drivers;
mod dynamodb;
mod mariadb;
mod moka;
mod mongodb;
mod postgres;
mod redis;
mod side;
mod sqlite;

/// The size of the values: a session's.
const VALUE_BYTES: usize = 256;
/// How long values live, and how much of that may pass before a touch extends it: a session's.
const TTL: Duration = Duration::from_secs(30 * 60);
const SLACK: Duration = Duration::from_secs(60);

/// What a contender does with one key.
trait Engine: Send + Sync + 'static {
    /// As the table calls it.
    fn name(&self) -> &'static str;
    /// The value under the key.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Bytes>, Failure>> + Send;
    /// Stores the value for [`TTL`].
    fn set(&self, key: &str, value: Bytes) -> impl Future<Output = Result<(), Failure>> + Send;
    /// The value, and whether it was extended to [`TTL`], which it is if less than that without [`SLACK`] remained.
    fn get_and_touch(&self, key: &str)
    -> impl Future<Output = Result<Option<(Bytes, bool)>, Failure>> + Send;
    /// Stores the value for [`TTL`] if the present one is the expected one; whether it was.
    fn compare_and_swap(
        &self,
        key: &str,
        expected: &[u8],
        new: Bytes,
    ) -> impl Future<Output = Result<bool, Failure>> + Send;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Get,
    Set,
    GetAndTouch,
    CompareAndSwap,
}

impl Operation {
    /// A write comes first, so that the values are young for the touches.
    const ALL: [Self; 4] = [Self::Get, Self::Set, Self::GetAndTouch, Self::CompareAndSwap];

    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
            Self::GetAndTouch => "get_and_touch",
            Self::CompareAndSwap => "compare_and_swap",
        }
    }
}

/// Milliseconds, as the engines count them.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Measures the backend and its drivers under every load and prints the table.
pub(crate) fn compare(options: &Options, backend: Backend, folder: &Path) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::io("the tasks' runtime"))?;
    let url = runtime.block_on(backend.url(folder, "engine"))?;
    // Opened first, it makes the table that the drivers use too: neither has the fresher one.
    let ours = runtime.block_on(cloakroom::Cloakroom::open(&url))?;
    let drivers = runtime.block_on(drivers::open(backend, &url, &ours))?;
    let ours = Side::new(ours, backend);
    for side in drivers.iter().chain([&ours]) {
        side.fill(&runtime)?;
    }
    let mut table = header();
    for operation in Operation::ALL {
        for tasks in [1, 8, 64] {
            let load = Load { operation, tasks, length: options.turn()? };
            let mut rounds = Vec::new();
            for round in 0..=options.rounds() {
                let drivers: Result<Vec<_>, _> =
                    drivers.iter().map(|side| side.turn(&runtime, load)).collect();
                let turns = (drivers?, ours.turn(&runtime, load)?);
                // The first round warms up.
                if round > 0 {
                    rounds.push(turns);
                }
            }
            for (index, driver) in drivers.iter().enumerate() {
                add_row(
                    &mut table,
                    load,
                    driver.name(),
                    rounds.iter().map(|(all, ours)| (all[index], *ours)),
                );
            }
        }
    }
    for side in drivers.iter().chain([&ours]) {
        side.check(&runtime)?;
    }
    println!(
        "## Engine, {}: {} keys of {VALUE_BYTES} bytes, medians of {} rounds of {:?}\n\n{table}\n",
        backend.name(),
        side::keys_of(backend),
        options.rounds(),
        options.turn()?,
    );
    Ok(())
}

fn header() -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "operation",
        "tasks",
        "driver",
        "its operations/s",
        "cloakroom operations/s",
        "of the driver",
    ]);
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// `rounds`: the driver's operations per second in each round, and ours.
fn add_row(table: &mut Table, load: Load, driver: &str, rounds: impl Iterator<Item = (f64, f64)> + Clone) {
    table.add_row([
        load.operation.name().to_owned(),
        load.tasks.to_string(),
        driver.to_owned(),
        format!("{:.0}", median(rounds.clone().map(|(driver, _)| driver))),
        format!("{:.0}", median(rounds.clone().map(|(_, ours)| ours))),
        format!("{:.2}", median(rounds.map(|(driver, ours)| ours / driver))),
    ]);
}
