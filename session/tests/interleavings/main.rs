//! Requests on the same sessions at the same time, in every interleaving of their steps that chance comes up with.
//!
//! `PROPTEST_CASES=10000` tries more than the usual 256. A failure prints its requests and the order of their steps, made
//! as small as it goes.

mod model;
mod run;
mod scenario;
mod sign_ins;
mod stepwise;

use std::fmt::Debug;

use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseResult, TestRunner},
};

/// What each request sees and is answered, and what is stored in the end, is what it would be if each load and each save
/// happened at one moment, some time between its beginning and its end. So no write is lost that was not overwritten by
/// another of the same key, and nothing comes back that was destroyed.
#[test]
fn whatever_the_interleaving_loads_and_saves_happen_one_at_a_time() {
    check(scenario::any(), |scenario| {
        let trace = run::run(&scenario);
        prop_assert!(model::explains(&trace), "no order of its steps explains {trace:#?}");
        Ok(())
    });
}

fn check<T: Debug>(scenarios: impl Strategy<Value = T>, test: impl Fn(T) -> TestCaseResult) {
    // A failure says all that it takes to repeat it, so that nothing is to be kept in a file.
    let config = Config { failure_persistence: None, ..Config::default() };
    if let Err(failure) = TestRunner::new(config).run(&scenarios, test) {
        panic!("{failure}");
    }
}
