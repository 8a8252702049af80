//! The browser that the demo's test drives: found, or installed where this task may.

use std::fs;

use crate::command::{Failure, program};

/// What the test drives, by the names of either program, and the Debian package that brings it.
const NEEDED: [(&[&str], &str); 2] =
    [(&["chromium", "google-chrome"], "chromium"), (&["chromedriver"], "chromium-driver")];

/// Makes a browser and its driver available, or says why the browser test will be ignored.
pub(crate) fn prepare() {
    if missing().is_empty() {
        return;
    }
    if !may_install() {
        println!(
            "xtask: {} not found; the browser test will be ignored. On Debian: apt-get install {}",
            missing().join(" and "),
            packages().join(" "),
        );
        return;
    }
    println!("xtask: {} not found; installing {}", missing().join(" and "), packages().join(" and "));
    if let Err(failure) = install() {
        println!("xtask: {failure}; the browser test will be ignored");
    }
}

fn missing() -> Vec<&'static str> {
    let is_missing = |names: &&[&str]| names.iter().all(|name| which::which(name).is_err());
    NEEDED.iter().map(|(names, _)| *names).filter(is_missing).map(|names| names[0]).collect()
}

fn packages() -> Vec<&'static str> {
    NEEDED.iter().map(|(_, package)| *package).collect()
}

fn install() -> Result<(), Failure> {
    program("apt-get").args(["update", "--quiet"]).run()?;
    program("apt-get")
        .args(["install", "--yes", "--quiet", "--no-install-recommends"])
        .args(packages())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
}

/// Root, on a system that installs from Debian's packages.
fn may_install() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let debian_like = release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .any(|value| value.contains("debian") || value.contains("ubuntu"));
    let root = program("id").args(["-u"]).output().is_ok_and(|id| id.trim_ascii() == b"0");
    debian_like && root
}
