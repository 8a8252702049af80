//! What browsers do to one session, and in which order its steps come.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::select};

pub(crate) type Key = &'static str;
pub(crate) type Values = BTreeMap<Key, u8>;

pub(crate) const KEYS: [Key; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// What the session holds before.
    pub(crate) before: Values,
    /// Browsers that all have its cookie. Each sends its requests one after the other, with the cookie that it then has.
    pub(crate) browsers: Vec<Vec<Vec<Action>>>,
    /// Which browser's request takes the next step, counted among those that have not ended.
    pub(crate) schedule: Vec<u8>,
}

/// What a handler does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Get(Key),
    Set(Key, u8),
    Delete(Key),
    Save,
    Regenerate,
    Reset,
    Destroy,
}

pub(crate) fn any() -> impl Strategy<Value = Scenario> {
    let before = proptest::collection::btree_map(select(&KEYS[..]), value(), 0..=KEYS.len());
    let browser = vec(vec(action(), 0..5), 1..=2);
    (before, vec(browser, 2..=5), vec(prop::num::u8::ANY, 0..60))
        .prop_map(|(before, browsers, schedule)| Scenario { before, browsers, schedule })
}

/// Few enough that the same is set twice, which is no change.
fn value() -> impl Strategy<Value = u8> {
    0..4_u8
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        2 => select(&KEYS[..]).prop_map(Action::Get),
        8 => (select(&KEYS[..]), value()).prop_map(|(key, value)| Action::Set(key, value)),
        4 => select(&KEYS[..]).prop_map(Action::Delete),
        2 => Just(Action::Save),
        2 => Just(Action::Regenerate),
        1 => Just(Action::Reset),
        1 => Just(Action::Destroy),
    ]
}
