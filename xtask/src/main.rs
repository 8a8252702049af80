//! Developer commands of Cloakroom: `cargo xtask test`, `images`, `fuzz`, `ci`, `bench`.

#![forbid(unsafe_code)]

mod bench;
mod browser;
mod ci;
mod command;
mod containers;
mod debian;
mod docker;
mod expected;
mod features;
mod fuzz;
mod images;
mod reports;
mod secrets;
#[cfg(test)]
mod security_model;
mod tally;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of Cloakroom.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs every test that this machine can run, and shows what each backend passed.
    ///
    /// Installs what the tests need where it may; tests whose needs stay unmet are ignored, with the reason.
    /// With CLOAKROOM_REQUIRE_SERVICES=1 that is a failure.
    Test(test::Options),
    /// Finds or starts a Docker engine and makes the images ready that the tests start, without testing.
    Images,
    /// Tries inputs that nobody thought of on what reads those of strangers.
    Fuzz(fuzz::Options),
    /// Runs what the continuous integration runs: format, lints, documentation, features, `test`, then `fuzz`.
    Ci,
    /// Measures Cloakroom beside its rivals and its ceilings.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test(options) => test::run(&options),
        Task::Images => containers::images(),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Ci => ci::run(),
        Task::Bench(options) => bench::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            failure.exit_code()
        }
    }
}
