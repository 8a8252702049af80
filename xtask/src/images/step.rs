//! A step that takes a while: a line when it is over, and a log.

use std::{path::PathBuf, time::Instant};

use crate::command::{Failure, target};

/// Where images and their parts are kept from run to run.
pub(crate) fn folder() -> PathBuf {
    target().join("images")
}

/// The log of a step.
pub(crate) fn log(name: &str) -> PathBuf {
    folder().join("log").join(format!("{name}.log"))
}

/// Runs it and says how long it took.
pub(crate) fn run<T>(name: &str, step: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let begin = Instant::now();
    let outcome = step();
    let word = if outcome.is_ok() { "done" } else { "FAILED" };
    println!("xtask: {name}: {word} after {:.1} s", begin.elapsed().as_secs_f64());
    outcome
}
