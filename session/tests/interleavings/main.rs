//! Requests on one session at the same time, in every interleaving of their steps that chance comes up with: what each
//! of them sees and is answered, and what is stored in the end, is what they would see, be answered and leave if each
//! load and each save happened at one moment, some time between its beginning and its end. So no write is lost that was
//! not overwritten by another of the same key, and nothing comes back that was destroyed.
//!
//! `PROPTEST_CASES=10000` tries more. A failure prints its requests and the order of their steps, made as small as it
//! goes.

mod model;
mod run;
mod scenario;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::scenario::Scenario;

#[test]
fn whatever_the_interleaving_loads_and_saves_happen_one_at_a_time() {
    let config = Config { failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&scenario::any(), |scenario: Scenario| {
        let trace = run::run(&scenario);
        prop_assert!(model::explains(&trace), "no order of its steps explains {trace:#?}");
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
