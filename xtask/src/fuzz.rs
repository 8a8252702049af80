//! `cargo xtask fuzz`: builds the fuzz targets with the instrumentation that libFuzzer steers by, and runs them.
//!
//! `cargo fuzz` does the same, but is one more thing to install. Here, a compiler for libFuzzer's C++ is enough.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use comfy_table::{Table, presets};

use crate::command::{Failure, cargo, program, root, target};

/// How `cargo xtask fuzz` runs.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The target to run, a file of fuzz/fuzz_targets. All of them where none is named.
    target: Option<String>,
    /// Handed on to that target's libFuzzer in place of everything else, such as the file of a finding.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Options {
    /// What the continuous integration runs: known inputs above all, and a little beyond.
    pub(crate) const BRIEF: Self = Self { seconds: 10, target: None, arguments: Vec::new() };
}

/// How long past its time a target may take to come to its end.
const GRACE: Duration = Duration::from_secs(90);

/// What instruments a program for libFuzzer, as `cargo fuzz` has it. The passes are LLVM's and there in every Rust.
const INSTRUMENTATION: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    #[cfg(target_os = "linux")]
    "-Cllvm-args=-sanitizer-coverage-stack-depth",
    "--cfg=fuzzing",
];

/// Runs every target, also after one has found something, and shows how far each has come.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let known = targets()?;
    let chosen: Vec<_> = match &options.target {
        None => known,
        Some(target) if known.contains(target) => vec![target.clone()],
        Some(target) => {
            let known = known.join(", ");
            return Err(Failure::Missing(format!("there is no fuzz target `{target}`; there are {known}")));
        }
    };
    check_machine()?;
    let programs = build(&chosen)?;
    if let (Some(target), false) = (&options.target, options.arguments.is_empty()) {
        return program(programs.join(target)).args(&options.arguments).run();
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(["target", "runs", "a second", "branches reached"]);
    let mut first_failure = None;
    for name in chosen {
        println!("{name}: {} s", options.seconds);
        let log = target().join("fuzz").join(format!("{name}.log"));
        let outcome = fuzz(&programs, &name, options.seconds, &log);
        if let Err(failure) = &outcome {
            eprintln!("{name}: {failure}");
        }
        let text = fs::read(&log).map_err(Failure::file(&log))?;
        table.add_row([vec![name], progress(&String::from_utf8_lossy(&text))].concat());
        first_failure = first_failure.or(outcome.err());
    }
    println!("\n{table}");
    first_failure.map_or(Ok(()), Err)
}

/// The names of the targets, as of their files.
fn targets() -> Result<Vec<String>, Failure> {
    let folder = folder().join("fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(Failure::file(&folder))?;
    let stem = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let mut names: Vec<_> = entries.flatten().filter_map(|entry| stem(entry.path())).collect();
    names.sort_unstable();
    Ok(names)
}

/// A workspace of its own, as no other build is instrumented.
pub(crate) fn folder() -> PathBuf {
    root().join("fuzz")
}

fn check_machine() -> Result<(), Failure> {
    if cfg!(windows) {
        return Err(Failure::Missing("the fuzz targets run on Linux and macOS".to_owned()));
    }
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let found = compiler.split_whitespace().next().is_some_and(|compiler| which::which(compiler).is_ok());
    if found {
        return Ok(());
    }
    Err(Failure::Missing(format!(
        "libFuzzer is C++, and there is no compiler `{compiler}`; install one (Debian: `apt-get install g++`, macOS: \
         `xcode-select --install`) or name it by the variable CXX"
    )))
}

/// The folder of the built programs. With a target platform, build scripts and macros are not instrumented.
fn build(targets: &[String]) -> Result<PathBuf, Failure> {
    let platform = program("rustc").args(["--print", "host-tuple"]).quiet()?;
    let folder = target().join("fuzz");
    cargo(["build", "--release", "--locked", "--target", &platform, "--manifest-path"])
        .args([self::folder().join("Cargo.toml")])
        .args(targets.iter().flat_map(|name| ["--bin", name]))
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", INSTRUMENTATION.join(" "))
        .run()?;
    Ok(folder.join(platform).join("release"))
}

/// What it finds on its way goes to a corpus under target/, from which the next run goes on; the one in the repository
/// stays as it is.
fn fuzz(programs: &Path, name: &str, seconds: u64, log: &Path) -> Result<(), Failure> {
    let (corpus, findings) = (target().join("fuzz/corpus").join(name), target().join("fuzz/findings"));
    for folder in [&corpus, &findings] {
        fs::create_dir_all(folder).map_err(Failure::file(folder))?;
    }
    program(programs.join(name))
        .args([
            format!("-max_total_time={seconds}"),
            format!("-artifact_prefix={}/{name}-", findings.display()),
            // An input that takes so long is a finding. On a machine that is busy otherwise, a good one has taken 11 s.
            "-timeout=60".to_owned(),
        ])
        .args([corpus, folder().join("corpus").join(name)])
        // The message of the panic is to be among the last lines.
        .env("RUST_BACKTRACE", "0")
        .run_logged(log, Duration::from_secs(seconds) + GRACE)
}

/// Runs, runs a second and coverage, from libFuzzer's last line about them: `#1234 DONE cov: 56 … exec/s: 78 …`.
fn progress(log: &str) -> Vec<String> {
    let line = log.lines().rfind(|line| line.starts_with('#') && line.contains(" cov: ")).unwrap_or_default();
    let after = |label| line.split_once(label).and_then(|(_, rest)| rest.split_whitespace().next());
    [after("#"), after("exec/s: "), after("cov: ")].map(|figure| figure.unwrap_or("-").to_owned()).to_vec()
}
