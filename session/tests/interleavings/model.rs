//! What sessions are: a map from ids to values, on which every load, save, reset and destroy happens at one moment.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{
    run::{Cookie, Event, Id, Trace, What},
    scenario::{Key, Values},
};

type Sessions = BTreeMap<Id, Values>;

/// Whether there is an order of the events, each at a moment between its beginning and its end, in which the model sees
/// what the requests saw and ends where the storage did.
pub(crate) fn explains(trace: &Trace) -> bool {
    let moment = Moment {
        sessions: BTreeMap::from([(trace.id.clone(), trace.before.clone())]),
        done: vec![0; trace.events.len()],
        views: vec![View::default(); trace.events.len()],
    };
    search(trace, moment, &mut HashSet::new())
}

/// How far the requests have come, in one order.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Moment {
    sessions: Sessions,
    /// How many events of each browser have happened.
    done: Vec<usize>,
    views: Vec<View>,
}

/// `visited`: from where there is no way.
fn search(trace: &Trace, moment: Moment, visited: &mut HashSet<Moment>) -> bool {
    let next: Vec<_> =
        trace.events.iter().zip(&moment.done).map(|(events, done)| events.get(*done)).collect();
    if next.iter().all(Option::is_none) {
        return moment.sessions == trace.after;
    }
    if !visited.insert(moment.clone()) {
        return false;
    }
    // Whatever has ended before another began happened before it.
    let first_end = next.iter().flatten().map(|event| event.end).min().unwrap_or_default();
    for (browser, event) in next.iter().enumerate() {
        if event.is_some_and(|event| event.begin <= first_end)
            && let Some(later) = advanced(trace, moment.clone(), browser)
            && search(trace, later, visited)
        {
            return true;
        }
    }
    false
}

/// After the next event of a browser and those behind it that nobody else notices; `None`: it saw something else.
fn advanced(trace: &Trace, mut moment: Moment, browser: usize) -> Option<Moment> {
    let events = &trace.events[browser];
    loop {
        let Event { what, .. } = &events[moment.done[browser]];
        if !moment.views[browser].agrees(what, &mut moment.sessions) {
            return None;
        }
        moment.done[browser] += 1;
        let next = events.get(moment.done[browser]);
        if !next.is_some_and(|event| is_local(&event.what)) {
            return Some(moment);
        }
    }
}

fn is_local(what: &What) -> bool {
    matches!(what, What::Get { .. } | What::Set { .. } | What::Delete { .. } | What::Regenerate { .. })
}

/// What a request sees of its session.
#[derive(Clone, PartialEq, Eq, Hash)]
struct View {
    id: Id,
    /// Where it is stored.
    stored: Option<Id>,
    /// It was destroyed, here or elsewhere.
    has_ended: bool,
    must_store: bool,
    values: Values,
    changed: BTreeSet<Key>,
    cookie: Cookie,
}

impl Default for View {
    fn default() -> Self {
        Self::fresh(Id::new())
    }
}

impl View {
    fn fresh(id: Id) -> Self {
        Self {
            id,
            stored: None,
            has_ended: false,
            must_store: false,
            values: Values::new(),
            changed: BTreeSet::new(),
            cookie: Cookie::Unchanged,
        }
    }

    /// Lets it happen; whether what was seen of it is right.
    fn agrees(&mut self, what: &What, sessions: &mut Sessions) -> bool {
        match what {
            What::Load { cookie, id, is_fresh, values } => {
                *self = Self::fresh(id.clone());
                let found = cookie.as_ref().and_then(|cookie| sessions.get(cookie));
                self.stored = found.and(cookie.clone());
                self.values = found.cloned().unwrap_or_default();
                let is_right_id = match &self.stored {
                    Some(stored) => stored == id,
                    None => cookie.as_ref() != Some(id) && !sessions.contains_key(id),
                };
                is_right_id && *is_fresh == self.stored.is_none() && *values == self.values
            }
            What::Get { key, value } => self.values.get(key) == value.as_ref(),
            What::Set { key, value } => {
                // What is set to what it was is no change.
                if !self.has_ended && (self.changed.contains(key) || self.values.get(key) != Some(value)) {
                    self.values.insert(key, *value);
                    self.changed.insert(key);
                }
                true
            }
            What::Delete { key, was_there } => {
                let is_there = self.values.remove(key).is_some();
                if is_there {
                    self.changed.insert(key);
                }
                is_there == *was_there
            }
            What::Regenerate { id } => {
                if self.has_ended {
                    return *id == self.id;
                }
                self.must_store = true;
                self.id.clone_from(id);
                !sessions.contains_key(id)
            }
            What::Reset { id } => {
                self.remove(sessions);
                *self = Self { must_store: true, ..Self::fresh(id.clone()) };
                !sessions.contains_key(id)
            }
            What::Destroy => {
                self.remove(sessions);
                self.end(Cookie::Expired);
                true
            }
            What::Save { id, values } => {
                self.save(sessions);
                *id == self.id && *values == self.values
            }
            What::Respond { cookie } => {
                self.save(sessions);
                *cookie == self.cookie
            }
        }
    }

    fn remove(&mut self, sessions: &mut Sessions) {
        if let Some(stored) = &self.stored {
            sessions.remove(stored);
        }
    }

    fn end(&mut self, cookie: Cookie) {
        *self = Self { has_ended: true, cookie, ..Self::fresh(self.id.clone()) };
    }

    fn save(&mut self, sessions: &mut Sessions) {
        let moves = self.stored.as_ref().is_some_and(|stored| *stored != self.id);
        let has_something = match &self.stored {
            None => self.must_store || !self.values.is_empty(),
            Some(_) => moves || !self.changed.is_empty(),
        };
        if self.has_ended || !has_something {
            return;
        }
        if let Some(stored) = &self.stored {
            let Some(mut newer) = sessions.remove(stored) else {
                // The client of a move may have the other new id already.
                return self.end(if moves { Cookie::Unchanged } else { Cookie::Expired });
            };
            for key in &self.changed {
                match self.values.get(key) {
                    Some(value) => newer.insert(key, *value),
                    None => newer.remove(key),
                };
            }
            self.values = newer;
        }
        sessions.insert(self.id.clone(), self.values.clone());
        self.stored = Some(self.id.clone());
        self.changed.clear();
        self.must_store = false;
        self.cookie = Cookie::New(self.id.clone());
    }
}
