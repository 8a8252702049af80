//! `cargo xtask bench`: builds the rivals' servers and the benchmark, and runs it on started services.

use std::{ffi::OsString, path::PathBuf};

use crate::{
    command::{Failure, cargo, root, target},
    containers::Containers,
};

/// How `cargo xtask bench` runs.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Needs no Docker: the backends whose servers run in containers are left out.
    #[arg(long)]
    without_containers: bool,
    /// Handed on to the benchmark, such as `--quick`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// The folders of the rivals, each a workspace of its own.
pub(crate) fn rivals() -> impl Iterator<Item = PathBuf> {
    let folder = root().join("bench").join("rivals");
    ["actix-session", "axum-session", "tower-sessions"].into_iter().map(move |rival| folder.join(rival))
}

/// Builds everything before anything is measured. The rivals' programs come to lie beside the benchmark, which finds
/// them there.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let build = |arguments: [&str; 3]| {
        cargo(["build", "--release"]).args(arguments).env("CARGO_TARGET_DIR", target())
    };
    for rival in rivals() {
        let manifest = rival.join("Cargo.toml").display().to_string();
        build(["--locked", "--manifest-path", &manifest]).run()?;
    }
    build(["--locked", "--package", "cloakroom-bench"]).run()?;
    let containers =
        if options.without_containers { Containers::refused() } else { Containers::prepare(false) };
    cargo(["run", "--release", "--package", "cloakroom-bench", "--"])
        .args(&options.arguments)
        .env("CARGO_TARGET_DIR", target())
        .envs(containers.environment())
        .run()
}
