//! What a request has changed and not yet stored: replayed onto a newer state when another request was faster.

use bytestring::ByteString;

use crate::envelope::Envelope;

/// A counter of changes: what was changed after a save began is not saved by it.
pub(crate) type Revision = u64;

/// Which keys were changed, and when. What they were changed to is in the envelope that they were changed in.
#[derive(Default)]
pub(crate) struct Changes {
    revision: Revision,
    keys: Vec<(ByteString, Revision)>,
    fields: [Option<Revision>; 3],
}

/// What a session has beside its values.
#[derive(Clone, Copy)]
pub(crate) enum Field {
    Idle,
    Authenticated,
    Principal,
}

impl Changes {
    pub(crate) const fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.fields.iter().all(Option::is_none)
    }

    pub(crate) fn touches(&self, key: &str) -> bool {
        self.keys.iter().any(|(known, _)| **known == *key)
    }

    pub(crate) fn value(&mut self, key: ByteString) {
        self.revision += 1;
        match self.keys.iter_mut().find(|(known, _)| *known == key) {
            Some((_, revision)) => *revision = self.revision,
            None => self.keys.push((key, self.revision)),
        }
    }

    pub(crate) fn field(&mut self, field: Field) {
        self.revision += 1;
        self.fields[field as usize] = Some(self.revision);
    }

    fn has(&self, field: Field) -> bool {
        self.fields[field as usize].is_some()
    }

    /// Replays the changes that were made in `from` onto `onto`.
    pub(crate) fn replay(&self, from: &Envelope, onto: &mut Envelope) {
        for (key, _) in &self.keys {
            match from.values.get(key) {
                Some(value) => onto.values.insert(key.clone(), value.clone()),
                None => {
                    onto.values.remove(key);
                }
            }
        }
        if self.has(Field::Idle) {
            onto.idle_ms = from.idle_ms;
        }
        if self.has(Field::Authenticated) {
            onto.authenticated_ms = from.authenticated_ms;
        }
        if self.has(Field::Principal) {
            onto.principal.clone_from(&from.principal);
        }
    }

    /// Forgets what was changed up to `revision`: it is stored.
    pub(crate) fn forget_until(&mut self, revision: Revision) {
        self.keys.retain(|(_, changed)| *changed > revision);
        for field in &mut self.fields {
            *field = field.filter(|changed| *changed > revision);
        }
    }

    /// Forgets everything, but keeps counting.
    pub(crate) fn clear(&mut self) {
        self.forget_until(self.revision);
    }
}
