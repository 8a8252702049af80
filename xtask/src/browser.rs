//! The browser that the demo's test drives: found, or installed where this task may.

use crate::debian::{install, may_install};

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
    if let Err(failure) = install(&packages()) {
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
