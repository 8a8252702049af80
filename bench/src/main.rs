//! Measures Cloakroom beside its rivals and its ceilings.
//!
//! Everything is measured in one run and interleaved: each round gives every contender a turn, and what is printed are
//! medians over the rounds of figures and of ratios *within* a round, so that a machine that slows down does so
//! for all.
//!
//! - HTTP: the same handlers without a session, with Cloakroom and with its rivals, on each backend that the rivals
//!   have. Each server is a process of its own; a closed loop of keep-alive connections, each with a session of its
//!   own, asks it. Every response is checked. Linux only: the processor time is read from `/proc`.
//! - Engine: each of Cloakroom's backends, called as applications call it (`Arc<dyn Storage>`), beside its bare
//!   driver, which is made to do the same statements on the same server.
//!
//! Servers that backends need are started as containers, as for the tests.

#![forbid(unsafe_code)]

mod backend;
mod client;
mod contender;
mod cpu;
mod engine;
mod error;
mod http;
mod machine;
mod measure;
mod median;
mod server;
mod workload;

use std::{path::Path, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use cloakroom_bench_server::Order;

use crate::{backend::Backend, contender::Contender, error::Failure, workload::Workload};

/// Measures Cloakroom beside its rivals and its ceilings.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    options: Options,
}

/// What a run is like.
#[derive(clap::Args)]
struct Options {
    /// Short turns and few rounds: whether it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// The length of one turn of one contender, in seconds.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// How many turns each contender has.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Keep-alive connections, each with a session of its own.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Threads of each server.
    #[arg(long, default_value_t = 1)]
    server_threads: usize,
    /// Only this comparison.
    #[arg(long)]
    only: Option<Comparison>,
    /// Only this backend; may be repeated. Without it, a backend whose server is not there is left out.
    #[arg(long)]
    backend: Vec<Backend>,
    /// Of the HTTP comparison, only this workload.
    #[arg(long)]
    workload: Option<Workload>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Comparison {
    Http,
    Engine,
}

#[derive(Subcommand)]
enum Role {
    /// One contender's server; the benchmark starts it by itself.
    #[command(hide = true)]
    Serve { contender: Contender, url: String, threads: usize },
}

impl Options {
    fn turn(&self) -> Result<Duration, Failure> {
        let seconds = if self.quick { 0.2 } else { self.seconds };
        Duration::try_from_secs_f64(seconds).map_err(|_| Failure::Option("--seconds"))
    }

    fn rounds(&self) -> usize {
        if self.quick { 2 } else { self.rounds.max(1) }
    }

    fn workloads(&self) -> impl Iterator<Item = Workload> {
        Workload::ALL.into_iter().filter(|workload| self.workload.is_none_or(|only| only == *workload))
    }

    fn includes_backend(&self, backend: Backend) -> bool {
        self.backend.is_empty() || self.backend.contains(&backend)
    }

    fn includes(&self, comparison: Comparison) -> bool {
        self.only.is_none_or(|only| only == comparison)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.role {
        Some(Role::Serve { contender, url, threads }) => contender.serve(&Order { url, threads }),
        None => compare(&arguments.options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Backend by backend, so that what is measured beside each other is close in time.
fn compare(options: &Options) -> Result<(), Failure> {
    println!("{}\n", machine::description());
    let folder = tempfile::tempdir().map_err(Failure::io("a folder for databases"))?;
    for backend in Backend::ALL.into_iter().filter(|backend| options.includes_backend(*backend)) {
        match compare_on(options, backend, folder.path()) {
            Err(Failure::Missing(missing)) if options.backend.is_empty() => {
                println!("## {}: not measured\n\n{missing}\n", backend.name());
            }
            outcome => outcome?,
        }
    }
    Ok(())
}

fn compare_on(options: &Options, backend: Backend, folder: &Path) -> Result<(), Failure> {
    if options.includes(Comparison::Http) && backend.has_rivals() {
        http::compare(options, backend, folder)?;
    }
    if options.includes(Comparison::Engine) {
        engine::compare(options, backend, folder)?;
    }
    Ok(())
}
