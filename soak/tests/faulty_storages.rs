//! A soak finds what is wrong with a storage: each fault breaks the promise that it should, and errors of a storage
//! that is only away now and then break none.

use std::{
    env,
    net::UdpSocket,
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cloakroom::{
    Backends, ErrorKind, Namespace, Storage, StorageConfig, StorageError,
    storage::{Bytes, Capabilities, Cursor, Operation, Page, Result, Swap, Touch, Touched, async_trait},
};
use cloakroom_soak::{Failure, Invariant, Options, Report, WORK, soak, work};
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let runtime = Runtime::new().unwrap();
    if is_worker() {
        return runtime.block_on(work(&backends())).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let trials = Fault::ALL.into_iter().map(|fault| {
        Trial::test(format!("{fault:?} breaks {:?}", fault.breaks()), move || {
            Runtime::new()?.block_on(fault.check());
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn is_worker() -> bool {
    env::args().nth(1).is_some_and(|argument| argument == WORK)
}

/// What is wrong with a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing.
    None,
    /// It is away now and then, before or after it has done what it was asked for.
    Away,
    /// It swaps whatever is there.
    SwapsBlindly,
    /// It acknowledges a write now and then that it has not made.
    Forgets,
    /// It swaps also where nothing is left to swap.
    Revives,
    /// It acknowledges deletions that it has not made.
    DeletesNot,
    /// It gives the answer of another request now and then.
    MixesUp,
    /// It empties other namespaces too.
    Trespasses,
    LeaksMemory,
    LeaksSockets,
    LeaksTasks,
    /// It fails now and then as no storage should.
    Fails,
    /// Its process ends.
    Dies,
}

impl Fault {
    const ALL: [Self; 13] = [
        Self::None,
        Self::Away,
        Self::SwapsBlindly,
        Self::Forgets,
        Self::Revives,
        Self::DeletesNot,
        Self::MixesUp,
        Self::Trespasses,
        Self::LeaksMemory,
        Self::LeaksSockets,
        Self::LeaksTasks,
        Self::Fails,
        Self::Dies,
    ];

    /// The promises that it breaks.
    fn breaks(self) -> &'static [Invariant] {
        match self {
            Self::None | Self::Away | Self::Dies => &[],
            Self::SwapsBlindly | Self::Forgets => &[Invariant::NoLostUpdate],
            Self::Revives => &[Invariant::NoResurrection, Invariant::NobodyAfterRevocation],
            Self::DeletesNot => &[Invariant::NoResurrection, Invariant::NobodyAfterRevocation],
            Self::MixesUp | Self::Trespasses => &[Invariant::NoForeignKey],
            Self::LeaksMemory | Self::LeaksSockets | Self::LeaksTasks => &[Invariant::NoLeak],
            Self::Fails => &[Invariant::NoUnexpectedError],
        }
    }

    fn scheme(self) -> String {
        format!("{self:?}").to_ascii_lowercase()
    }

    async fn check(self) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("{}:{}", self.scheme(), folder.path().join("soak.db").display());
        let mut options = Options::new(&url);
        (options.tasks, options.writes, options.races, options.revocations) = (4, 256, 40, 20);
        let outcome = soak(&options, &backends()).await;
        if self == Self::Dies {
            assert!(matches!(outcome, Err(Failure::WorkerEnded)), "{outcome:?}");
            return;
        }
        let report = outcome.unwrap();
        for promise in self.breaks() {
            assert!(report.count(*promise) > 0, "{promise:?} is said to be kept:\n{report}");
        }
        if self.breaks().is_empty() {
            assert!(report.is_clean(), "{report}");
        }
        if self == Self::Away {
            assert!(report.tally.errors.len() > 1, "{report}");
        }
        if self.breaks() == [Invariant::NoLeak] {
            self.has_leaked(&report);
        }
    }

    /// That, and nothing else.
    fn has_leaked(self, report: &Report) {
        let what = match self {
            Self::LeaksMemory => "memory",
            Self::LeaksSockets => "sockets",
            _ => "tasks",
        };
        assert!(report.violations.iter().all(|violation| violation.what.contains(what)), "{report}");
    }
}

/// SQLite with each of the faults, under schemes of their names.
fn backends() -> Backends {
    Fault::ALL.into_iter().fold(Backends::new(), |backends, fault| {
        let open = move |config: StorageConfig| Faulty::open(config, fault);
        backends.register(&fault.scheme(), open).unwrap()
    })
}

struct Faulty {
    inner: Arc<dyn Storage>,
    neighbour: Arc<dyn Storage>,
    fault: Fault,
    calls: AtomicUsize,
    answered: Mutex<Option<Touched>>,
}

impl Faulty {
    async fn open(mut config: StorageConfig, fault: Fault) -> Result<Arc<dyn Storage>> {
        config.url = config.url.replacen(&fault.scheme(), "sqlite", 1);
        // The conductor, which is no worker, sees what there really is; but it is who resets.
        let fault = if is_worker() || fault == Fault::Trespasses { fault } else { Fault::None };
        let neighbour = Namespace::new(&format!("{}-neighbour", config.namespace.as_str()))?;
        let open = async |config| {
            let opened = Backends::new().open(&config).await;
            opened.map_err(|_| StorageError::new(ErrorKind::Other, "faulty", Operation::Open))
        };
        Ok(Arc::new(Self {
            inner: open(config.clone()).await?,
            neighbour: open(config.with_namespace(neighbour)).await?,
            fault,
            calls: AtomicUsize::new(0),
            answered: Mutex::default(),
        }))
    }

    /// Whether this call is one of those that go wrong, if that is the fault.
    fn does(&self, fault: Fault) -> bool {
        self.fault == fault && self.calls.fetch_add(1, Ordering::Relaxed) % 20 == 19
    }

    /// What goes wrong before anything is done.
    fn begin(&self, operation: Operation) -> Result<()> {
        let fails = |kind| Err(StorageError::new(kind, "faulty", operation));
        match self.fault {
            Fault::Away if self.does(Fault::Away) => return fails(ErrorKind::Unavailable),
            Fault::Fails if self.does(Fault::Fails) => return fails(ErrorKind::Corrupt),
            Fault::Dies => std::process::exit(0),
            Fault::LeaksMemory => std::mem::forget(vec![1_u8; 64 * 1024]),
            Fault::LeaksSockets if self.does(Fault::LeaksSockets) => {
                std::mem::forget(UdpSocket::bind("127.0.0.1:0"));
            }
            Fault::LeaksTasks => drop(tokio::spawn(std::future::pending::<()>())),
            _ => {}
        }
        Ok(())
    }

    /// What goes wrong after it is done.
    fn end(&self, operation: Operation) -> Result<()> {
        if self.does(Fault::Away) {
            return Err(StorageError::new(ErrorKind::Timeout, "faulty", operation));
        }
        Ok(())
    }
}

#[async_trait]
impl Storage for Faulty {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.begin(Operation::Get)?;
        self.inner.get(key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.inner.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.begin(Operation::Delete)?;
        if self.fault == Fault::DeletesNot {
            return Ok(());
        }
        self.inner.delete(key).await?;
        self.end(Operation::Delete)
    }

    async fn reset(&self) -> Result<()> {
        if self.fault == Fault::Trespasses {
            self.neighbour.reset().await?;
        }
        self.inner.reset().await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        self.begin(Operation::GetAndTouch)?;
        let touched = self.inner.get_and_touch(key, touch).await?;
        if self.fault == Fault::MixesUp && touched.is_some() {
            let other = std::mem::replace(&mut *self.answered.lock().unwrap(), touched.clone());
            if self.does(Fault::MixesUp) {
                return Ok(other);
            }
        }
        self.end(Operation::GetAndTouch)?;
        Ok(touched)
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        self.begin(Operation::CompareAndSwap)?;
        if self.does(Fault::Forgets) || self.fault == Fault::DeletesNot && new.is_none() {
            return Ok(Swap::Swapped);
        }
        let swap = self.inner.compare_and_swap(key, expected, new.clone(), ttl).await?;
        let is_forced = match &swap {
            Swap::Conflict { current: Some(_) } => self.fault == Fault::SwapsBlindly,
            Swap::Conflict { current: None } => self.fault == Fault::Revives,
            Swap::Swapped => false,
        };
        if let Some(new) = new.filter(|_| is_forced) {
            self.inner.set(key, new, ttl).await?;
            return Ok(Swap::Swapped);
        }
        self.end(Operation::CompareAndSwap)?;
        Ok(swap)
    }

    async fn scan(&self, after: Option<Cursor>, limit: std::num::NonZeroUsize) -> Result<Page> {
        self.inner.scan(after, limit).await
    }
}
