//! The images that the tests start containers from, a service each: the official one where it is here or can be
//! pulled, else a stand-in that is built from the packages of Debian and other registries and named by what it is.

mod context;
mod official;
mod recipe;
mod root_file_system;
mod service;
mod stand_in;
mod step;

use std::{collections::BTreeMap, env, time::Instant};

use comfy_table::{Table, presets};

pub(crate) use self::service::Service;
use self::{official::Official, recipe::Recipe};
use crate::docker::Engine;

/// What came of a service's image.
pub(crate) struct Ready {
    service: Service,
    /// The image, or why there is none.
    image: Result<String, String>,
    origin: &'static str,
    seconds: f64,
}

impl Ready {
    /// No image, and why.
    pub(crate) fn not(service: Service, reason: &str) -> Self {
        Self { service, image: Err(reason.to_owned()), origin: "none", seconds: 0.0 }
    }

    /// Name and value of the environment variable that tells the tests.
    pub(crate) fn variable(&self) -> (String, String) {
        match &self.image {
            Ok(image) => (self.service.variable("IMAGE"), image.clone()),
            Err(reason) => (self.service.variable("MISSING"), reason.clone()),
        }
    }

    /// Why there is no image.
    pub(crate) fn missing(&self) -> Option<String> {
        self.image.as_ref().err().map(|reason| format!("{}: {reason}", self.service.name()))
    }
}

/// A stand-in that is not there yet.
struct Missing {
    service: Service,
    recipe: &'static Recipe,
    /// Taken, where it is there, if the other cannot be built.
    second: Option<&'static Recipe>,
}

/// Makes an image ready for every service, from what is nearest: what the user named, the official image, the
/// stand-in; as they are here, then pulled, then built.
pub(crate) fn prepare(engine: &Engine) -> Vec<Ready> {
    let begin = Instant::now();
    let mut official = Official::on(engine);
    let mut ready = Vec::new();
    let mut missing = Vec::new();
    for service in Service::ALL {
        let mut found = |image: &str, origin| {
            let seconds = begin.elapsed().as_secs_f64();
            ready.push(Ready { service, image: Ok(image.to_owned()), origin, seconds });
        };
        let (image, recipe, second) = match env::var(service.variable("IMAGE")) {
            Err(_) => (service.official(), service.stand_in(), service.second_stand_in()),
            Ok(wish) => match recipe::named(&wish) {
                Some(recipe) => (None, recipe, None),
                None => {
                    found(&wish, "named by you");
                    continue;
                }
            },
        };
        if let Some(image) = image.filter(|image| official.is_here(image)) {
            found(image, "official");
        } else if recipe.is_built(engine) {
            found(recipe.name, "stand-in");
        } else if let Some(image) = image.filter(|image| official.can_be_had(image)) {
            found(image, "official, pulled");
        } else {
            missing.push(Missing { service, recipe, second });
        }
    }
    ready.extend(build(engine, &missing, begin));
    ready.sort_by_key(|ready| ready.service);
    ready
}

fn build(engine: &Engine, missing: &[Missing], begin: Instant) -> Vec<Ready> {
    let mut recipes: Vec<&Recipe> = missing.iter().map(|missing| missing.recipe).collect();
    // Two services may have been told to take the same.
    recipes.sort_by_key(|recipe| recipe.name);
    recipes.dedup_by_key(|recipe| recipe.name);
    let outcomes: BTreeMap<&str, _> =
        recipes.iter().map(|recipe| recipe.name).zip(stand_in::build(engine, &recipes)).collect();
    let ready = |Missing { service, recipe, second }: &Missing| {
        let (outcome, end) = &outcomes[recipe.name];
        let seconds = end.duration_since(begin).as_secs_f64();
        let Err(failure) = outcome else {
            let image = Ok(recipe.name.to_owned());
            return Ready { service: *service, image, origin: "stand-in, built", seconds };
        };
        println!("xtask: {} is not there: {failure}", recipe.name);
        if let Some(second) = second.filter(|second| second.is_built(engine)) {
            let image = Ok(second.name.to_owned());
            return Ready { service: *service, image, origin: "second stand-in", seconds };
        }
        let reason = format!("{} could not be built: {}", recipe.name, one_line(failure));
        Ready { service: *service, image: Err(reason), origin: "stand-in, built", seconds }
    };
    missing.iter().map(ready).collect()
}

/// Services down, their images across.
pub(crate) fn table(images: &[Ready]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(["service", "image", "origin", "ready after"]);
    for Ready { service, image, origin, seconds } in images {
        let image = image.as_ref().unwrap_or_else(|reason| reason);
        table.add_row([service.name(), image, origin, &format!("{seconds:.1} s")]);
    }
    table
}

fn one_line(failure: &str) -> &str {
    failure.lines().next().unwrap_or_default().trim_end_matches(':')
}
