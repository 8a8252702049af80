//! `cargo xtask test`: everything that this machine can run, and a table of what each backend passed.

use std::{ffi::OsString, fs, io, path::PathBuf};

use crate::{
    browser,
    command::{Failure, cargo, target},
    containers::Containers,
    expected::wrongly_ignored,
    reports,
    secrets::Secrets,
    tally::Tally,
};

/// How `cargo xtask test` runs.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Leaves the containers of the tests running, for the next run or for a look inside.
    #[arg(long)]
    keep: bool,
    /// Needs no Docker: the tests of services that run in containers are ignored.
    #[arg(long)]
    without_containers: bool,
    /// Handed on to `cargo test`, such as `-p cloakroom-session`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs the tests, shows the table, and under CLOAKROOM_REQUIRE_SERVICES=1 fails where a test was ignored.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    browser::prepare();
    let containers =
        if options.without_containers { Containers::refused() } else { Containers::prepare(options.keep) };
    let folder = clean_folder("cloakroom-reports")?;
    let logs = clean_folder("cloakroom-logs")?;
    let (mut tally, mut secrets) = (Tally::default(), Secrets::default());
    // Not `--workspace`, for which cargo would leave out of account which packages the arguments name.
    let outcome = cargo(["test", "--all-features", "--no-fail-fast"])
        .args(&options.arguments)
        .env("CLOAKROOM_REPORT_DIR", &folder)
        .env("CLOAKROOM_LOG_DIR", &logs)
        .envs(containers.environment())
        .run_reading_lines(|line| {
            tally.read(line);
            secrets.read("printed", line);
        });
    drop(containers);
    let reports = reports::read(&folder)?;
    if !reports.is_empty() {
        println!("\n{}", reports::table(&reports));
    }
    println!("\n{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.ignored.len());
    outcome?;
    println!("{} lines of logs looked through for secrets", secrets.read_logs(&logs)?);
    secrets.check()?;
    // They are long.
    fs::remove_dir_all(&logs).map_err(Failure::file(&logs))?;
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

/// A folder that the tests write to, with nothing of an earlier run in it.
fn clean_folder(name: &str) -> Result<PathBuf, Failure> {
    let folder = target().join(name);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Failure::file(&folder)(error)),
        _ => fs::create_dir_all(&folder).map_err(Failure::file(&folder))?,
    }
    Ok(folder)
}
