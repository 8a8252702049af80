//! `cargo soak`: see [`cloakroom_soak`].

#![forbid(unsafe_code)]

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use cloakroom::Backends;
use cloakroom_soak::{Failure, Options, soak, work};

/// Runs sessions from several processes against a storage, and checks at the end that no write was lost, no session
/// came back, nobody is signed in after a revocation, no key went astray and nothing leaks.
///
/// Ends with 1 where a promise was broken and with 2 where it could not be checked.
#[derive(Parser)]
#[command(subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    options: Option<Options>,
    /// Where the report is written to as JSON, beside the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Role {
    /// One of the processes; the program starts them by itself.
    #[command(hide = true)]
    Work,
}

#[tokio::main]
async fn main() -> ExitCode {
    let backends = Backends::new();
    let outcome = match Arguments::parse() {
        Arguments { role: Some(Role::Work), .. } => work(&backends).await.map(|()| ExitCode::SUCCESS),
        Arguments { options: Some(options), json, .. } => run(&options, json, &backends).await,
        Arguments { options: None, .. } => Err(Failure::Option("--storage")),
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("soak: {failure}");
        ExitCode::from(2)
    })
}

async fn run(options: &Options, json: Option<PathBuf>, backends: &Backends) -> Result<ExitCode, Failure> {
    let report = soak(options, backends).await?;
    println!("{report}");
    if let Some(file) = json {
        fs::write(file, report.to_json()).map_err(Failure::io("write the report"))?;
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
