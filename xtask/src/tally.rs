//! Counts what the test programs say of themselves, line by line.

/// What all test programs of one `cargo test` said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Each ignored test and the reason, empty where the program shows none.
    pub(crate) ignored: Vec<(String, String)>,
}

impl Tally {
    /// Reads one line that a test program printed.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
        } else if let Some((name, reason)) = ignored(line) {
            self.ignored.push((name.to_owned(), reason.to_owned()));
        }
    }
}

/// The number before `what`, as in `ok. 9 passed; 0 failed; 1 ignored`.
fn count(counts: &str, what: &str) -> u64 {
    let before = counts.split([';', '.']).find_map(|part| part.trim().strip_suffix(what));
    before.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// Name and reason of `test NAME ... ignored, REASON`, or `… ignored (REASON)` from a conformance suite.
fn ignored(line: &str) -> Option<(&str, &str)> {
    let (name, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let reason = outcome.strip_prefix("ignored")?;
    let in_brackets = reason.strip_prefix(" (").and_then(|reason| reason.strip_suffix(')'));
    Some((name.trim_end(), in_brackets.unwrap_or(reason.trim_start_matches(", "))))
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn passed_failed_and_ignored_are_counted_over_several_programs() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test a_guest_stays_a_guest ... ok",
            "test scan/pages            ... ignored (it does not claim scan)",
            "test a_slow_test ... ignored, slow",
            "test result: ok. 2 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test src/lib.rs - (line 12) ... ok",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        ] {
            tally.read(line);
        }
        assert_eq!((tally.passed, tally.failed), (3, 2));
        let reasons: Vec<_> = tally.ignored.iter().map(|(test, why)| (test.as_str(), why.as_str())).collect();
        assert_eq!(reasons, [("scan/pages", "it does not claim scan"), ("a_slow_test", "slow")]);
    }
}
