//! The folder that Docker builds from: the recipe's own, or a copy of it with what Maven or Go add.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    recipe::{Content, Recipe},
    step,
};
use crate::command::{Failure, program};

const LIMIT: Duration = Duration::from_secs(1800);

/// Makes it, unless an earlier run has.
pub(crate) fn prepare(recipe: &Recipe) -> Result<PathBuf, Failure> {
    if matches!(recipe.content, Content::Package { .. }) {
        return Ok(recipe.source());
    }
    let folder = step::folder().join(format!("{}-{}", recipe.folder, recipe.files_key()?));
    if !folder.exists() {
        // Under this name only when it is whole.
        let partial = folder.with_extension("partial");
        copy(&recipe.source(), &partial)?;
        match recipe.content {
            Content::Package { .. } => {}
            Content::Maven => step::run("fetch DynamoDB Local from Maven", || maven(&partial))?,
            Content::Go { .. } => step::run(&format!("compile {}", recipe.folder), || go(recipe, &partial))?,
        }
        fs::rename(&partial, &folder).map_err(Failure::file(&folder))?;
    }
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Failure::file(to)(error)),
        _ => fs::create_dir_all(to).map_err(Failure::file(to))?,
    }
    for entry in fs::read_dir(from).map_err(Failure::file(from))? {
        let entry = entry.map_err(Failure::file(from))?;
        fs::copy(entry.path(), to.join(entry.file_name())).map_err(Failure::file(&entry.path()))?;
    }
    Ok(())
}

fn maven(folder: &Path) -> Result<(), Failure> {
    let lib = folder.join("lib");
    program("mvn")
        .args(["--batch-mode", "dependency:copy-dependencies", "-DincludeScope=runtime", "--file"])
        .args([folder.join("pom.xml")])
        .args([format!("-DoutputDirectory={}", lib.display())])
        .run_logged(&step::log("maven"), LIMIT)
}

fn go(recipe: &Recipe, folder: &Path) -> Result<(), Failure> {
    program("go")
        .args(["build", "-C"])
        .args([folder])
        .args(["-trimpath", "-ldflags=-s -w", "-o", "ferretdb", "."])
        // Static, so that it runs in whatever image.
        .env("CGO_ENABLED", "0")
        .run_logged(&step::log(&format!("go-{}", recipe.folder)), LIMIT)
}
