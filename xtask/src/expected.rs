//! Which tests may be ignored where every service must be there.

use crate::{reports::Report, tally::Tally};

/// How the reasons begin that the conformance suite gives for a case that does not apply to a storage: about its
/// capabilities, never about this machine.
const OF_A_CAPABILITY: [&str; 4] =
    ["it does not claim ", "it claims ", "it has no limit of ", "its values are smaller than "];

/// Every ignored test whose reason is another one.
pub(crate) fn wrongly_ignored(tally: &Tally, reports: &[Report]) -> Vec<String> {
    let tests = tally.ignored.iter().map(|(test, reason)| (test.clone(), reason.as_str()));
    let mut wrong: Vec<_> = tests
        .chain(reports.iter().flat_map(Report::ignored_cases))
        .filter(|(_, reason)| !OF_A_CAPABILITY.iter().any(|known| reason.starts_with(known)))
        .map(|(test, reason)| format!("{test}: {}", if reason.is_empty() { "no reason" } else { reason }))
        .collect();
    wrong.sort();
    wrong.dedup();
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_capability_excuses_a_test() {
        let ignored = |test: &str, reason: &str| (test.to_owned(), reason.to_owned());
        let tally = Tally {
            ignored: vec![
                ignored("scan/pages", "it does not claim scan"),
                ignored("slow", ""),
                ignored("redis/get", "no container runtime"),
            ],
            ..Tally::default()
        };
        assert_eq!(wrongly_ignored(&tally, &[]), ["redis/get: no container runtime", "slow: no reason"]);
    }
}
