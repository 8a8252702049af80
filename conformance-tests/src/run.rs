use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};

use crate::{
    Case, Factory, Report, cases,
    report::Outcome,
    subject::{Opened, Subject},
};

/// How [`run`] runs the cases.
///
/// ```
/// use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};
/// use cloakroom_conformance::Options;
///
/// let options = Options::new("etcd")
///     .with_concurrency(NonZeroUsize::new(4).expect("not zero"))
///     .with_case_limit(Duration::from_secs(20))
///     .with_filter(|id| id.starts_with("touch/"));
/// # let _ = options;
/// ```
#[derive(Clone)]
pub struct Options {
    suite: String,
    concurrency: NonZeroUsize,
    case_limit: Duration,
    filter: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Options {
    /// The whole suite under that name, 8 cases at a time, each of at most a minute.
    #[must_use]
    pub fn new(suite: impl Into<String>) -> Self {
        Self {
            suite: suite.into(),
            concurrency: NonZeroUsize::new(8).expect("not zero"),
            case_limit: Duration::from_secs(60),
            filter: Arc::new(|_| true),
        }
    }

    /// How many cases run at once.
    #[must_use]
    pub const fn with_concurrency(mut self, cases: NonZeroUsize) -> Self {
        self.concurrency = cases;
        self
    }

    /// How long a case may take before it counts as failed.
    #[must_use]
    pub const fn with_case_limit(mut self, limit: Duration) -> Self {
        self.case_limit = limit;
        self
    }

    /// Runs only the cases whose id the filter accepts.
    #[must_use]
    pub fn with_filter(mut self, filter: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Arc::new(filter);
        self
    }

    pub(crate) fn suite(&self) -> &str {
        &self.suite
    }

    pub(crate) const fn case_limit(&self) -> Duration {
        self.case_limit
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("suite", &self.suite)
            .field("concurrency", &self.concurrency)
            .field("case_limit", &self.case_limit)
            .finish_non_exhaustive()
    }
}

/// Runs the suite, each case in a namespace of its own, and reports how every case ended.
///
/// A case that panics or takes too long has failed, and the others go on. Needs a tokio runtime with its timer
/// on.
///
/// ```
/// use cloakroom_conformance::{Factory, Options, run};
/// use cloakroom_storage::{Namespace, StorageError};
/// use cloakroom_storage_memory::MemoryStorage;
///
/// # #[tokio::main]
/// # async fn main() {
/// let engine = MemoryStorage::new();
/// let factory = Factory::new(move |namespace: Namespace| {
///     let storage = engine.namespace(&namespace);
///     async move { Ok::<_, StorageError>(storage) }
/// });
/// let report = run(&factory, &Options::new("memory")).await;
/// assert!(report.is_success(), "{report}");
/// # }
/// ```
pub async fn run(factory: &Factory, options: &Options) -> Report {
    let chosen = cases().iter().filter(|case| (options.filter)(case.id()));
    let mut outcomes = stream::iter(chosen)
        .map(|case| async move { (case.id(), run_case(case, factory, options.case_limit).await) })
        .buffer_unordered(options.concurrency.get());
    let mut report = Report::new(options.suite());
    while let Some((id, outcome)) = outcomes.next().await {
        report.record(id, outcome);
    }
    report.sort();
    report
}

/// Runs one case to its end, whatever that is.
pub(crate) async fn run_case(case: &'static Case, factory: &Factory, limit: Duration) -> Outcome {
    let opened = Opened::default();
    // A task of its own: a panic ends the case and not the run.
    let running = tokio::spawn(put_to_the_test(case, factory.clone(), opened.clone()));
    let stop = running.abort_handle();
    let outcome = match tokio::time::timeout(limit, running).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::Failed(panic_message(error)),
        Err(_) => {
            stop.abort();
            Outcome::Failed(format!("not done after {limit:?}"))
        }
    };
    opened.tidy_up().await;
    match outcome {
        Outcome::Failed(message) => Outcome::Failed(format!("{message}\nthe rule: {}", case.rule())),
        other => other,
    }
}

async fn put_to_the_test(case: &'static Case, factory: Factory, opened: Opened) -> Outcome {
    let subject = match Subject::open(&factory, &opened).await {
        Ok(subject) => subject,
        Err(reason) => return Outcome::Failed(reason),
    };
    if let Some(reason) = case.reason_to_ignore(&subject.capabilities()) {
        return Outcome::Ignored(reason);
    }
    match (case.run)(subject).await {
        Ok(()) => Outcome::Passed,
        Err(failure) => Outcome::Failed(failure.to_string()),
    }
}

fn panic_message(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "cancelled".to_owned() };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.unwrap_or_default())
}
