//! Installing what a task needs where it may: root, on a system that installs from Debian's packages.

use std::fs;

use crate::command::{Failure, program};

/// Root, on Debian, Ubuntu or what descends from them.
pub(crate) fn may_install() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let debian_like = release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .any(|value| value.contains("debian") || value.contains("ubuntu"));
    let root = program("id").args(["-u"]).output().is_ok_and(|id| id.trim_ascii() == b"0");
    debian_like && root
}

/// Installs packages without what they recommend.
pub(crate) fn install(packages: &[&str]) -> Result<(), Failure> {
    program("apt-get").args(["update", "--quiet"]).run()?;
    program("apt-get")
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
}
