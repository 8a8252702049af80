use std::time::Duration;

use cloakroom_storage::Operation;
use tokio::sync::Semaphore;

/// The bounds of connections, and of what is asked over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// 0 counts as 1.
    pub(crate) max_connections: u32,
    /// For connecting, and for waiting until a connection comes free.
    pub(crate) connect_timeout: Duration,
    /// For a server behind a network, which may fall silent, and whose connections grow old: firewalls forget quiet
    /// ones, servers leak into long-lived ones. `None`: there is neither.
    pub(crate) patience: Option<Patience>,
}

impl Limits {
    pub(crate) fn most_connections(self) -> usize {
        let most = usize::try_from(self.max_connections.max(1)).unwrap_or(usize::MAX);
        most.min(Semaphore::MAX_PERMITS)
    }
}

/// How long an answer of a server may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// To what is about one key or one page.
    pub(crate) response: Duration,
    /// To what goes through many rows, or waits for others that do.
    pub(crate) maintenance: Duration,
}

impl Patience {
    /// For a statement of that operation.
    pub(crate) fn of(self, operation: Operation) -> Duration {
        match operation {
            Operation::Open | Operation::Reset | Operation::PurgeExpired => {
                self.maintenance.max(self.response)
            }
            _ => self.response,
        }
    }
}

#[cfg(any(feature = "mysql", feature = "postgres"))]
impl Default for Patience {
    fn default() -> Self {
        Self { response: Duration::from_secs(5), maintenance: Duration::from_secs(30) }
    }
}
