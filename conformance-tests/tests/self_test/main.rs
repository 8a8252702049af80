//! The suite finds what it is made to find: faults planted into a storage that keeps the contract, at least one
//! for every case.
//!
//! All on one thread and a paused clock, so that every race and every wait goes the same way each time.

use std::collections::BTreeSet;

use cloakroom_conformance::{Factory, Options, Report, cases, run};
use cloakroom_storage::{Namespace, Result};

mod fault;
mod reference;

use fault::{FAULTS, Fault};
use reference::Engine;

async fn report(fault: Option<Fault>, only: &'static [&'static str]) -> Report {
    let engine = Engine::with(fault);
    let factory = Factory::new(move |namespace: Namespace| {
        let storage: Result<_> = Ok(engine.open(&namespace));
        async move { storage }
    });
    let options = Options::new(format!("{fault:?}"));
    run(&factory, &options.with_filter(|id| only.is_empty() || only.contains(&id))).await
}

#[tokio::test(start_paused = true)]
async fn the_reference_keeps_the_whole_contract() {
    let report = report(None, &[]).await;
    assert!(report.is_success(), "{report}");
    assert_eq!(report.passed.len() + 3, cases().len(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_found_by_each_case_that_is_meant_to() {
    let mut missed = Vec::new();
    for (fault, designated) in FAULTS {
        let report = report(Some(*fault), designated).await;
        let failed: BTreeSet<_> = report.failed.iter().map(|failed| failed.case.as_str()).collect();
        missed.extend(designated.iter().filter(|id| !failed.contains(*id)).map(|id| (*fault, *id)));
    }
    assert!(missed.is_empty(), "not found: {missed:#?}");
}

#[test]
fn every_case_finds_a_fault() {
    let designated: BTreeSet<_> = FAULTS.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    let known: BTreeSet<_> = cases().iter().map(cloakroom_conformance::Case::id).collect();
    assert_eq!(
        known.difference(&designated).collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "cases without a fault"
    );
    assert_eq!(
        designated.difference(&known).collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "cases that are not there"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_of_no_case_is_no_success() {
    let report = report(None, &["there is/no such case"]).await;
    assert_eq!(report.total(), 0);
    assert!(!report.is_success());
}
