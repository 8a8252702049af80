//! The commands, each for one key.

use std::time::Duration;

use cloakroom_storage::ttl;
use redis::Cmd;

use crate::config::Wait;

/// What a `SET` asks of the value that is there.
#[derive(Clone, Copy)]
pub(crate) enum Condition<'a> {
    None,
    /// There is none.
    Missing,
    /// It is this one: Valkey 8.1 and Redis 8.4.
    Equals(&'a [u8]),
}

pub(crate) fn get(name: &str) -> Cmd {
    with_name("GET", name)
}

pub(crate) fn unlink(name: &[u8]) -> Cmd {
    let mut command = redis::cmd("UNLINK");
    command.arg(name);
    command
}

/// `PX 0` is an error, so a TTL of zero is the caller's business.
pub(crate) fn set(name: &str, value: &[u8], ttl: Option<Duration>, condition: Condition<'_>) -> Cmd {
    let mut command = with_name("SET", name);
    command.arg(value);
    // With GET the answer is the value that was there, whether it was replaced or not.
    match condition {
        Condition::None => {}
        Condition::Missing => drop(command.arg("NX").arg("GET")),
        Condition::Equals(expected) => drop(command.arg("IFEQ").arg(expected).arg("GET")),
    }
    if let Some(ttl) = ttl {
        command.arg("PX").arg(ttl::to_millis(ttl));
    }
    command
}

/// The same with a TTL that no server accepts: one that knows the condition complains of the TTL, another of the
/// syntax, and neither writes. Redis reads the words before the numbers.
pub(crate) fn set_to_probe(name: &str, condition: Condition<'_>) -> Cmd {
    let mut command = set(name, b"", None, condition);
    command.arg("PX").arg(0);
    command
}

pub(crate) fn wait(wait: Wait) -> Cmd {
    let mut command = redis::cmd("WAIT");
    // A timeout of zero would mean for ever.
    command.arg(wait.replicas).arg(ttl::to_millis(wait.timeout).max(1));
    command
}

fn with_name(verb: &str, name: &str) -> Cmd {
    let mut command = redis::cmd(verb);
    command.arg(name);
    command
}
