//! The comparison over HTTP.

use comfy_table::{CellAlignment, Table, presets};

use crate::{
    Options,
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

/// Measures every contender under every workload and prints the table.
pub(crate) fn compare(options: &Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .event_interval(16)
        .enable_all()
        .build()
        .map_err(Failure::io("the clients' runtime"))?;
    runtime.block_on(async {
        let awake = tokio::spawn(stay_awake());
        let mut sides = Vec::new();
        for contender in Contender::ALL {
            sides.push(Side::start(contender, options).await?);
        }
        let mut table = header();
        for workload in options.workloads() {
            let turns = rounds(&mut sides, workload, options).await?;
            add_rows(&mut table, workload, &turns);
        }
        for client in sides.iter_mut().flat_map(|side| &mut side.clients) {
            client.verify().await?;
        }
        println!(
            "## HTTP, {} connections, servers of {} thread(s), medians of {} rounds of {:?}\n\n{table}\n",
            options.connections,
            options.server_threads,
            options.rounds(),
            options.turn()?,
        );
        awake.abort();
        Ok(())
    })
}

/// Keeps the clients' thread from sleeping, as long as they run.
///
/// A client that sleeps must be woken by the server's write, which costs the server as much processor time as a
/// whole request. It would happen to the slower servers only, as the clients of fast ones have no time to sleep.
async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

impl Side {
    async fn start(contender: Contender, options: &Options) -> Result<Self, Failure> {
        let server = Server::start(contender, options.server_threads)?;
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

fn header() -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "workload",
        "sessions",
        "requests/s",
        "of none",
        "of tower-sessions",
        "p50 µs",
        "p99 µs",
        "server CPU µs/request",
    ]);
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn add_rows(table: &mut Table, workload: Workload, turns: &[(Contender, Vec<Turn>)]) {
    let of = |contender: Contender| {
        turns.iter().find(|(other, _)| *other == contender).map(|(_, turns)| turns.as_slice())
    };
    let shown = |share: Option<f64>| share.map_or_else(String::new, |share| format!("{share:.2}"));
    for (contender, turns) in turns {
        table.add_row([
            workload.name().to_owned(),
            contender.name().to_owned(),
            format!("{:.0}", figure(turns, |turn| turn.requests_per_second)),
            shown(of(Contender::None).map(|none| share(turns, none))),
            shown(of(Contender::TowerSessions).map(|rival| share(turns, rival))),
            format!("{:.0}", figure(turns, |turn| turn.p50)),
            format!("{:.0}", figure(turns, |turn| turn.p99)),
            format!("{:.1}", figure(turns, |turn| turn.cpu)),
        ]);
    }
}
