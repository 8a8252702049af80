//! Which cases are ignored, exactly: nothing is skipped by accident.

use cloakroom_conformance::{Factory, Options, Report, run};
use cloakroom_storage::{Namespace, Result, Storage};
use cloakroom_storage_memory::MemoryStorage;

mod support;

async fn report<S: Storage>(open: fn(MemoryStorage) -> S) -> Report {
    let engine = MemoryStorage::new();
    let factory = Factory::new(move |namespace: Namespace| {
        let storage: Result<S> = Ok(open(engine.namespace(&namespace)));
        async move { storage }
    });
    let report = run(&factory, &Options::new("memory")).await;
    assert!(report.is_success(), "{report}");
    report
}

fn ignored(report: &Report) -> Vec<(&str, &str)> {
    report.ignored.iter().map(|ignored| (ignored.case.as_str(), ignored.reason.as_str())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_claims_everything_skips_only_what_is_about_claiming_less() {
    assert_eq!(
        ignored(&report(|memory| memory).await),
        [
            ("close/default-is-ok", "it claims close"),
            ("scan/unclaimed-is-unsupported", "it claims scan"),
            ("touch/default-always-extends", "it claims more than the default get_and_touch"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_storage_of_four_methods_skips_only_what_it_does_not_claim() {
    let (swap, touch) =
        ("it does not claim an atomic compare_and_swap", "it does not claim an atomic get_and_touch");
    let (scan, close) = ("it does not claim scan", "it does not claim close");
    assert_eq!(
        ignored(&report(support::FourMethods).await),
        [
            ("close/is-idempotent", close),
            ("close/later-operations-fail", close),
            ("namespace/scan-does-not-cross", scan),
            ("reset/racing-swap-is-not-undone", swap),
            ("scan/deleted-is-not-seen", scan),
            ("scan/expired-is-not-seen", scan),
            ("scan/of-nothing-ends", scan),
            ("scan/pages-keep-the-limit", scan),
            ("scan/present-throughout-is-seen", scan),
            ("scan/sees-every-key", scan),
            ("scan/shows-the-remaining-ttl", scan),
            ("swap/no-update-is-lost", swap),
            ("swap/one-creator-wins", swap),
            ("swap/one-replacer-wins", swap),
            ("swap/racing-delete-is-not-undone", swap),
            ("swap/racing-set-is-not-undone", swap),
            ("touch/never-expiring-stays-so", touch),
            ("touch/never-shortens", touch),
            ("touch/racing-delete-is-not-undone", touch),
            ("touch/racing-set-is-not-undone", touch),
            ("touch/within-the-slack-changes-nothing", touch),
            ("value/limit", "it has no limit of the value's size"),
        ]
    );
}
