//! What a request has changed and not yet stored: replayed onto a newer state when another request was faster.

use std::collections::BTreeMap;

use crate::envelope::{Envelope, Value};

/// A counter of changes: what was changed after a save began is not saved by it.
pub(crate) type Revision = u64;

#[derive(Clone, Default)]
pub(crate) struct Changes {
    revision: Revision,
    /// `None`: the key was deleted.
    values: BTreeMap<String, (Revision, Option<Value>)>,
    idle_ms: Option<(Revision, Option<u64>)>,
}

impl Changes {
    pub(crate) const fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.idle_ms.is_none()
    }

    pub(crate) fn touches(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub(crate) fn value(&mut self, key: &str, value: Option<Value>) {
        self.revision += 1;
        self.values.insert(key.to_owned(), (self.revision, value));
    }

    pub(crate) fn idle(&mut self, idle_ms: Option<u64>) {
        self.revision += 1;
        self.idle_ms = Some((self.revision, idle_ms));
    }

    /// Replays the changes onto `envelope`.
    pub(crate) fn apply(&self, envelope: &mut Envelope) {
        for (key, (_, value)) in &self.values {
            match value {
                Some(value) => envelope.values.insert(key.clone(), value.clone()),
                None => envelope.values.remove(key),
            };
        }
        if let Some((_, idle_ms)) = self.idle_ms {
            envelope.idle_ms = idle_ms;
        }
    }

    /// Forgets what was changed up to `revision`: it is stored.
    pub(crate) fn forget_until(&mut self, revision: Revision) {
        self.values.retain(|_, (changed, _)| *changed > revision);
        self.idle_ms = self.idle_ms.filter(|(changed, _)| *changed > revision);
    }

    /// Forgets everything, but keeps counting.
    pub(crate) fn clear(&mut self) {
        self.forget_until(self.revision);
    }
}
