use std::time::Duration;

use cloakroom::{Namespace, StorageConfig};

use crate::Failure;

/// What a soak is like.
#[derive(Debug, Clone, clap::Args)]
#[non_exhaustive]
pub struct Options {
    /// Where the sessions are kept, such as `redis://localhost`; the processes share it, so not `memory:`.
    #[arg(long, value_name = "URL")]
    pub storage: String,
    /// An option of the backend, such as `wait_replicas=1`; may be repeated.
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub storage_options: Vec<(String, String)>,
    /// The limit of each operation of the storage.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// How many processes send requests.
    #[arg(long, default_value_t = 2)]
    pub processes: usize,
    /// How many requests of a process write to the same session at once.
    #[arg(long, default_value_t = 16)]
    pub tasks: usize,
    /// At least so many writes, each under a key of its own, race in shared sessions.
    #[arg(long, default_value_t = 10_000)]
    pub writes: usize,
    /// So many times, slow requests race a sign-out.
    #[arg(long, default_value_t = 1_000)]
    pub races: usize,
    /// So many times, requests, new ids and sign-ins race a revocation.
    #[arg(long, default_value_t = 200)]
    pub revocations: usize,
    /// Goes on for so many seconds, with writes, races and revocations mixed in the proportion of their numbers.
    #[arg(long)]
    pub seconds: Option<u64>,
}

impl Options {
    /// A soak of that storage, with everything else by default.
    #[must_use]
    pub fn new(storage: &str) -> Self {
        Self {
            storage: storage.to_owned(),
            storage_options: Vec::new(),
            timeout: Duration::from_secs(5),
            processes: 2,
            tasks: 16,
            writes: 10_000,
            races: 1_000,
            revocations: 200,
            seconds: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.processes == 0 {
            return Err(Failure::Option("--processes"));
        }
        if self.tasks == 0 {
            return Err(Failure::Option("--tasks"));
        }
        if self.writes + self.races + self.revocations == 0 {
            return Err(Failure::Option("--writes"));
        }
        if self.storage.starts_with("memory:") {
            return Err(Failure::NotShared);
        }
        Ok(())
    }

    pub(crate) fn config(&self, namespace: Namespace) -> StorageConfig {
        let config = StorageConfig::new(&self.storage).with_namespace(namespace).with_timeout(self.timeout);
        self.storage_options.iter().fold(config, |config, (name, value)| config.with_option(name, value))
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("write it as NAME=VALUE".to_owned()),
    }
}
