//! Every published crate with no feature, with each feature alone and with all: what a user can turn on.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::command::{Failure, cargo};

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    features: BTreeMap<String, Vec<String>>,
    /// The registries that it may be published to: `None` for any.
    publish: Option<Vec<String>>,
}

/// Lints every combination; a feature must neither need another one nor leave dead code without it. And tests what
/// only shows where features are off.
pub(crate) fn run() -> Result<(), Failure> {
    for package in published()? {
        for combination in combinations(&package) {
            println!("{} {}", package.name, combination.join(" "));
            cargo(["clippy", "--quiet", "--package"])
                .args([package.name.as_str()])
                .args(combination)
                .args(["--", "-D", "warnings"])
                .run()?;
        }
    }
    cargo(["test", "--quiet", "--package", "cloakroom", "--no-default-features", "--test", "backends"]).run()
}

fn published() -> Result<Vec<Package>, Failure> {
    let printed = cargo(["metadata", "--format-version=1", "--no-deps"]).output()?;
    let metadata: Metadata = serde_json::from_slice(&printed).map_err(|error| Failure::Unreadable {
        what: "what `cargo metadata` printed".to_owned(),
        reason: error.to_string(),
    })?;
    let may_be_published =
        |package: &Package| package.publish.as_ref().is_none_or(|registries| !registries.is_empty());
    Ok(metadata.packages.into_iter().filter(may_be_published).collect())
}

fn combinations(package: &Package) -> Vec<Vec<&str>> {
    let alone = package
        .features
        .keys()
        .filter(|feature| *feature != "default")
        .map(|feature| vec!["--no-default-features", "--features", feature]);
    let mut combinations = vec![vec!["--no-default-features"]];
    combinations.extend(alone);
    // With no feature or only one, all of them have been had already.
    if combinations.len() > 2 {
        combinations.push(vec!["--all-features"]);
    }
    combinations
}
