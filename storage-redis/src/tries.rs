//! What is tried again in a cluster, and where.

use std::time::Duration;

use redis::{ErrorKind as Driver, ServerErrorKind};
use tokio::time::sleep;

use crate::{fault::Fault, url::Host};

/// How often a request is sent, with ever longer pauses of a tenth of a second together.
const TRIES: u32 = 5;

/// The tries of one request.
pub(crate) struct Tries {
    done: u32,
    next: Next,
    redirects: Redirects,
}

/// Where a request goes.
pub(crate) enum Next {
    /// To the node that has the slot.
    Slot,
    /// To the node that a slot is moving to, for this once.
    Asking(Host),
}

/// What becomes of a request that the node sends elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Redirects {
    Followed,
    /// They come back: a batch has keys of many slots, and only some of them are elsewhere.
    Returned,
}

impl Tries {
    /// Of a request with one key.
    pub(crate) const fn of_one() -> Self {
        Self { done: 0, next: Next::Slot, redirects: Redirects::Followed }
    }

    /// Of a request with many keys.
    pub(crate) const fn of_many() -> Self {
        Self { done: 0, next: Next::Slot, redirects: Redirects::Returned }
    }

    pub(crate) const fn next(&self) -> &Next {
        &self.next
    }

    /// Decides on the next try; the fault comes back where there is none to make, because the request may have been
    /// executed or because nobody will.
    pub(crate) async fn after(&mut self, fault: Fault) -> Result<(), Fault> {
        self.done += 1;
        let returned = self.redirects == Redirects::Returned && fault.is_redirect();
        let next = if self.done < TRIES && !returned { next(&fault) } else { None };
        self.next = next.ok_or(fault)?;
        // Not before the first: the driver has been told where the slot is, or asks for it now.
        sleep(Duration::from_millis(10) * (self.done - 1) * self.done / 2).await;
        Ok(())
    }
}

fn next(fault: &Fault) -> Option<Next> {
    let error = match fault {
        Fault::Driver(error) => error,
        Fault::NotTheMaster => return Some(Next::Slot),
        _ => return None,
    };
    match error.kind() {
        Driver::Server(ServerErrorKind::Ask) => {
            let (address, _) = error.redirect_node()?;
            let (name, port) = address.rsplit_once(':')?;
            Some(Next::Asking(Host { name: name.to_owned(), port: port.parse().ok()? }))
        }
        Driver::ClusterConnectionNotFound
        | Driver::Server(
            ServerErrorKind::Moved
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly,
        ) => Some(Next::Slot),
        _ => None,
    }
}
