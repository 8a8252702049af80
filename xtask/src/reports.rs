//! The reports of the conformance suites: one JSON file a suite, in `CLOAKROOM_REPORT_DIR`.

use std::{collections::BTreeMap, fs, path::Path};

use comfy_table::{CellAlignment, Table, presets};
use serde::Deserialize;

use crate::command::Failure;

/// What one suite found: a backend, or a layer around one.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    suite: String,
    passed: Vec<String>,
    ignored: Vec<Ignored>,
    failed: Vec<Failed>,
}

/// A case that was not run.
#[derive(Debug, Deserialize)]
struct Ignored {
    case: String,
    reason: String,
}

/// A case whose rule is broken; how, the test has printed.
#[derive(Debug, Deserialize)]
struct Failed {
    case: String,
}

/// Every report in the folder, by suite.
pub(crate) fn read(folder: &Path) -> Result<Vec<Report>, Failure> {
    let file_failure = |reason| Failure::File { path: folder.to_owned(), reason };
    let mut reports = Vec::new();
    for entry in fs::read_dir(folder).map_err(file_failure)? {
        let path = entry.map_err(file_failure)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            reports.push(read_one(&path)?);
        }
    }
    reports.sort_by(|one, other| one.suite.cmp(&other.suite));
    Ok(reports)
}

fn read_one(path: &Path) -> Result<Report, Failure> {
    let text = fs::read_to_string(path).map_err(|reason| Failure::File { path: path.to_owned(), reason })?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Unreadable { what: path.display().to_string(), reason: error.to_string() })
}

/// Suites down, outcomes across.
pub(crate) fn table(reports: &[Report]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(["suite", "passed", "failed", "ignored, and why"]);
    for report in reports {
        table.add_row([
            report.suite.clone(),
            report.passed.len().to_string(),
            report.failures(),
            report.ignored(),
        ]);
    }
    if let Some(passed) = table.column_mut(1) {
        passed.set_cell_alignment(CellAlignment::Right);
    }
    table
}

impl Report {
    /// The cases that were ignored, each with its reason.
    pub(crate) fn ignored_cases(&self) -> impl Iterator<Item = (String, &str)> {
        self.ignored
            .iter()
            .map(|Ignored { case, reason }| (format!("{}/{case}", self.suite), reason.as_str()))
    }

    fn failures(&self) -> String {
        let cases: Vec<&str> = self.failed.iter().map(|Failed { case }| case.as_str()).collect();
        if cases.is_empty() { "0".to_owned() } else { format!("{}: {}", cases.len(), cases.join(", ")) }
    }

    fn ignored(&self) -> String {
        let mut by_reason = BTreeMap::<&str, usize>::new();
        for Ignored { reason, .. } in &self.ignored {
            *by_reason.entry(reason).or_default() += 1;
        }
        let lines: Vec<_> = by_reason.iter().map(|(reason, cases)| format!("{cases}: {reason}")).collect();
        if lines.is_empty() { "0".to_owned() } else { lines.join("\n") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_the_suite_is_shown_with_its_reasons() {
        let report: Report = serde_json::from_str(
            r#"{
                "suite": "memory",
                "passed": ["get/missing-is-none", "ttl/never-early"],
                "ignored": [
                    {"case": "scan/default", "reason": "it claims scan"},
                    {"case": "touch/default", "reason": "it claims scan"}
                ],
                "failed": [{"case": "swap/one-winner", "message": "two won"}]
            }"#,
        )
        .unwrap();
        let table = table(&[report]).to_string();
        for shown in ["memory", " 2 ", "1: swap/one-winner", "2: it claims scan"] {
            assert!(table.contains(shown), "{table}");
        }
    }
}
