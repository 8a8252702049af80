use std::{fmt, future::Future, pin::Pin, process::ExitCode, sync::Arc, time::Duration};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::time::timeout;

use crate::{
    Server, Service, Unavailable,
    suite::{runtime, services_are_required},
};

type Running = Pin<Box<dyn Future<Output = Result<Outcome, Unavailable>> + Send>>;

/// How long a test may take, its server's start included: one that hangs is a failure.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// How a [`ServiceTest`] ends that does not panic. A test that returns nothing has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It does not apply to what this engine can do: why.
    Ignored(String),
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Passed
    }
}

/// A test of its own name against a running service. [`service_tests!`](crate::service_tests) makes them.
#[derive(Clone)]
pub struct ServiceTest {
    service: Service,
    name: &'static str,
    run: Arc<dyn Fn() -> Running + Send + Sync>,
}

impl ServiceTest {
    /// The test of that name, which is given the URL of the service and panics where the rule is broken.
    pub fn new<F, O>(service: Service, name: &'static str, test: F) -> Self
    where
        F: Fn(String) -> O + Send + Sync + 'static,
        O: Future<Output: Into<Outcome>> + Send + 'static,
    {
        let test = Arc::new(test);
        let run = move || -> Running {
            let test = Arc::clone(&test);
            Box::pin(async move { Ok(test(service.url().await?).await.into()) })
        };
        Self { service, name, run: Arc::new(run) }
    }

    /// The test of that name, which is given a server of its own, to stop as it likes.
    pub fn with_server<F, O>(service: Service, name: &'static str, test: F) -> Self
    where
        F: Fn(Server) -> O + Send + Sync + 'static,
        O: Future<Output: Into<Outcome>> + Send + 'static,
    {
        let test = Arc::new(test);
        let run = move || -> Running {
            let test = Arc::clone(&test);
            Box::pin(async move { Ok(test(service.start().await?).await.into()) })
        };
        Self { service, name, run: Arc::new(run) }
    }

    fn trial(self) -> Trial {
        Trial::ignorable_test(format!("{}/{}", self.service, self.name), move || self.run())
    }

    fn run(&self) -> Result<Completion, Failed> {
        let Ok(outcome) = runtime().block_on(async { timeout(LIMIT, (self.run)()).await }) else {
            return Err(format!("it has not ended after {LIMIT:?}").into());
        };
        match outcome {
            Ok(Outcome::Passed) => Ok(Completion::Completed),
            Ok(Outcome::Ignored(reason)) => Ok(Completion::ignored_with(reason)),
            Err(reason) if services_are_required() => Err(reason.into()),
            Err(reason) => Ok(Completion::ignored_with(reason.to_string())),
        }
    }
}

impl fmt::Debug for ServiceTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceTest({}/{})", self.service, self.name)
    }
}

/// The `main` that [`service_tests!`](crate::service_tests) writes.
#[must_use]
pub fn service_tests_main(tests: impl IntoIterator<Item = ServiceTest>) -> ExitCode {
    let trials = tests.into_iter().map(ServiceTest::trial).collect();
    let mut arguments = Arguments::from_args();
    // They wait for servers more than they work.
    arguments.test_threads.get_or_insert(16);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The whole of a test target (`harness = false` in `Cargo.toml`) whose tests need running services, as a `main`
/// function. Each test is an `async fn(url: String)`.
///
/// ```
/// use cloakroom_conformance::Service;
///
/// async fn a_value_outlives_a_connection(url: String) {
/// #   drop(url);
/// }
///
/// cloakroom_conformance::service_tests! {
///     Service::Redis => [a_value_outlives_a_connection],
///     Service::Valkey => [a_value_outlives_a_connection],
/// }
/// ```
///
/// Where a service is not there, its tests are ignored with the reason, or failed if the environment has
/// `CLOAKROOM_REQUIRE_SERVICES=1`.
#[macro_export]
macro_rules! service_tests {
    ($($service:expr => [$($test:ident),+ $(,)?]),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::service_tests_main([$($($crate::ServiceTest::new($service, stringify!($test), $test)),+),+])
        }
    };
}
