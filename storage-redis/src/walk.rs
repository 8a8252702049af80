//! Walking over every key of a namespace, on every master.

use redis::Value;

use crate::{connection::Link, fault::Fault, server};

/// How many keys a server looks at in one step: less than a millisecond's worth.
const STEP: usize = 1_000;

/// Where a walk is.
///
/// Masters are visited in the order of their lowest slots, so that one which is replaced by its replica keeps its
/// place. A server's own cursor means nothing to another, nor to itself after a restart: it is kept with the
/// server's run, and where another answers, that master is begun anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Walk {
    slot: u16,
    run: String,
    cursor: u64,
}

/// Keys of one server.
pub(crate) struct Found {
    pub(crate) slot: u16,
    pub(crate) names: Vec<Vec<u8>>,
}

/// What a master answered.
struct Step {
    run: String,
    /// Where to go on; 0: this master has no more.
    cursor: u64,
    names: Vec<Vec<u8>>,
    /// The lowest slot of the next master.
    next: Option<u16>,
}

/// Which keys a walk is for.
pub(crate) struct Pattern<'a> {
    prefix: &'a str,
    glob: Vec<u8>,
    strings_only: bool,
}

impl<'a> Pattern<'a> {
    /// Everything that begins with `prefix`.
    pub(crate) fn all(prefix: &'a str) -> Self {
        Self { prefix, glob: glob(prefix), strings_only: false }
    }

    /// What begins with `prefix` and can be a value of ours.
    pub(crate) fn strings(prefix: &'a str) -> Self {
        Self { prefix, glob: glob(prefix), strings_only: true }
    }
}

/// The pattern of everything that begins with `prefix`, whatever is in it.
fn glob(prefix: &str) -> Vec<u8> {
    let mut glob = Vec::with_capacity(prefix.len() + 1);
    for byte in prefix.bytes() {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'^' | b'-') {
            glob.push(b'\\');
        }
        glob.push(byte);
    }
    glob.push(b'*');
    glob
}

impl Walk {
    pub(crate) fn from_the_start() -> Self {
        Self { slot: 0, run: String::new(), cursor: 0 }
    }

    /// The keys of one step, which may be none, and the walk that goes on after them; `None`: this was the last.
    pub(crate) async fn step(
        mut self,
        link: &Link,
        pattern: &Pattern<'_>,
    ) -> Result<(Found, Option<Self>), Fault> {
        let mut step = self.scan(link, pattern).await?;
        if self.cursor != 0 && step.run != self.run {
            self.cursor = 0;
            step = self.scan(link, pattern).await?;
        }
        let Step { run, cursor, names, next } = step;
        let found = Found { slot: self.slot, names };
        if cursor != 0 {
            return Ok((found, Some(Self { slot: self.slot, run, cursor })));
        }
        Ok((found, next.map(|slot| Self { slot, run: String::new(), cursor: 0 })))
    }

    async fn scan(&self, link: &Link, pattern: &Pattern<'_>) -> Result<Step, Fault> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("INFO").arg("server");
        pipeline.cmd("SCAN").arg(self.cursor).arg("MATCH").arg(&pattern.glob).arg("COUNT").arg(STEP);
        if pattern.strings_only {
            pipeline.arg("TYPE").arg("string");
        }
        let (mut answers, next) = link.on_master(self.slot, pattern.prefix, pipeline).await?;
        let (cursor, names) = scanned(answers.pop().ok_or(Fault::Unexpected)?)?;
        // Where one may not ask, restarts go unnoticed.
        let run = answers.first().and_then(server::run_id).unwrap_or("unknown").to_owned();
        Ok(Step { run, cursor, names, next })
    }

    /// For a cursor: three words.
    pub(crate) fn to_words(&self) -> String {
        format!("{} {} {}", self.slot, self.run, self.cursor)
    }

    pub(crate) fn from_words(words: &str) -> Option<Self> {
        let mut words = words.split(' ');
        let (slot, run, cursor) = (words.next()?, words.next()?, words.next()?);
        Some(Self { slot: slot.parse().ok()?, run: run.to_owned(), cursor: cursor.parse().ok()? })
    }
}

fn scanned(step: Value) -> Result<(u64, Vec<Vec<u8>>), Fault> {
    Ok(redis::from_redis_value(step.extract_error()?).map_err(redis::RedisError::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_of_a_prefix_has_a_meaning_of_its_own() {
        assert_eq!(glob("shop:"), b"shop:*");
        assert_eq!(glob(r"a*b?[c-d]^\:"), br"a\*b\?\[c\-d\]\^\\:*");
    }

    #[test]
    fn a_walk_goes_on_from_its_words() {
        for walk in [Walk::from_the_start(), Walk { slot: 16_383, run: "0a1b".to_owned(), cursor: u64::MAX }]
        {
            assert_eq!(Walk::from_words(&walk.to_words()), Some(walk));
        }
        for foreign in ["", "1", "1 2", "a b c", "70000 a 1", "1 a -1"] {
            assert_eq!(Walk::from_words(foreign), None, "{foreign}");
        }
    }
}
