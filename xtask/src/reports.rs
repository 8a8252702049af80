//! The reports of the conformance suites: one JSON file a suite, in `CLOAKROOM_REPORT_DIR`.

use std::{fs, path::Path};

use comfy_table::{CellAlignment, Table, presets};
use serde::Deserialize;

use crate::command::Failure;

/// What one suite found: a backend, or a layer around one.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    pub(crate) suite: String,
    pub(crate) passed: Vec<String>,
    pub(crate) ignored: Vec<Ignored>,
    pub(crate) failed: Vec<Failed>,
}

/// A case that was not run.
#[derive(Debug, Deserialize)]
pub(crate) struct Ignored {
    pub(crate) case: String,
    pub(crate) reason: String,
}

/// A case whose rule is broken.
#[derive(Debug, Deserialize)]
pub(crate) struct Failed {
    pub(crate) case: String,
}

/// Every report in the folder, by suite.
pub(crate) fn read(folder: &Path) -> Result<Vec<Report>, Failure> {
    let file_failure = |reason| Failure::File { path: folder.to_owned(), reason };
    let mut reports = Vec::new();
    for entry in fs::read_dir(folder).map_err(file_failure)? {
        let path = entry.map_err(file_failure)?.path();
        let text =
            fs::read_to_string(&path).map_err(|reason| Failure::File { path: path.clone(), reason })?;
        let report: Report = serde_json::from_str(&text).map_err(|error| Failure::Unreadable {
            what: path.display().to_string(),
            reason: error.to_string(),
        })?;
        reports.push(report);
    }
    reports.sort_by(|one, other| one.suite.cmp(&other.suite));
    Ok(reports)
}

/// Suites down, counts across.
pub(crate) fn table(reports: &[Report]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(["suite", "passed", "ignored", "failed"]);
    for report in reports {
        table.add_row([
            report.suite.clone(),
            report.passed.len().to_string(),
            report.ignored.len().to_string(),
            report.failed.len().to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
