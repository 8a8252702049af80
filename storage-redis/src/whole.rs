//! The operations on all keys of a namespace: reset and scan.

use cloakroom_storage::{Cursor, Entry, Namespace, Operation, Page, Touched, check_key};
use redis::{Cmd, Pipeline, Value};

use crate::{
    call::{check_replicas, has_removed, read_touched},
    command,
    config::Wait,
    connection::Link,
    fault::{BACKEND, Fault, answer},
    script,
    walk::{Found, Pattern, Walk},
};

/// How many keys go into one pipeline.
const BATCH: usize = 500;

/// How many steps of a walk a page takes at most, so that one that finds nothing comes to an end.
const STEPS: usize = 16;

/// All that a namespace has.
pub(crate) struct Whole<'a> {
    pub(crate) link: &'a Link,
    pub(crate) namespace: &'a Namespace,
    pub(crate) wait: Option<Wait>,
}

impl Whole<'_> {
    /// Removes everything that begins with the prefix.
    pub(crate) async fn remove(&self) -> Result<(), Fault> {
        let pattern = Pattern::all(self.namespace.prefix());
        let mut next = Some(Walk::from_the_start());
        while let Some(walk) = next {
            let (found, after) = walk.step(self.link, &pattern).await?;
            for names in found.names.chunks(BATCH) {
                self.remove_these(found.slot, names).await?;
            }
            next = after;
        }
        Ok(())
    }

    /// Names that a master has; where some have moved to another, one by one.
    async fn remove_these(&self, slot: u16, names: &[Vec<u8>]) -> Result<(), Fault> {
        let commands = names.iter().map(|name| command::unlink(name));
        match self.link.batch(slot, self.waiting(commands)).await {
            Err(fault) if fault.is_redirect() => {}
            answers => return self.check_removed(answers?),
        }
        for name in names {
            let pipeline = self.waiting(std::iter::once(command::unlink(name)));
            self.check_removed(self.link.pipeline(name, pipeline).await?)?;
        }
        Ok(())
    }

    /// The commands, and in the end a wait for replicas, if so configured: of the same node as the commands.
    fn waiting(&self, commands: impl Iterator<Item = Cmd>) -> Pipeline {
        let mut pipeline = piped(commands);
        if let Some(wait) = self.wait {
            pipeline.add_command(command::wait(wait));
        }
        pipeline
    }

    fn check_removed(&self, mut answers: Vec<Value>) -> Result<(), Fault> {
        let acknowledged = self.wait.and_then(|wait| Some((wait, answers.pop()?)));
        let mut removed = false;
        for answered in answers {
            removed |= has_removed(&answer(answered)?);
        }
        match acknowledged {
            Some((wait, acknowledged)) if removed => check_replicas(wait, acknowledged),
            _ => Ok(()),
        }
    }

    /// The next page of a scan.
    pub(crate) async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<Page, Fault> {
        let mut place = match &after {
            Some(cursor) => ScanPlace::from_cursor(cursor).ok_or(Fault::ForeignCursor)?,
            None => ScanPlace { walk: Some(Walk::from_the_start()), slot: 0, left: Vec::new() },
        };
        let pattern = Pattern::strings(self.namespace.prefix());
        for _ in 0..STEPS {
            let Some(walk) = place.walk.take_if(|_| place.left.is_empty()) else { break };
            let (Found { slot, names }, next) = walk.step(self.link, &pattern).await?;
            // Keys of ours are text; others are somebody else's.
            place.left = names.into_iter().filter_map(|name| self.own(name)).collect();
            place.slot = slot;
            place.walk = next;
        }
        let rest = place.left.split_off(place.left.len().min(limit));
        let keys = std::mem::replace(&mut place.left, rest);
        let entries = self.entries(place.slot, keys).await?;
        Ok(Page { entries, next: place.into_cursor() })
    }

    /// The key of that name, unless it has none that a caller can have given it.
    fn own(&self, name: Vec<u8>) -> Option<String> {
        let name = String::from_utf8(name).ok()?;
        let key = name.strip_prefix(self.namespace.prefix())?;
        check_key(BACKEND, Operation::Scan, key).ok().map(|()| key.to_owned())
    }

    async fn entries(&self, slot: u16, keys: Vec<String>) -> Result<Vec<Entry>, Fault> {
        let prefix = self.namespace.prefix();
        let mut entries = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            let names: Vec<_> = keys.iter().map(|key| format!("{prefix}{key}").into_bytes()).collect();
            for (key, read) in keys.iter().zip(self.read_these(slot, &names).await?) {
                match read {
                    Ok(Value::Nil) => {}
                    Ok(value) => {
                        let Touched { value, remaining: ttl, .. } = read_touched(value)?;
                        entries.push(Entry { key: key.clone(), value, ttl });
                    }
                    // It has become another type since, and is none of ours.
                    Err(fault) if fault.code() == Some("WRONGTYPE") => {}
                    Err(fault) => return Err(fault),
                }
            }
        }
        Ok(entries)
    }

    /// Names that a master has; where some have moved to another, one by one.
    async fn read_these(&self, slot: u16, names: &[Vec<u8>]) -> Result<Vec<Result<Value, Fault>>, Fault> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        match self.link.batch(slot, piped(names.iter().map(|name| script::read(name)))).await {
            Err(fault) if fault.is_redirect() => {}
            answers => return Ok(answers?.into_iter().map(answer).collect()),
        }
        let mut answers = Vec::with_capacity(names.len());
        for name in names {
            answers.push(self.link.command(name, script::read(name)).await);
        }
        Ok(answers)
    }
}

fn piped(commands: impl Iterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.size_hint().0 + 1);
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

/// Where a scan is: what a step found and no page had room for yet, and the walk that goes on after it.
struct ScanPlace {
    walk: Option<Walk>,
    /// The server of the keys that are left.
    slot: u16,
    left: Vec<String>,
}

impl ScanPlace {
    /// The slot, the walk or nothing, and the keys, with NUL between them, which no key has.
    fn into_cursor(self) -> Option<Cursor> {
        if self.walk.is_none() && self.left.is_empty() {
            return None;
        }
        let mut text =
            format!("{}\0{}", self.slot, self.walk.map(|walk| walk.to_words()).unwrap_or_default());
        for key in self.left {
            text.push('\0');
            text.push_str(&key);
        }
        Some(Cursor::new(text))
    }

    fn from_cursor(cursor: &Cursor) -> Option<Self> {
        let mut parts = cursor.as_str().split('\0');
        let slot = parts.next()?.parse().ok()?;
        let walk = match parts.next()? {
            "" => None,
            words => Some(Walk::from_words(words)?),
        };
        Some(Self { walk, slot, left: parts.map(str::to_owned).collect() })
    }
}
