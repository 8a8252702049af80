use std::{
    env, fmt,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::Runtime;

use crate::{Case, Factory, Options, Report, cases, report::Outcome, run::run_case};

/// The suite over one storage, as a part of a test target.
///
/// ```
/// use cloakroom_conformance::{Factory, Suite};
/// use cloakroom_storage::{Namespace, StorageError};
/// use cloakroom_storage_memory::MemoryStorage;
///
/// let engine = MemoryStorage::new();
/// let suite = Suite::new("memory", Factory::new(move |namespace: Namespace| {
///     let storage = engine.namespace(&namespace);
///     async move { Ok::<_, StorageError>(storage) }
/// }));
/// # let _ = suite;
/// ```
#[derive(Clone)]
pub struct Suite {
    options: Options,
    prefix: Option<String>,
    factory: Factory,
    availability: Arc<OnceLock<Result<(), String>>>,
    check: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
    report: Arc<Mutex<Report>>,
}

impl Suite {
    /// The suite of that name over the factory's storage; its tests are named `name/case`.
    pub fn new(name: &str, factory: Factory) -> Self {
        Self::unprefixed(name, factory).with_prefix(name)
    }

    /// [`Suite::new`] whose tests are named by the case alone, for a target that has just one suite.
    pub fn unprefixed(name: &str, factory: Factory) -> Self {
        Self {
            options: Options::new(name),
            prefix: None,
            factory,
            availability: Arc::default(),
            check: Arc::new(|| Ok(())),
            report: Arc::new(Mutex::new(Report::new(name))),
        }
    }

    fn with_prefix(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.to_owned());
        self
    }

    /// Runs the cases as these options say. Their name, their filter and their concurrency are not used: the
    /// arguments of the test target are.
    #[must_use]
    pub fn with_options(mut self, options: &Options) -> Self {
        let name = self.options.suite().to_owned();
        self.options = Options::new(name).with_case_limit(options.case_limit());
        self
    }

    /// Asks `check`, once and only when a case is about to run, whether the service that the storage needs is
    /// there; it may start it. Where it is not, the cases are ignored with the reason, or failed if the
    /// environment has `CLOAKROOM_REQUIRE_SERVICES=1`.
    #[must_use]
    pub fn available_if(mut self, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.check = Arc::new(check);
        self
    }

    /// The suite over a storage on a running service, which the factory is given the URL of. Its name says what
    /// the service runs from: `name on image`.
    #[cfg(feature = "services")]
    pub fn on<F, O, S, E>(name: &str, service: crate::Service, open: F) -> Self
    where
        F: Fn(String, cloakroom_storage::Namespace) -> O + Send + Sync + 'static,
        O: Future<Output = Result<S, E>> + Send + 'static,
        S: cloakroom_storage::Storage,
        E: fmt::Display,
    {
        let open = Arc::new(open);
        let factory = Factory::new(move |namespace| {
            let open = Arc::clone(&open);
            async move {
                let url = service.url().await.map_err(|reason| reason.to_string())?;
                open(url, namespace).await.map_err(|error| error.to_string())
            }
        });
        Self::new(&format!("{name} on {}", service.origin()), factory).available_if(move || {
            runtime().block_on(service.url()).map(drop).map_err(|reason| reason.to_string())
        })
    }

    /// [`available_if`](Self::available_if) for a service that is known not to be there.
    #[must_use]
    pub fn unavailable(self, reason: &str) -> Self {
        let reason = reason.to_owned();
        self.available_if(move || Err(reason.clone()))
    }

    fn trial(&self, case: &'static Case) -> Trial {
        let name = match &self.prefix {
            Some(prefix) => format!("{prefix}/{}", case.id()),
            None => case.id().to_owned(),
        };
        let suite = self.clone();
        Trial::ignorable_test(name, move || suite.run(case))
    }

    fn run(&self, case: &'static Case) -> Result<Completion, Failed> {
        let outcome = self.outcome(case);
        self.report.lock().unwrap_or_else(PoisonError::into_inner).record(case.id(), outcome.clone());
        match outcome {
            Outcome::Passed => Ok(Completion::Completed),
            Outcome::Ignored(reason) => Ok(Completion::ignored_with(reason)),
            Outcome::Failed(message) => Err(message.into()),
        }
    }

    fn outcome(&self, case: &'static Case) -> Outcome {
        match self.availability.get_or_init(|| (self.check)()) {
            Ok(()) => runtime().block_on(run_case(case, &self.factory, self.options.case_limit())),
            Err(reason) if services_are_required() => Outcome::Failed(reason.clone()),
            Err(reason) => Outcome::Ignored(reason.clone()),
        }
    }

    /// Writes the report of a run in which every case took part: one of a few cases would pass for the whole.
    fn write_report(&self, folder: &std::path::Path) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        if report.total() == 0 {
            return;
        }
        if report.total() < cases().len() {
            eprintln!("{}: not every case was run, so no report is written", report.suite);
            return;
        }
        report.sort();
        if let Err(error) = report.write_to(folder) {
            eprintln!("{}: the report cannot be written to {}: {error}", report.suite, folder.display());
        }
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The `main` of a test target with `harness = false`: every case of every suite as a test of its own name, with
/// the arguments of `cargo test`. [`conformance_tests!`](crate::conformance_tests) writes it.
///
/// If the environment names a folder in `CLOAKROOM_REPORT_DIR`, a [`Report`] of each suite that ran whole is
/// written there, as `<suite>.json`. No suite at all is a failure.
#[must_use]
pub fn test_main(suites: impl IntoIterator<Item = Suite>) -> ExitCode {
    let suites: Vec<Suite> = suites.into_iter().collect();
    if suites.is_empty() {
        eprintln!("there is no conformance suite to run");
        return ExitCode::FAILURE;
    }
    let trials = suites.iter().flat_map(|suite| cases().iter().map(|case| suite.trial(case))).collect();
    let mut arguments = Arguments::from_args();
    // Cases wait for TTLs more than they work, so more of them than there are cores.
    arguments.test_threads.get_or_insert(16);
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(folder) = env::var_os("CLOAKROOM_REPORT_DIR").map(PathBuf::from) {
        for suite in &suites {
            suite.write_report(&folder);
        }
    }
    conclusion.exit_code()
}

pub(crate) fn services_are_required() -> bool {
    env::var_os("CLOAKROOM_REQUIRE_SERVICES").is_some_and(|value| value == "1")
}

/// One for all cases, so that a factory may keep a client for all of them; not made for `--list`.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(4).enable_all().build().expect("a tokio runtime can be started")
    })
}

/// The whole of a conformance test target (`harness = false` in `Cargo.toml`), as a `main` function.
///
/// One storage, its tests named by the cases:
///
/// ```
/// # use cloakroom_storage::{Namespace, StorageError};
/// # use cloakroom_storage_memory::MemoryStorage;
/// # struct MyStorage;
/// # impl MyStorage {
/// #     async fn connect(_: &str, namespace: Namespace) -> Result<MemoryStorage, StorageError> {
/// #         static ENGINE: std::sync::LazyLock<MemoryStorage> = std::sync::LazyLock::new(MemoryStorage::new);
/// #         Ok(ENGINE.namespace(&namespace))
/// #     }
/// # }
/// # const URL: &str = "";
/// cloakroom_conformance::conformance_tests!(|namespace: Namespace| async move {
///     MyStorage::connect(URL, namespace).await
/// });
/// ```
///
/// Several, their tests named `memory/…` and `my own/…`: `conformance_tests!("memory" => |namespace| …, "my own"
/// => |namespace| …)`. For anything else, call [`test_main`](crate::test_main).
#[macro_export]
macro_rules! conformance_tests {
    ($($name:literal => $factory:expr),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::test_main([$($crate::Suite::new($name, $crate::Factory::new($factory))),+])
        }
    };
    ($factory:expr $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            let factory = $crate::Factory::new($factory);
            $crate::test_main([$crate::Suite::unprefixed(env!("CARGO_PKG_NAME"), factory)])
        }
    };
}
