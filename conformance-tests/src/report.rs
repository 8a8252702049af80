use std::{fmt, fs, io, path::Path};

use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

/// What a suite found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// The name of the suite: a backend, or a layer around one.
    pub suite: String,
    /// The ids of the cases whose rule is kept.
    pub passed: Vec<String>,
    /// The cases that do not apply, or could not be run.
    pub ignored: Vec<Ignored>,
    /// The cases whose rule is broken.
    pub failed: Vec<Failed>,
}

/// A case that was not run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ignored {
    /// The case's id.
    pub case: String,
    /// Why it does not apply.
    pub reason: String,
}

/// A case whose rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failed {
    /// The case's id.
    pub case: String,
    /// How the rule was broken.
    pub message: String,
}

/// How one case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Ignored(String),
    Failed(String),
}

impl Report {
    pub(crate) fn new(suite: &str) -> Self {
        Self { suite: suite.to_owned(), ..Self::default() }
    }

    /// Whether rules were put to the test and none was broken. A run in which no case ran proves nothing and is
    /// no success.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.failed.is_empty() && !self.passed.is_empty()
    }

    /// How many cases there were, ignored ones included.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.passed.len() + self.ignored.len() + self.failed.len()
    }

    pub(crate) fn record(&mut self, case: &str, outcome: Outcome) {
        let case = case.to_owned();
        match outcome {
            Outcome::Passed => self.passed.push(case),
            Outcome::Ignored(reason) => self.ignored.push(Ignored { case, reason }),
            Outcome::Failed(message) => self.failed.push(Failed { case, message }),
        }
    }

    pub(crate) fn sort(&mut self) {
        self.passed.sort();
        self.ignored.sort();
        self.failed.sort();
    }

    /// Writes the report to `<suite>.json` in the folder, which is made if need be.
    ///
    /// # Errors
    /// Where the folder or the file cannot be written.
    pub fn write_to(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let fit = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let name: String = self.suite.chars().map(fit).collect();
        // Whoever reads the folder meanwhile sees the old file or the new one.
        let partial = folder.join(format!(".{name}.{}", std::process::id()));
        fs::write(&partial, serde_json::to_vec_pretty(self).map_err(io::Error::other)?)?;
        fs::rename(partial, folder.join(format!("{name}.json")))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_header(["case", "outcome", "why"]);
        for case in &self.passed {
            table.add_row([case, "passed", ""]);
        }
        for Ignored { case, reason } in &self.ignored {
            table.add_row([case, "ignored", reason]);
        }
        for Failed { case, message } in &self.failed {
            table.add_row([case, "FAILED", message]);
        }
        let (passed, ignored, failed) = (self.passed.len(), self.ignored.len(), self.failed.len());
        writeln!(f, "{table}")?;
        write!(f, "{}: {passed} passed, {ignored} ignored, {failed} failed", self.suite)
    }
}
