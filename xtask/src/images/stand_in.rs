//! Building the stand-ins: what takes long at the same time, then the images one by one.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use super::{
    context,
    recipe::{Content, Recipe},
    root_file_system::Debian,
    step,
};
use crate::{command::Failure, debian, docker::Engine};

const LIMIT: Duration = Duration::from_secs(600);

/// Builds each, and says when it was there; a failure is that recipe's alone.
pub(crate) fn build(engine: &Engine, recipes: &[&Recipe]) -> Vec<(Result<(), String>, Instant)> {
    if recipes.is_empty() {
        return Vec::new();
    }
    let names: Vec<_> = recipes.iter().map(|recipe| recipe.name).collect();
    println!("xtask: building {}", names.join(", "));
    install_tools(engine, recipes);
    let debians: BTreeMap<&str, &Debian> =
        recipes.iter().map(|recipe| (recipe.base.release, recipe.base)).collect();
    thread::scope(|scope| {
        let bases: BTreeMap<&str, _> = debians
            .into_iter()
            .map(|(release, debian)| (release, scope.spawn(move || debian.build(engine).map_err(text))))
            .collect();
        let contexts: Vec<_> = recipes
            .iter()
            .map(|recipe| scope.spawn(move || context::prepare(recipe).map_err(text)))
            .collect();
        let bases: BTreeMap<&str, Result<(), String>> =
            bases.into_iter().map(|(release, base)| (release, joined(base))).collect();
        let contexts: Vec<Result<PathBuf, String>> = contexts.into_iter().map(joined).collect();
        recipes
            .iter()
            .zip(contexts)
            .map(|(recipe, context)| {
                let parts = bases[recipe.base.release].clone().and(context);
                let built = parts.and_then(|context| {
                    step::run(recipe.name, || image(engine, recipe, context)).map_err(text)
                });
                (built, Instant::now())
            })
            .collect()
    })
}

fn text(failure: Failure) -> String {
    failure.to_string()
}

fn joined<T>(handle: thread::ScopedJoinHandle<'_, T>) -> T {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The image itself, from what is ready by now.
fn image(engine: &Engine, recipe: &Recipe, context: PathBuf) -> Result<(), Failure> {
    check_version(engine, recipe)?;
    let arguments = match recipe.content {
        Content::Package { build_arguments, .. } => build_arguments,
        Content::Maven | Content::Go { .. } => &[],
    };
    engine
        .docker(["build", "--tag", recipe.name])
        .args(["--label", &format!("org.cloakroom.recipe={}", recipe.key()?)])
        .args(["--build-arg", &format!("BASE={}", recipe.base.image())])
        .args(arguments.iter().flat_map(|argument| ["--build-arg", argument]))
        .args([context])
        .run_logged(&step::log(&recipe.name.replace(['/', ':'], "-")), LIMIT)
}

/// Nothing is given a name that it does not keep; a version that the name does not promise is shown.
fn check_version(engine: &Engine, recipe: &Recipe) -> Result<(), Failure> {
    let (Content::Package { package, .. } | Content::Go { needs: Some(package) }) = recipe.content else {
        return Ok(());
    };
    let base = recipe.base.image();
    let query =
        ["run", "--rm", &base, "dpkg-query", "--showformat=${source:Upstream-Version}", "--show", package];
    let installed = engine.docker(query).quiet()?;
    if let Content::Go { .. } = recipe.content {
        println!("xtask: {} has {package} {installed}", recipe.name);
        return Ok(());
    }
    if installed.starts_with(&format!("{}.", recipe.version())) {
        return Ok(());
    }
    let release = recipe.base.release;
    Err(Failure::Missing(format!(
        "{package} of {release} is {installed}, not {}; correct the name in xtask/src/images/recipe.rs",
        recipe.version()
    )))
}

/// Installs the tools that the recipes need and this machine lacks; where that fails, the steps that need them say so.
fn install_tools(engine: &Engine, recipes: &[&Recipe]) {
    let of_content = recipes.iter().filter_map(|recipe| match recipe.content {
        Content::Package { .. } => None,
        Content::Maven => Some(("mvn", "maven")),
        Content::Go { .. } => Some(("go", "golang-go")),
    });
    let needs_debian = recipes.iter().any(|recipe| !engine.has(&recipe.base.image()));
    let mut missing: Vec<_> =
        of_content.chain(needs_debian.then_some(("mmdebstrap", "mmdebstrap"))).collect();
    missing.retain(|(tool, _)| which::which(tool).is_err());
    let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return;
    }
    if !debian::may_install() {
        println!("xtask: not found: {}; on Debian: apt-get install {0}", packages.join(" "));
        return;
    }
    println!("xtask: installing {}", packages.join(" and "));
    if let Err(failure) = debian::install(&packages) {
        println!("xtask: {failure}");
    }
}
