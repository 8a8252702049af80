//! The images that the tests start containers from, a service each: the official one where it is here or can be
//! pulled, else a stand-in that is built from the packages of Debian and other registries and named by what it is.

mod context;
mod official;
mod recipe;
mod root_file_system;
mod service;
mod stand_in;
mod step;

use std::{env, time::Instant};

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

/// Makes an image ready for every service, from what is nearest: what the user named, the official image, the
/// stand-in; as they are here, then pulled, then built.
pub(crate) fn prepare(engine: &Engine) -> Vec<Ready> {
    let begin = Instant::now();
    let mut official = Official::on(engine);
    let mut ready = Vec::new();
    let mut to_build = Vec::new();
    for service in Service::ALL {
        let mut found = |image: &str, origin| {
            let seconds = begin.elapsed().as_secs_f64();
            ready.push(Ready { service, image: Ok(image.to_owned()), origin, seconds });
        };
        let wish = env::var(service.variable("IMAGE")).ok();
        let recipe = match wish.as_deref() {
            Some(wish) => recipe::named(wish),
            None => Some(service.stand_in()),
        };
        match (recipe, &wish) {
            (None, wish) => found(wish.as_deref().unwrap_or_default(), "named by you"),
            (Some(_), None) if official.is_here(service.official()) => found(service.official(), "official"),
            (Some(recipe), _) if recipe.is_built(engine) => found(recipe.name, "stand-in"),
            (Some(_), None) if official.can_be_had(service.official()) => {
                found(service.official(), "official, pulled");
            }
            (Some(recipe), _) => to_build.push((service, recipe)),
        }
    }
    let recipes: Vec<&Recipe> = to_build.iter().map(|(_, recipe)| *recipe).collect();
    for ((service, recipe), (outcome, end)) in to_build.iter().zip(stand_in::build(engine, &recipes)) {
        let image = outcome.map(|()| recipe.name.to_owned()).map_err(|failure| {
            println!("xtask: {} is not there: {failure}", recipe.name);
            format!("{} could not be built: {}", recipe.name, one_line(&failure))
        });
        let seconds = end.duration_since(begin).as_secs_f64();
        ready.push(Ready { service: *service, image, origin: "stand-in, built", seconds });
    }
    ready.sort_by_key(|ready| ready.service);
    ready
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
