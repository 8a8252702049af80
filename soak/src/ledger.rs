//! What was acknowledged, and whether it is there.

use std::collections::BTreeMap;

use crate::{
    Invariant, Violation,
    application::ROUND,
    order::{WRITES_PER_TASK, counter, key},
};

/// Everything that must be there at the end, or must not.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) shared: Vec<Shared>,
    /// By its key in the storage.
    pub(crate) counters: BTreeMap<String, Counter>,
    /// The ids of sessions that were ended for good, with their round.
    pub(crate) ended: Vec<(u64, String)>,
    /// The ids of sessions that were revoked, with their round.
    pub(crate) revoked: Vec<(u64, String)>,
}

/// A session that all tasks of all processes have written to.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) round: u64,
    pub(crate) id: String,
    /// The numbers of each process's writes that were acknowledged.
    pub(crate) written: Vec<Vec<usize>>,
}

/// Increments that were acknowledged, and such that may have been made or not.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counter {
    pub(crate) acknowledged: u64,
    pub(crate) uncertain: u64,
}

/// What a session holds.
pub(crate) type Values = BTreeMap<String, u64>;

impl Ledger {
    pub(crate) fn counted(&mut self, round: u64, acknowledged: u64, uncertain: u64) {
        let counter = self.counters.entry(counter(round)).or_default();
        counter.acknowledged += acknowledged;
        counter.uncertain += uncertain;
    }
}

impl Shared {
    pub(crate) fn acknowledged(&self) -> usize {
        self.written.iter().map(Vec::len).sum()
    }

    /// Looks for every write, one by one, and for what nobody has written here. `None`: the session is gone.
    pub(crate) fn check(&self, tasks: usize, found: Option<&Values>) -> Vec<Violation> {
        let none = Values::new();
        let found = found.unwrap_or(&none);
        let acknowledged = self
            .written
            .iter()
            .enumerate()
            .flat_map(|(process, writes)| writes.iter().map(move |write| key(process, *write)));
        let lost = acknowledged.filter(|key| !found.contains_key(key)).map(|key| {
            let what = format!("round {}: the acknowledged write {key} is not there", self.round);
            Violation::new(Invariant::NoLostUpdate, &what)
        });
        let foreign =
            found.iter().filter(|(key, value)| !self.has_own(tasks, key, **value)).map(|(key, value)| {
                let what = format!("round {}: nobody has written {key} = {value} here", self.round);
                Violation::new(Invariant::NoForeignKey, &what)
            });
        lost.chain(foreign).collect()
    }

    /// Whether somebody may have written that here, acknowledged or not.
    fn has_own(&self, tasks: usize, name: &str, value: u64) -> bool {
        let mut writes = (0..self.written.len())
            .flat_map(|process| (0..tasks * WRITES_PER_TASK).map(move |write| key(process, write)));
        value == self.round && (name == ROUND || writes.any(|key| key == name))
    }
}

impl Counter {
    pub(crate) fn check(self, name: &str, found: u64) -> Option<Violation> {
        let Self { acknowledged, uncertain } = self;
        if found < acknowledged {
            let what = format!("{name}: {found} of {acknowledged} acknowledged increments are there");
            return Some(Violation::new(Invariant::NoLostUpdate, &what));
        }
        (found > acknowledged + uncertain).then(|| {
            let what = format!("{name}: {found} of {acknowledged} and perhaps {uncertain} increments");
            Violation::new(Invariant::NoForeignKey, &what)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: usize = 2;

    /// Two processes, of whose writes not all were acknowledged.
    fn shared() -> Shared {
        Shared { round: 7, id: String::new(), written: vec![vec![0, 1, 5], vec![3]] }
    }

    fn whole() -> Values {
        ["0-0", "0-1", "0-5", "1-3", ROUND].map(|key| (key.to_owned(), 7)).into()
    }

    fn broken(found: Option<&Values>) -> Vec<Invariant> {
        shared().check(TASKS, found).iter().map(|violation| violation.invariant).collect()
    }

    #[test]
    fn a_session_with_every_acknowledged_write_is_whole() {
        assert_eq!(broken(Some(&whole())), []);
    }

    #[test]
    fn a_write_that_was_not_acknowledged_may_be_there() {
        assert_eq!(
            broken(Some(&Values::from([("1-0".to_owned(), 7)]).into_iter().chain(whole()).collect())),
            []
        );
    }

    #[test]
    fn each_missing_write_is_a_lost_update() {
        let mut found = whole();
        found.remove("1-3");
        assert_eq!(broken(Some(&found)), [Invariant::NoLostUpdate]);
        assert_eq!(broken(None), [Invariant::NoLostUpdate; 4]);
    }

    #[test]
    fn a_key_or_a_value_of_another_session_is_foreign() {
        for (key, value) in [("2-0", 7), ("0-8", 7), ("0-0", 8), (ROUND, 8), ("basket", 7)] {
            let mut found = whole();
            found.insert(key.to_owned(), value);
            assert_eq!(broken(Some(&found)), [Invariant::NoForeignKey], "{key} = {value}");
        }
    }

    #[test]
    fn a_counter_has_every_acknowledged_increment_and_none_that_nobody_made() {
        let counter = Counter { acknowledged: 10, uncertain: 2 };
        let broken = |found| counter.check("counter", found).map(|violation| violation.invariant);
        assert_eq!(
            [9, 10, 12, 13].map(broken),
            [Some(Invariant::NoLostUpdate), None, None, Some(Invariant::NoForeignKey)]
        );
    }
}
