//! The program, as one calls it.

use std::{fs, time::Duration};

use cloakroom_soak::Report;
use tokio::{process::Command, time::timeout};

/// Soaks the storage for a few seconds, and checks that it has and that no promise was broken.
pub(crate) async fn soaks_cleanly(url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let mut program = Command::new(env!("CARGO_BIN_EXE_cloakroom-soak"));
    program.args(["--storage", url, "--timeout", "60s", "--processes", "2", "--tasks", "8"]);
    program.args(["--writes", "500", "--races", "50", "--revocations", "20", "--json"]).arg(&json);
    let ending = timeout(Duration::from_secs(5 * 60), program.kill_on_drop(true).output());
    let ended = ending.await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    let report: Report = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    // A busy machine may let a server be late, and what it did not acknowledge is not counted.
    assert!(report.is_clean(), "{said}");
    assert!((450..=512).contains(&report.writes), "{said}");
    assert!((8 * 14..=8 * 16).contains(&report.increments), "{said}");
    assert_eq!(report.sign_outs + report.revocations + report.undecided, 50 + 20, "{said}");
    assert!(report.undecided < 10, "{said}");
    assert!(report.tally.overtaken > 0, "nothing has raced: {said}");
}
