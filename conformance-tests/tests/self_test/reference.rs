//! A storage that keeps the contract, except for the fault that is planted into it.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use cloakroom_storage::{
    Bytes, Capabilities, Cursor, Entry, ErrorKind, Namespace, Operation, Page, Result, Storage, StorageError,
    Swap, Touch, Touched, async_trait, check_key, ttl,
};
use tokio::{task::yield_now, time::Instant};

use crate::fault::Fault;

const LIMIT: usize = 2 * 1024 * 1024;
const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct Stored {
    value: Bytes,
    deadline: Option<Instant>,
}

impl Stored {
    fn is_live(&self) -> bool {
        self.deadline.is_none_or(|deadline| Instant::now() < deadline)
    }

    fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline - Instant::now())
    }
}

/// Keyed by namespace, then by key.
type Spaces = BTreeMap<String, BTreeMap<String, Stored>>;

/// What all namespaces live on.
#[derive(Clone, Default)]
pub(crate) struct Engine {
    fault: Option<Fault>,
    spaces: Arc<Mutex<Spaces>>,
    openings: Arc<AtomicUsize>,
    /// For [`Fault::ResetFailsWhileOthersWrite`].
    writes: Arc<AtomicUsize>,
}

impl Engine {
    pub(crate) fn with(fault: Option<Fault>) -> Self {
        Self { fault, ..Self::default() }
    }

    pub(crate) fn open(&self, namespace: &Namespace) -> Reference {
        let mut space = namespace.as_str().to_owned();
        if self.fault == Some(Fault::NamespacesFoldCase) {
            space = space.to_lowercase();
        }
        if self.fault == Some(Fault::EachOpeningIsEmpty) {
            space = format!("{space} {}", self.openings.fetch_add(1, Ordering::Relaxed));
        }
        Reference {
            engine: self.clone(),
            space,
            closed: AtomicBool::new(false),
            resetting: AtomicBool::new(false),
            deleted: Mutex::default(),
        }
    }
}

/// One opening of a namespace.
pub(crate) struct Reference {
    engine: Engine,
    space: String,
    closed: AtomicBool,
    /// For faults of resets: one is under way, or due.
    resetting: AtomicBool,
    /// For [`Fault::ScanShowsDeleted`].
    deleted: Mutex<BTreeSet<String>>,
}

impl Reference {
    fn has(&self, fault: Fault) -> bool {
        self.engine.fault == Some(fault)
    }

    fn spaces(&self) -> MutexGuard<'_, Spaces> {
        self.engine.spaces.lock().expect("no panic under the lock")
    }

    fn with_space<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Stored>) -> T) -> T {
        work(self.spaces().entry(self.space.clone()).or_default())
    }

    fn error(&self, kind: ErrorKind, operation: Operation) -> StorageError {
        let backend = if self.has(Fault::ErrorNamesAnotherBackend) { "other" } else { "reference" };
        let operation = if self.has(Fault::ErrorNamesAnotherOperation) { Operation::Open } else { operation };
        StorageError::new(kind, backend, operation)
    }

    /// Waits once, as any real engine does, and checks what every operation checks.
    async fn begin(&self, operation: Operation) -> Result<()> {
        yield_now().await;
        let still_works = (self.has(Fault::ClosedStorageStillReads) && operation == Operation::Get)
            || (self.has(Fault::ClosedStorageStillPings) && operation == Operation::Ping);
        if self.closed.load(Ordering::Relaxed) && !still_works {
            return Err(self.error(ErrorKind::Closed, operation));
        }
        Ok(())
    }

    /// [`begin`](Self::begin) for a key; returns how the key is stored.
    async fn begin_with(&self, operation: Operation, key: &str) -> Result<String> {
        if let Err(error) = check_key("reference", operation, key) {
            let is_accepted = (self.has(Fault::EmptyKeyIsAccepted) && key.is_empty())
                || (self.has(Fault::NulIsAccepted) && key.contains('\0'))
                || (self.has(Fault::LongKeysAreAccepted) && key.len() > 512)
                || (self.has(Fault::SwapChecksNoKey) && operation == Operation::CompareAndSwap);
            assert!(!(self.has(Fault::PanicsOnAnEmptyKey) && key.is_empty()), "a planted panic");
            if !is_accepted {
                return Err(self.disfigured(self.error(error.kind(), operation), key));
            }
        }
        if self.has(Fault::KeysOfTheLimitAreRefused) && key.len() > 255 {
            return Err(self.error(ErrorKind::InvalidKey, operation));
        }
        self.begin(operation).await?;
        Ok(self.stored_key(key))
    }

    fn disfigured(&self, error: StorageError, key: &str) -> StorageError {
        if self.has(Fault::ErrorShowsTheKey) {
            error.with_detail(format!("bad key {key}"))
        } else if self.has(Fault::ErrorSourceShowsTheKey) {
            error.with_source(format!("bad key {key}"))
        } else {
            error
        }
    }

    fn stored_key(&self, key: &str) -> String {
        match self.engine.fault {
            Some(Fault::LongKeysAreCut) => key.chars().take(255).collect(),
            Some(Fault::KeysFoldCase) => key.to_lowercase(),
            Some(Fault::KeysLoseTrailingSpaces) => key.trim_end_matches(' ').to_owned(),
            Some(Fault::KeysLoseQuotes) => key.replace(['\'', '"', '`'], ""),
            Some(Fault::KeysAreNormalised) => key.replace("e\u{301}", "é"),
            _ => key.to_owned(),
        }
    }

    fn check_value(&self, operation: Operation, key: &str, value: &mut Bytes) -> Result<()> {
        if value.len() <= LIMIT {
            return Ok(());
        }
        if self.has(Fault::LargeValuesAreCutToTheLimit) {
            value.truncate(LIMIT);
            return Ok(());
        }
        if self.has(Fault::LargeValuesRemoveTheOldOne) {
            self.with_space(|space| space.remove(key));
        }
        let error = self.error(ErrorKind::ValueTooLarge, operation);
        Err(if self.has(Fault::ErrorShowsTheValue) { error.with_detail(format!("{value:?}")) } else { error })
    }

    /// When a value of that TTL ends; `Err`: it is not stored at all.
    fn deadline(&self, ttl: Option<Duration>) -> Result<Option<Instant>, ()> {
        let ttl = match (self.engine.fault, ttl) {
            (Some(Fault::NoTtlMeansADefaultTtl), None) => Some(SECOND / 10),
            (Some(Fault::TtlIsRoundedDownToSeconds), Some(ttl)) => Some(Duration::from_secs(ttl.as_secs())),
            (Some(Fault::TtlIsRoundedDownToMilliseconds), Some(ttl)) => {
                Some(Duration::from_millis(ttl::to_millis(ttl).saturating_sub(1)))
            }
            (Some(Fault::TtlIsRoundedUpToSeconds), Some(ttl)) => Some(Duration::from_secs(ttl::to_secs(ttl))),
            (Some(Fault::TinyTtlIsForEver), Some(ttl)) if ttl < SECOND / 1_000 => None,
            (Some(Fault::ZeroTtlIsForEver), Some(Duration::ZERO)) => None,
            (Some(Fault::HugeTtlWraps), Some(ttl)) => {
                // A signed number of 32 bits: half of them are in the past.
                let wrapped = u32::try_from(ttl.as_millis() & u128::from(u32::MAX)).unwrap_or(0);
                let is_past = wrapped > u32::MAX / 2;
                Some(if is_past { Duration::ZERO } else { Duration::from_millis(wrapped.into()) })
            }
            (_, ttl) => ttl,
        };
        match ttl {
            Some(Duration::ZERO) => Err(()),
            ttl => Ok(ttl.map(|ttl| Instant::now() + ttl::clamp(ttl))),
        }
    }

    fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) {
        self.engine.writes.fetch_add(1, Ordering::Relaxed);
        let deadline = self.deadline(ttl);
        self.with_space(|space| match deadline {
            Ok(deadline) => space.insert(key.to_owned(), Stored { value, deadline }),
            Err(()) => space.remove(key),
        });
    }

    fn find(&self, key: &str) -> Option<Stored> {
        self.with_space(|space| space.get(key).cloned())
    }

    fn live(&self, key: &str) -> Option<Stored> {
        self.find(key).filter(Stored::is_live)
    }

    fn find_anywhere(&self, key: &str) -> Option<Stored> {
        self.spaces().values().find_map(|space| space.get(key).cloned())
    }

    fn is_reset_too(&self, name: &str) -> bool {
        name == self.space
            || self.has(Fault::ResetRemovesAllNamespaces)
            || (self.has(Fault::ResetRemovesNamespacesThatBeginAlike) && name.starts_with(&self.space))
            || (self.has(Fault::ResetTakesTheNamespaceForAPattern) && is_like(name, &self.space))
    }

    /// What a touch that the capability does not cover, or that has a fault of its own, returns.
    fn untouched(&self, stored: Stored, touch: Touch) -> Touched {
        let remaining = stored.remaining();
        let says_its_own = self.has(Fault::TouchSaysItsOwnTtlRemains);
        Touched {
            value: stored.value,
            extended: false,
            remaining: if says_its_own { Some(touch.ttl) } else { remaining },
        }
    }

    fn needs_extension(&self, stored: &Stored, touch: Touch) -> bool {
        if touch.ttl.is_zero() {
            return false;
        }
        match stored.remaining() {
            None => self.has(Fault::TouchGivesATtlToWhatHasNone),
            Some(_) if self.has(Fault::TouchNeverExtends) => false,
            Some(_) if self.has(Fault::TouchShortens) => true,
            Some(left) if self.has(Fault::TouchIgnoresTheSlack) => left <= touch.ttl,
            Some(left) => left < touch.threshold(),
        }
    }

    async fn extend(&self, key: &str, mut stored: Stored, touch: Touch) -> Touched {
        if self.has(Fault::TouchTakesTheValueOut) {
            self.with_space(|space| space.remove(key));
            yield_now().await;
        }
        if self.has(Fault::TouchIsNotAtomic) {
            yield_now().await;
        }
        let value = stored.value.clone();
        if self.has(Fault::TouchCutsTheValue) {
            stored.value.truncate(1_000);
        }
        self.put(key, stored.value, if self.has(Fault::TouchMakesEternal) { None } else { Some(touch.ttl) });
        Touched { value, extended: !self.has(Fault::TouchHidesThatItExtends), remaining: Some(touch.ttl) }
    }

    fn is_expected(&self, current: Option<&[u8]>, expected: Option<&[u8]>) -> bool {
        if self.has(Fault::SwapTakesEmptyForMissing) {
            return current.unwrap_or_default() == expected.unwrap_or_default();
        }
        if self.has(Fault::SwapComparesText) {
            let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).to_lowercase());
            return text(current) == text(expected);
        }
        if self.has(Fault::SwapOfNothingIsRefused) && current.is_none() && expected.is_none() {
            return false;
        }
        current == expected
    }

    fn refuse(&self, key: &str, current: Option<Stored>, ttl: Option<Duration>) -> Swap {
        if let (true, Some(stored)) = (self.has(Fault::ConflictWritesTheTtl), &current) {
            self.put(key, stored.value.clone(), ttl);
        }
        let shown = current.filter(|_| !self.has(Fault::ConflictHidesTheCurrentValue));
        Swap::Conflict { current: shown.map(|stored| stored.value) }
    }

    async fn swap_in(&self, key: &str, old: Option<Stored>, new: Option<Bytes>, ttl: Option<Duration>) {
        let does_nothing = (self.has(Fault::SwapCreatesNothing) && old.is_none())
            || (self.has(Fault::SwapReplacesNothing) && old.is_some() && new.is_some())
            || (self.has(Fault::SwapDeletesNothing) && new.is_none());
        if does_nothing {
            return;
        }
        if self.has(Fault::SwapRemovesFirst) {
            self.with_space(|space| space.remove(key));
            yield_now().await;
        }
        if self.has(Fault::SwapIsNotAtomic) {
            yield_now().await;
        }
        let Some(new) = new else {
            self.with_space(|space| space.remove(key));
            return;
        };
        match old {
            Some(old) if self.has(Fault::SwapKeepsTheOldTtl) => {
                self.with_space(|space| space.insert(key.to_owned(), Stored { value: new, ..old }));
            }
            _ if self.has(Fault::SwapByZeroIsForEver) && ttl == Some(Duration::ZERO) => {
                self.put(key, new, None);
            }
            _ => self.put(key, new, ttl),
        }
    }
}

/// Whether `LIKE` would take the name for one of the pattern's.
fn is_like(name: &str, pattern: &str) -> bool {
    let fits = |(n, p): (char, char)| p == '_' || p == n;
    name.chars().count() == pattern.chars().count() && name.chars().zip(pattern.chars()).all(fits)
}

#[async_trait]
impl Storage for Reference {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let key = self.begin_with(Operation::Get, key).await?;
        let stored = match self.engine.fault {
            Some(Fault::GetSeesOtherNamespaces) => self.find_anywhere(&key),
            _ => self.live(&key),
        };
        let value = stored.map(|stored| stored.value);
        Ok(match self.engine.fault {
            Some(Fault::MissingReadsAsEmpty) => Some(value.unwrap_or_default()),
            Some(Fault::EmptyValueReadsAsMissing) => value.filter(|value| !value.is_empty()),
            _ => value,
        })
    }

    async fn set(&self, key: &str, mut value: Bytes, ttl: Option<Duration>) -> Result<()> {
        let key = self.begin_with(Operation::Set, key).await?;
        self.check_value(Operation::Set, &key, &mut value)?;
        let old = self.find(&key);
        match (self.engine.fault, old) {
            (Some(Fault::SetIsForgotten), _) | (Some(Fault::SetKeepsTheFirstValue), Some(_)) => {}
            (Some(Fault::HugeTtlFails), _) if ttl.is_some_and(|ttl| ttl > ttl::MAX) => {
                return Err(self.error(ErrorKind::Other, Operation::Set));
            }
            (Some(Fault::SetKeepsTheOldTtl), Some(old)) if old.is_live() => {
                self.with_space(|space| space.insert(key, Stored { value, ..old }));
            }
            (Some(Fault::SetOverAnExpiredValueInheritsItsEnd), Some(old)) if !old.is_live() => {
                self.with_space(|space| space.insert(key, Stored { value, ..old }));
            }
            (Some(Fault::ValuesAreText), _) => {
                self.put(&key, String::from_utf8_lossy(&value).into_owned().into(), ttl);
            }
            (Some(Fault::ValuesAreCut), _) => {
                value.truncate(64 * 1024);
                self.put(&key, value, ttl);
            }
            (Some(Fault::SetRemovesFirst), _) => {
                self.with_space(|space| space.remove(&key));
                yield_now().await;
                self.put(&key, value, ttl);
            }
            (Some(Fault::SetWritesTheTtlLater), _) => {
                self.put(&key, value.clone(), None);
                yield_now().await;
                self.put(&key, value, ttl);
            }
            _ => self.put(&key, value, ttl),
        }
        if self.has(Fault::ResetTakesEffectLater) && self.resetting.swap(false, Ordering::Relaxed) {
            self.with_space(BTreeMap::clear);
        }
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let key = self.begin_with(Operation::Delete, key).await?;
        let old = self.find(&key);
        let fails = match &old {
            None => self.has(Fault::DeleteOfMissingFails),
            Some(old) => self.has(Fault::DeleteOfExpiredFails) && !old.is_live(),
        };
        if fails {
            return Err(self.error(ErrorKind::Other, Operation::Delete));
        }
        match self.engine.fault {
            Some(Fault::DeleteDoesNothing) => return Ok(()),
            Some(Fault::DeleteRemovesWhatBeginsAlike) => {
                self.with_space(|space| space.retain(|other, _| !other.starts_with(&key)));
            }
            Some(Fault::DeleteTakesPatterns) => {
                self.with_space(|space| space.retain(|other, _| !is_like(other, &key)));
            }
            Some(Fault::DeleteReachesOtherNamespaces) => {
                for space in self.spaces().values_mut() {
                    space.remove(&key);
                }
            }
            Some(Fault::DeleteEmptiesFirst) => {
                if let Some(old) = old {
                    self.with_space(|space| space.insert(key.clone(), Stored { value: Bytes::new(), ..old }));
                }
                yield_now().await;
            }
            Some(Fault::ScanShowsDeleted) => {
                self.deleted.lock().expect("no panic under the lock").insert(key.clone());
            }
            _ => {}
        }
        self.with_space(|space| space.remove(&key));
        Ok(())
    }

    async fn reset(&self) -> Result<()> {
        self.begin(Operation::Reset).await?;
        match self.engine.fault {
            Some(Fault::ResetStopsAfterAPage) => {
                self.with_space(|space| {
                    while space.len() > 100 {
                        space.pop_first();
                    }
                });
                return Ok(());
            }
            Some(Fault::ResetLeavesWhatNeverExpires) => {
                self.with_space(|space| space.retain(|_, stored| stored.deadline.is_none()));
                return Ok(());
            }
            Some(Fault::ResetOfNothingFails) if self.with_space(|space| space.is_empty()) => {
                return Err(self.error(ErrorKind::Other, Operation::Reset));
            }
            Some(Fault::ResetTakesEffectLater) => {
                self.resetting.store(true, Ordering::Relaxed);
                return Ok(());
            }
            Some(Fault::ResetFailsWhileOthersWrite) => {
                let before = self.engine.writes.load(Ordering::Relaxed);
                yield_now().await;
                if self.engine.writes.load(Ordering::Relaxed) != before {
                    return Err(self.error(ErrorKind::Unavailable, Operation::Reset));
                }
            }
            Some(Fault::DroppedResetLeavesItsMark) => {
                if self.resetting.swap(true, Ordering::Relaxed) {
                    return Ok(());
                }
                yield_now().await;
                self.resetting.store(false, Ordering::Relaxed);
            }
            _ => {}
        }
        self.spaces().retain(|name, _| !self.is_reset_too(name));
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        let mut claimed = Capabilities::new("reference").with_atomic_swap().with_max_value_bytes(LIMIT);
        claimed.atomic_touch = !self.has(Fault::UnclaimedTouchExtendsNothing);
        claimed.scan = !self.has(Fault::UnclaimedScanWorks);
        claimed.close = !self.has(Fault::UnclaimedCloseFails);
        if self.has(Fault::TooLittleOfAKeyIsClaimed) { claimed.with_max_key_bytes(255) } else { claimed }
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        let key = self.begin_with(Operation::GetAndTouch, key).await?;
        if self.has(Fault::HugeTouchFails) && touch.ttl > ttl::MAX {
            return Err(self.error(ErrorKind::Other, Operation::GetAndTouch));
        }
        let found = match self.engine.fault {
            Some(Fault::TouchRevives) => self.find(&key),
            Some(Fault::TouchCreates) => Some(
                self.live(&key).unwrap_or(Stored { value: Bytes::new(), deadline: Some(Instant::now()) }),
            ),
            _ => self.live(&key),
        };
        let Some(stored) = found else { return Ok(None) };
        if touch.ttl.is_zero() && self.has(Fault::TouchByZeroDeletes) {
            self.with_space(|space| space.remove(&key));
        }
        let extends = self.needs_extension(&stored, touch) && !self.has(Fault::UnclaimedTouchExtendsNothing);
        Ok(Some(if extends { self.extend(&key, stored, touch).await } else { self.untouched(stored, touch) }))
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        mut new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let key = self.begin_with(Operation::CompareAndSwap, key).await?;
        if let Some(new) = &mut new {
            self.check_value(Operation::CompareAndSwap, &key, new)?;
        }
        if self.has(Fault::HugeSwapFails) && ttl.is_some_and(|ttl| ttl > ttl::MAX) {
            return Err(self.error(ErrorKind::Other, Operation::CompareAndSwap));
        }
        let current = match self.engine.fault {
            Some(Fault::SwapIgnoresExpiry) => self.find(&key),
            Some(Fault::SwapSeesOtherNamespaces) => self.find_anywhere(&key),
            _ => self.live(&key),
        };
        if !self.is_expected(current.as_ref().map(|stored| &*stored.value), expected) {
            return Ok(self.refuse(&key, current, ttl));
        }
        self.swap_in(&key, current, new, ttl).await;
        Ok(Swap::Swapped)
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        self.begin(Operation::Scan).await?;
        let shows_expired = self.has(Fault::ScanShowsExpired);
        let mut found: Vec<(String, Stored)> = self
            .spaces()
            .iter()
            .filter(|(name, _)| **name == self.space || self.has(Fault::ScanSeesOtherNamespaces))
            .flat_map(|(_, space)| space.clone())
            .filter(|(_, stored)| shows_expired || stored.is_live())
            .collect();
        let ghost = Stored { value: Bytes::new(), deadline: None };
        let deleted = self.deleted.lock().expect("no panic under the lock").clone();
        found.extend(deleted.into_iter().map(|key| (key, ghost.clone())));
        found.sort_by(|(one, _), (other, _)| one.cmp(other));

        let by_position = self.has(Fault::ScanCountsPositions);
        let position = after.as_ref().and_then(|after| after.as_str().parse::<usize>().ok()).unwrap_or(0);
        let skipped = match &after {
            None => 0,
            Some(_) if by_position => position,
            Some(after) => found.partition_point(|(key, _)| key.as_str() <= after.as_str()),
        };
        let gap = usize::from(after.is_some() && self.has(Fault::ScanSkipsBetweenPages));
        let most = if self.has(Fault::ScanIgnoresTheLimit) { usize::MAX } else { limit.get() };
        let page: Vec<_> = found.iter().skip(skipped + gap).take(most).cloned().collect();
        let is_last = skipped + gap + page.len() >= found.len();
        let next = match page.last() {
            _ if self.has(Fault::ScanNeverEnds) => Some(Cursor::new("end")),
            Some(_) if !is_last && by_position => Some(Cursor::new((skipped + page.len()).to_string())),
            Some((key, _)) if !is_last => Some(Cursor::new(key.clone())),
            _ => None,
        };
        let entry = |(key, stored): (String, Stored)| {
            let ttl = stored.remaining().filter(|_| !self.has(Fault::ScanForgetsTheTtl));
            Entry { key, value: stored.value, ttl }
        };
        Ok(Page { entries: page.into_iter().map(entry).collect(), next })
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.begin(Operation::PurgeExpired).await?;
        if self.has(Fault::PurgeOfNothingFails) && self.with_space(|space| space.is_empty()) {
            return Err(self.error(ErrorKind::Other, Operation::PurgeExpired));
        }
        let removes_all = self.has(Fault::PurgeRemovesWhatLives);
        let doomed = |stored: &Stored| !stored.is_live() || (removes_all && stored.deadline.is_some());
        let expired: Vec<String> = self.with_space(|space| {
            space.iter().filter(|(_, stored)| doomed(stored)).map(|(key, _)| key.clone()).collect()
        });
        if self.has(Fault::PurgeDoesNotLookAgain) {
            yield_now().await;
        }
        let mut purged = 0;
        for key in expired {
            purged += u64::from(self.with_space(|space| space.remove(&key)).is_some());
        }
        Ok(purged)
    }

    async fn ping(&self) -> Result<()> {
        self.begin(Operation::Ping).await?;
        if self.has(Fault::HangsOnPing) {
            std::future::pending::<()>().await;
        }
        if self.has(Fault::PingFails) { Err(self.error(ErrorKind::Other, Operation::Ping)) } else { Ok(()) }
    }

    async fn close(&self) -> Result<()> {
        let was_closed = self.closed.swap(true, Ordering::Relaxed);
        let fails = self.has(Fault::UnclaimedCloseFails) || (was_closed && self.has(Fault::SecondCloseFails));
        if fails { Err(self.error(ErrorKind::Other, Operation::Close)) } else { Ok(()) }
    }
}
