use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use cloakroom::storage::{Bytes, Cursor, Entry, Page, Swap, Touch, Touched};
use sha2::{Digest, Sha256};

use crate::record::Record;

/// The files of one namespace.
///
/// A reader sees a whole file, as files are replaced by renaming. Whoever writes holds the lock of the directory
/// from the reading to the renaming, against the other tasks and processes of the machine.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
}

const LOCK: &str = ".lock";

impl Directory {
    pub(crate) fn create(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        Ok(Self { path })
    }

    pub(crate) fn get(&self, key: &str) -> io::Result<Option<Bytes>> {
        Ok(self.live(key)?.map(|(record, _)| record.value))
    }

    pub(crate) fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> io::Result<()> {
        let _lock = self.lock()?;
        self.put(key, Some(value), ttl)
    }

    pub(crate) fn delete(&self, key: &str) -> io::Result<()> {
        let _lock = self.lock()?;
        self.put(key, None, None)
    }

    pub(crate) fn reset(&self) -> io::Result<()> {
        let _lock = self.lock()?;
        for name in self.names()? {
            remove(&self.path.join(name))?;
        }
        Ok(())
    }

    pub(crate) fn get_and_touch(&self, key: &str, touch: Touch) -> io::Result<Option<Touched>> {
        let is_fresh = |remaining: Option<Duration>| remaining.is_none_or(|left| left >= touch.threshold());
        let Some((record, remaining)) = self.live(key)? else { return Ok(None) };
        if is_fresh(remaining) {
            return Ok(Some(Touched { value: record.value, extended: false, remaining }));
        }
        let _lock = self.lock()?;
        // What was read without the lock may have been replaced since.
        let Some((record, remaining)) = self.live(key)? else { return Ok(None) };
        if is_fresh(remaining) {
            return Ok(Some(Touched { value: record.value, extended: false, remaining }));
        }
        self.put(key, Some(record.value.clone()), Some(touch.ttl))?;
        Ok(Some(Touched { value: record.value, extended: true, remaining: Some(touch.ttl) }))
    }

    pub(crate) fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> io::Result<Swap> {
        let _lock = self.lock()?;
        let current = self.get(key)?;
        if current.as_deref() != expected {
            return Ok(Swap::Conflict { current });
        }
        self.put(key, new, ttl)?;
        Ok(Swap::Swapped)
    }

    /// In the order of the files' names.
    pub(crate) fn scan(&self, after: Option<&Cursor>, limit: NonZeroUsize) -> io::Result<Page> {
        let mut names = self.names()?;
        names.retain(|name| after.is_none_or(|after| name.as_str() > after.as_str()));
        names.sort_unstable();
        let mut page = Page::default();
        let mut names = names.into_iter().peekable();
        while let Some(name) = names.next() {
            if let Some(record) = read(&self.path.join(&name))?
                && let Some(ttl) = record.remaining()
            {
                page.entries.push(Entry { key: record.key, value: record.value, ttl });
            }
            if page.entries.len() == limit.get() && names.peek().is_some() {
                page.next = Some(Cursor::new(name));
                break;
            }
        }
        Ok(page)
    }

    pub(crate) fn purge_expired(&self) -> io::Result<u64> {
        let mut purged = 0;
        for name in self.names()? {
            // For each file anew, so that writers get their turn, and with another look at the expiry.
            let _lock = self.lock()?;
            let path = self.path.join(name);
            if read(&path)?.is_some_and(|record| record.remaining().is_none()) {
                remove(&path)?;
                purged += 1;
            }
        }
        Ok(purged)
    }

    /// The live record of that key, and the time that remains to it.
    fn live(&self, key: &str) -> io::Result<Option<(Record, Option<Duration>)>> {
        let record = read(&self.file(key))?;
        Ok(record.and_then(|record| record.remaining().map(|remaining| (record, remaining))))
    }

    /// Whoever calls it holds the lock.
    fn put(&self, key: &str, value: Option<Bytes>, ttl: Option<Duration>) -> io::Result<()> {
        let path = self.file(key);
        let (Some(value), false) = (value, ttl == Some(Duration::ZERO)) else { return remove(&path) };
        let partial = self.path.join(".partial");
        fs::write(&partial, Record::new(key, value, ttl).encode()?)?;
        fs::rename(partial, path)
    }

    /// Keys may have 512 bytes of any letter; names of files may not.
    fn file(&self, key: &str) -> PathBuf {
        let name: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
        self.path.join(name)
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for file in fs::read_dir(&self.path)? {
            let name = file?.file_name().into_string().unwrap_or_default();
            if name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Held until the file is dropped, or the process ends.
    fn lock(&self) -> io::Result<File> {
        let file = File::create(self.path.join(LOCK))?;
        file.lock()?;
        Ok(file)
    }
}

fn read(path: &Path) -> io::Result<Option<Record>> {
    match fs::read(path) {
        Ok(file) => Ok(Record::decode(&file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
