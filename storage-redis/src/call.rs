//! The operations on one key.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use cloakroom_storage::{Bytes, Operation, StorageError, Swap, Touch, Touched};
use redis::{Cmd, Value};

use crate::{
    command::{self, Condition},
    config::Wait,
    connection::Link,
    fault::{Fault, answer},
    script::{self, By},
    server::Abilities,
};

/// One operation on one key.
pub(crate) struct Call<'a> {
    pub(crate) link: &'a Link,
    pub(crate) wait: Option<Wait>,
    pub(crate) abilities: &'a Abilities,
    pub(crate) operation: Operation,
    /// The key as Redis has it.
    pub(crate) name: String,
}

impl Call<'_> {
    async fn read(&self, command: Cmd) -> Result<Value, Fault> {
        self.link.command(self.name.as_bytes(), command).await
    }

    /// Waits for replicas, if so configured, in the same round trip. They say nothing of what was not written:
    /// `has_written` knows it by the answer.
    async fn write(&self, command: Cmd, has_written: impl Fn(&Value) -> bool) -> Result<Value, Fault> {
        let Some(wait) = self.wait else { return self.read(command).await };
        let (written, acknowledged) = Box::pin(self.write_and_wait(command, wait)).await?;
        if has_written(&written) {
            check_replicas(wait, acknowledged)?;
        }
        Ok(written)
    }

    async fn write_and_wait(&self, command: Cmd, wait: Wait) -> Result<(Value, Value), Fault> {
        let mut pipeline = redis::pipe();
        pipeline.add_command(command).add_command(command::wait(wait));
        let mut answers = self.link.pipeline(self.name.as_bytes(), pipeline).await?;
        let acknowledged = answers.pop().ok_or(Fault::Unexpected)?;
        Ok((answer(answers.pop().ok_or(Fault::Unexpected)?)?, acknowledged))
    }

    /// By its digest, and by its text where the server does not have it yet.
    async fn script(&self, script: impl Fn(By) -> Cmd, effect: Effect) -> Result<Value, Fault> {
        let run = async |by| match effect {
            Effect::Swap => self.write(script(by), has_swapped).await,
            Effect::Touch => self.read(script(by)).await,
        };
        match run(By::Digest).await {
            Err(fault) if fault.code() == Some("NOSCRIPT") => run(By::Text).await,
            answered => answered,
        }
    }

    pub(crate) async fn get(&self) -> Result<Option<Bytes>, Fault> {
        value(self.read(command::get(&self.name)).await?)
    }

    pub(crate) async fn set(&self, value: &[u8], ttl: Option<Duration>) -> Result<(), Fault> {
        self.write(command::set(&self.name, value, ttl, Condition::None), |_| true).await.map(drop)
    }

    pub(crate) async fn delete(&self) -> Result<(), Fault> {
        self.write(command::unlink(self.name.as_bytes()), has_removed).await.map(drop)
    }

    pub(crate) async fn touch(&self, touch: Touch) -> Result<Option<Touched>, Fault> {
        match self.script(|by| script::touch(by, &self.name, touch), Effect::Touch).await? {
            Value::Nil => Ok(None),
            touched => read_touched(touched).map(Some),
        }
    }

    pub(crate) async fn swap(
        &self,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<Swap, Fault> {
        match (expected, new) {
            (None, None) => Ok(swapped_if_missing(self.get().await?)),
            (None, Some(new)) => self.create(new, ttl).await,
            (Some(expected), Some(new)) => self.replace(expected, new, ttl).await,
            (Some(expected), None) => {
                swapped(self.script(|by| script::remove(by, &self.name, expected), Effect::Swap).await?)
            }
        }
    }

    async fn create(&self, new: &[u8], ttl: Option<Duration>) -> Result<Swap, Fault> {
        let command = || command::set(&self.name, new, ttl, Condition::Missing);
        match self.native(&self.abilities.create, command, |old| *old == Value::Nil).await {
            Some(old) => Ok(swapped_if_missing(value(old?)?)),
            None => swapped(self.script(|by| script::create(by, &self.name, new, ttl), Effect::Swap).await?),
        }
    }

    async fn replace(&self, expected: &[u8], new: &[u8], ttl: Option<Duration>) -> Result<Swap, Fault> {
        let command = || command::set(&self.name, new, ttl, Condition::Equals(expected));
        let was_expected = |old: &Value| matches!(old, Value::BulkString(old) if old == expected);
        match self.native(&self.abilities.swap, command, was_expected).await {
            Some(old) => match old? {
                old if was_expected(&old) => Ok(Swap::Swapped),
                current => Ok(Swap::Conflict { current: value(current)? }),
            },
            None => swapped(
                self.script(|by| script::replace(by, &self.name, expected, new, ttl), Effect::Swap).await?,
            ),
        }
    }

    /// `None`: the server does not know the command, which is noted, as an older one may have taken over. That a newer
    /// one has is not noticed: the script does the same until the storage is opened again.
    async fn native(
        &self,
        ability: &AtomicBool,
        command: impl Fn() -> Cmd,
        has_written: impl Fn(&Value) -> bool,
    ) -> Option<Result<Value, Fault>> {
        if !ability.load(Ordering::Relaxed) {
            return None;
        }
        match self.write(command(), has_written).await {
            Err(fault) if fault.says("syntax error") => {
                ability.store(false, Ordering::Relaxed);
                None
            }
            answered => Some(answered),
        }
    }

    pub(crate) fn told<T>(&self, result: Result<T, Fault>) -> Result<T, StorageError> {
        result.map_err(|fault| fault.during(self.operation))
    }
}

/// What a script does.
#[derive(Clone, Copy)]
enum Effect {
    /// It writes, and then answers 1.
    Swap,
    /// It reads, and may make a TTL longer.
    Touch,
}

/// Of a swap's script.
fn has_swapped(answered: &Value) -> bool {
    *answered == Value::Int(1)
}

/// Of an `UNLINK`.
pub(crate) fn has_removed(answered: &Value) -> bool {
    !matches!(answered, Value::Int(0))
}

/// Whether as many replicas have it as were asked for, by the answer to a `WAIT`.
pub(crate) fn check_replicas(wait: Wait, acknowledged: Value) -> Result<(), Fault> {
    let Value::Int(acknowledged) = answer(acknowledged)? else { return Err(Fault::Unexpected) };
    if usize::try_from(acknowledged).is_ok_and(|count| count >= wait.replicas) {
        return Ok(());
    }
    Err(Fault::TooFewReplicas { wanted: wait.replicas, acknowledged })
}

fn value(value: Value) -> Result<Option<Bytes>, Fault> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes.into())),
        _ => Err(Fault::Unexpected),
    }
}

fn swapped_if_missing(current: Option<Bytes>) -> Swap {
    if current.is_none() { Swap::Swapped } else { Swap::Conflict { current } }
}

/// Of a script: 1, or the value that stood in the way.
fn swapped(answered: Value) -> Result<Swap, Fault> {
    match answered {
        answered if has_swapped(&answered) => Ok(Swap::Swapped),
        current => Ok(Swap::Conflict { current: value(current)? }),
    }
}

/// Of the script that reads and touches.
pub(crate) fn read_touched(touched: Value) -> Result<Touched, Fault> {
    let Value::Array(touched) = touched else { return Err(Fault::Unexpected) };
    let Ok([Value::BulkString(value), Value::Int(remaining), Value::Int(extended)]) =
        <[Value; 3]>::try_from(touched)
    else {
        return Err(Fault::Unexpected);
    };
    let remaining = u64::try_from(remaining).ok().map(Duration::from_millis);
    Ok(Touched { value: value.into(), extended: extended == 1, remaining })
}
