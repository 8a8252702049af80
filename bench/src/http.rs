//! The comparison over HTTP.

use std::path::Path;

use cloakroom_bench_server::Order;
use comfy_table::{CellAlignment, Table, presets};
use tokio::runtime::Runtime;

use crate::{
    Options,
    backend::Backend,
    client::Client,
    contender::Contender,
    error::Failure,
    measure::{Turn, figure, share},
    server::Server,
    workload::Workload,
};

/// A server and its clients.
struct Side {
    server: Server,
    clients: Vec<Client>,
}

/// Whose throughput the others' is shown as a share of.
const YARDSTICKS: [Contender; 3] = [Contender::None, Contender::TowerSessions, Contender::ActixSession];

/// Measures every contender on the backend under every workload and prints the table.
pub(crate) fn compare(options: &Options, backend: Backend, folder: &Path) -> Result<(), Failure> {
    clients_runtime()?.block_on(async {
        let awake = (backend == Backend::Memory).then(|| tokio::spawn(stay_awake()));
        let mut sides = Vec::new();
        for contender in Contender::on(backend) {
            sides.push(Side::start(contender, backend, folder, options).await?);
        }
        let mut table = header(&sides);
        for workload in options.workloads() {
            let turns = rounds(&mut sides, workload, options).await?;
            add_rows(&mut table, workload, &turns);
        }
        for client in sides.iter_mut().flat_map(|side| &mut side.clients) {
            client.verify().await?;
        }
        println!(
            "## HTTP, {}: {} connections, servers of {} thread(s), medians of {} rounds of {:?}\n\n{table}\n",
            backend.name(),
            options.connections,
            options.server_threads,
            options.rounds(),
            options.turn()?,
        );
        if let Some(awake) = awake {
            awake.abort();
        }
        Ok(())
    })
}

fn clients_runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .event_interval(16)
        .enable_all()
        .build()
        .map_err(Failure::io("the clients' runtime"))
}

/// Keeps the clients' thread from sleeping, as long as they run.
///
/// A client that sleeps must be woken by the server's write, which costs the server as much processor time as a
/// whole request in memory. It would happen to the slower servers only, as the clients of fast ones have no time to
/// sleep. Beside a storage that needs the processor itself, it would take more than it gives.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

impl Side {
    async fn start(
        contender: Contender,
        backend: Backend,
        folder: &Path,
        options: &Options,
    ) -> Result<Self, Failure> {
        let url = backend.url(folder, contender.name()).await?;
        let server = Server::start(contender, &Order { url, threads: options.server_threads })?;
        let mut clients = Vec::new();
        for _ in 0..options.connections {
            clients.push(Client::start(contender, server.address).await?);
        }
        Ok(Self { server, clients })
    }
}

/// The turns of each contender, after one that warms up and is not counted.
async fn rounds(
    sides: &mut [Side],
    workload: Workload,
    options: &Options,
) -> Result<Vec<(Contender, Vec<Turn>)>, Failure> {
    let mut turns: Vec<_> = sides.iter().map(|side| (side.server.contender, Vec::new())).collect();
    for round in 0..=options.rounds() {
        for (side, (_, turns)) in sides.iter_mut().zip(&mut turns) {
            let turn = Turn::take(&side.server, &mut side.clients, workload, options.turn()?).await?;
            if round > 0 {
                turns.push(turn);
            }
        }
    }
    Ok(turns)
}

/// The yardsticks that take part.
fn yardsticks(mut is_there: impl FnMut(Contender) -> bool) -> impl Iterator<Item = Contender> {
    YARDSTICKS.into_iter().filter(move |yardstick| is_there(*yardstick))
}

fn header(sides: &[Side]) -> Table {
    let is_there = |contender| sides.iter().any(|side| side.server.contender == contender);
    let shares = yardsticks(is_there).map(|yardstick| format!("of {}", yardstick.name()));
    let mut columns: Vec<String> = ["workload", "sessions", "requests/s"].map(str::to_owned).into();
    columns.extend(shares);
    columns.extend(["p50 µs", "p99 µs", "server CPU µs/request"].map(str::to_owned));
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(columns);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn add_rows(table: &mut Table, workload: Workload, all: &[(Contender, Vec<Turn>)]) {
    let of = |contender: Contender| all.iter().find(|(other, _)| *other == contender).map(|(_, turns)| turns);
    for (contender, turns) in all {
        let shares =
            yardsticks(|yardstick| of(yardstick).is_some()).filter_map(of).map(|of| share(turns, of));
        let mut row = vec![workload.name().to_owned(), contender.name().to_owned()];
        row.push(format!("{:.0}", figure(turns, |turn| turn.requests_per_second)));
        row.extend(shares.map(|share| format!("{share:.2}")));
        row.push(format!("{:.0}", figure(turns, |turn| turn.p50)));
        row.push(format!("{:.0}", figure(turns, |turn| turn.p99)));
        row.push(format!("{:.1}", figure(turns, |turn| turn.cpu)));
        table.add_row(row);
    }
}
