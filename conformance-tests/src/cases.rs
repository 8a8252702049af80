//! The one list of cases, a file for each subject.

use std::sync::LazyLock;

use crate::Case;

mod basic;
mod cancellation;
mod close;
mod error;
mod key;
mod namespace;
mod ping;
mod purge;
mod reset;
mod scan;
mod swap;
mod swap_races;
mod touch;
mod ttl;
mod value;

/// Every case, by subject.
///
/// ```
/// let case = cloakroom_conformance::cases().iter().find(|case| case.id() == "touch/expired-is-not-revived");
/// assert!(case.is_some_and(|case| case.rule().contains("expired")));
/// ```
#[must_use]
pub fn cases() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let subjects = [
            basic::cases(),
            ttl::cases(),
            key::cases(),
            value::cases(),
            reset::cases(),
            namespace::cases(),
            touch::cases(),
            swap::cases(),
            swap_races::cases(),
            scan::cases(),
            purge::cases(),
            cancellation::cases(),
            ping::cases(),
            close::cases(),
            error::cases(),
        ];
        subjects.into_iter().flatten().collect()
    });
    &CASES
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::cases;

    #[test]
    fn every_case_has_an_id_of_its_own_and_a_rule() {
        let ids: HashSet<_> = cases().iter().map(crate::Case::id).collect();
        assert_eq!(ids.len(), cases().len());
        assert!(cases().iter().all(|case| case.rule().ends_with('.')));
    }
}
