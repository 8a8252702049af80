//! What no single command does. Each script is atomic, works on one key, and is known to a server by its digest
//! after the first use there.

use std::{sync::LazyLock, time::Duration};

use cloakroom_storage::{Touch, ttl};
use redis::Cmd;

pub(crate) struct Script {
    source: &'static str,
    digest: String,
}

/// How a script is named: by its digest, which a server may have forgotten, or by its text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Digest,
    Text,
}

/// The value, what remains of its TTL in milliseconds (-1: it never expires), and 1 if it was extended.
///
/// `GETEX` extends too, but gives a TTL to a value that never expires, shortens longer ones, and always writes.
static TOUCH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local value = redis.call('GET', KEYS[1]) \
         if not value then return false end \
         local remaining = redis.call('PTTL', KEYS[1]) \
         if remaining >= 0 and remaining < tonumber(ARGV[2]) then \
           redis.call('PEXPIRE', KEYS[1], ARGV[1]) \
           return {value, tonumber(ARGV[1]), 1} \
         end \
         return {value, remaining, 0}",
    )
});

/// Replaces the value that equals the first argument, or removes it if there is no second. Answers 1, or the value
/// that stood in the way.
static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local current = redis.call('GET', KEYS[1]) \
         if current ~= ARGV[1] then return current end \
         if not ARGV[2] then redis.call('UNLINK', KEYS[1]) \
         elseif ARGV[3] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) \
         else redis.call('SET', KEYS[1], ARGV[2]) end \
         return 1",
    )
});

/// `SET … NX GET` for servers before Redis 7. Answers 1, or the value that stood in the way.
static CREATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local current = redis.call('GET', KEYS[1]) \
         if current then return current end \
         if ARGV[2] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) \
         else redis.call('SET', KEYS[1], ARGV[1]) end \
         return 1",
    )
});

impl Script {
    fn new(source: &'static str) -> Self {
        Self { source, digest: redis::Script::new(source).get_hash().to_owned() }
    }

    fn call(&self, by: By, name: &[u8]) -> Cmd {
        let mut command = match by {
            By::Digest => redis::cmd("EVALSHA"),
            By::Text => redis::cmd("EVAL"),
        };
        command.arg(if by == By::Digest { &self.digest } else { self.source }).arg(1).arg(name);
        command
    }
}

pub(crate) fn touch(by: By, name: &str, touch: Touch) -> Cmd {
    let mut command = TOUCH.call(by, name.as_bytes());
    command.arg(ttl::to_millis(touch.ttl)).arg(ttl::to_millis(touch.threshold()));
    command
}

/// The value and what remains of its TTL, in one piece; by text, as it is one of many in a pipeline.
pub(crate) fn read(name: &[u8]) -> Cmd {
    let mut command = TOUCH.call(By::Text, name);
    command.arg(0).arg(0);
    command
}

pub(crate) fn replace(by: By, name: &str, expected: &[u8], new: &[u8], ttl: Option<Duration>) -> Cmd {
    let mut command = SWAP.call(by, name.as_bytes());
    command.arg(expected).arg(new);
    with_ttl(command, ttl)
}

pub(crate) fn remove(by: By, name: &str, expected: &[u8]) -> Cmd {
    let mut command = SWAP.call(by, name.as_bytes());
    command.arg(expected);
    command
}

pub(crate) fn create(by: By, name: &str, new: &[u8], ttl: Option<Duration>) -> Cmd {
    let mut command = CREATE.call(by, name.as_bytes());
    command.arg(new);
    with_ttl(command, ttl)
}

fn with_ttl(mut command: Cmd, ttl: Option<Duration>) -> Cmd {
    if let Some(ttl) = ttl {
        command.arg(ttl::to_millis(ttl));
    }
    command
}
