//! The runner: what ends a case does not end the run, and a report is written whole.

use std::time::Duration;

use cloakroom_conformance::{Factory, Options, Report, run};
use cloakroom_storage::{Namespace, Result};
use cloakroom_storage_memory::MemoryStorage;

#[tokio::test(start_paused = true)]
async fn a_storage_that_cannot_be_opened_fails_every_case_with_the_reason() {
    let factory = Factory::new(|_: Namespace| async { Err::<MemoryStorage, _>("no route to the host") });
    let report = run(&factory, &Options::new("none")).await;
    assert_eq!(report.failed.len(), cloakroom_conformance::cases().len());
    assert!(report.failed.iter().all(|failed| failed.message.contains("no route to the host")));
}

#[tokio::test(start_paused = true)]
async fn a_case_that_hangs_or_panics_fails_and_the_others_go_on() {
    let hangs = Factory::new(|_: Namespace| std::future::pending::<Result<MemoryStorage>>());
    let options = Options::new("hangs").with_case_limit(Duration::from_millis(50));
    let report = run(&hangs, &options.with_filter(|id| id.starts_with("basic/"))).await;
    assert!(report.failed.iter().all(|failed| failed.message.starts_with("not done after 50ms")), "{report}");

    let panics = Factory::new(|_: Namespace| async { panic!("a planted panic") as Result<MemoryStorage> });
    let report = run(&panics, &Options::new("panics").with_filter(|id| id.starts_with("basic/"))).await;
    assert_eq!(report.failed.len(), 6);
    assert!(
        report.failed.iter().all(|failed| failed.message.starts_with("panicked: a planted panic")),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_report_is_written_under_a_name_that_fits_a_file_and_read_back() {
    let engine = MemoryStorage::new();
    let factory = Factory::new(move |namespace: Namespace| {
        let storage: Result<_> = Ok(engine.namespace(&namespace));
        async move { storage }
    });
    let report = run(&factory, &Options::new("all layers/memory")).await;
    let folder = std::env::temp_dir().join(format!("cloakroom-report-{}", std::process::id()));
    report.write_to(&folder).unwrap();
    let text = std::fs::read(folder.join("all-layers-memory.json")).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(serde_json::from_slice::<Report>(&text).unwrap(), report);
    assert!(report.to_string().ends_with("88 passed, 3 ignored, 0 failed"), "{report}");
}
