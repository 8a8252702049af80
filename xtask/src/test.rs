//! `cargo xtask test`: everything that this machine can run, and a table of what each backend passed.

use std::{ffi::OsString, fs, io, path::PathBuf};

use crate::{
    browser,
    command::{Failure, cargo, root},
    expected::wrongly_ignored,
    reports,
    tally::Tally,
};

/// Runs the tests, shows the table, and under CLOAKROOM_REQUIRE_SERVICES=1 fails where a test was ignored.
pub(crate) fn run(arguments: &[OsString]) -> Result<(), Failure> {
    browser::prepare();
    let folder = clean_report_folder()?;
    let mut tally = Tally::default();
    let outcome = cargo(["test", "--workspace", "--all-features", "--no-fail-fast"])
        .args(arguments)
        .env("CLOAKROOM_REPORT_DIR", &folder)
        .run_reading_lines(|line| tally.read(line));
    let reports = reports::read(&folder)?;
    if !reports.is_empty() {
        println!("\n{}", reports::table(&reports));
    }
    println!("\n{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.ignored.len());
    outcome?;
    if tally.passed == 0 {
        return Err(Failure::Incomplete("no test ran".to_owned()));
    }
    let wrong = wrongly_ignored(&tally, &reports);
    if services_are_required() && !wrong.is_empty() {
        let list = wrong.join("\n  ");
        return Err(Failure::Incomplete(format!("ignored, where every service must be there:\n  {list}")));
    }
    Ok(())
}

fn services_are_required() -> bool {
    std::env::var_os("CLOAKROOM_REQUIRE_SERVICES").is_some_and(|value| value == "1")
}

/// The folder that the suites write their reports to, with nothing of an earlier run in it.
fn clean_report_folder() -> Result<PathBuf, Failure> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let folder = root().join(target).join("cloakroom-reports");
    let failure = |reason| Failure::File { path: folder.clone(), reason };
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failure(error)),
        _ => fs::create_dir_all(&folder).map_err(failure)?,
    }
    Ok(folder)
}
