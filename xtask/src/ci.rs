//! What the continuous integration runs, as named steps.

use std::time::{Duration, Instant};

use comfy_table::{Table, presets};

use crate::{
    bench,
    command::{Failure, cargo},
    features, fuzz, test,
};

type Step = (&'static str, fn() -> Result<(), Failure>);

const STEPS: &[Step] = &[
    ("lock file", lock_file),
    ("format", format),
    ("lints", lints),
    ("documentation", documentation),
    ("features", features::run),
    ("test", || test::run(&test::Options::default())),
    ("fuzz", || fuzz::run(&fuzz::Options::BRIEF)),
];

/// Runs every step, also after one has failed, and closes with a summary.
pub(crate) fn run() -> Result<(), Failure> {
    let mut summary = Table::new();
    summary.load_style(presets::ASCII_MARKDOWN).set_header(["step", "result", "seconds"]);
    let mut first_failure = None;
    for (name, step) in STEPS {
        println!("\n--- {name} ---");
        let begin = Instant::now();
        let outcome = step();
        if let Err(failure) = &outcome {
            eprintln!("{name}: {failure}");
        }
        summary.add_row([*name, if outcome.is_ok() { "ok" } else { "FAILED" }, &seconds(begin.elapsed())]);
        first_failure = first_failure.or(outcome.err());
    }
    println!("\n{summary}");
    first_failure.map_or(Ok(()), Err)
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.0}", elapsed.as_secs_f64())
}

/// A clean clone must build what was tested: the lock file fits the manifests.
fn lock_file() -> Result<(), Failure> {
    cargo(["metadata", "--format-version=1", "--locked"]).output().map(drop)
}

fn format() -> Result<(), Failure> {
    cargo(["fmt", "--all", "--check"]).run()?;
    for workspace in bench::rivals().chain([fuzz::folder()]) {
        cargo(["fmt", "--check", "--manifest-path"]).args([workspace.join("Cargo.toml")]).run()?;
    }
    Ok(())
}

fn lints() -> Result<(), Failure> {
    cargo(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]).run()
}

fn documentation() -> Result<(), Failure> {
    cargo(["doc", "--workspace", "--no-deps", "--all-features"]).env("RUSTDOCFLAGS", "-D warnings").run()
}
