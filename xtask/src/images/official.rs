//! The images of the official registry.

use std::time::Duration;

use super::step;
use crate::docker::Engine;

/// A few kilobytes that tell whether anything can be pulled.
const PROBE: &str = "hello-world:latest";
const PROBE_LIMIT: Duration = Duration::from_secs(15);
const PULL_LIMIT: Duration = Duration::from_secs(600);

/// What can be had of them: asked at most once, and only if an image is missing.
pub(crate) struct Official<'a> {
    engine: &'a Engine,
    can_pull: Option<bool>,
}

impl<'a> Official<'a> {
    pub(crate) fn on(engine: &'a Engine) -> Self {
        Self { engine, can_pull: None }
    }

    pub(crate) fn is_here(&self, image: &str) -> bool {
        self.engine.has(image)
    }

    /// Pulls it.
    pub(crate) fn can_be_had(&mut self, image: &str) -> bool {
        let engine = self.engine;
        let can_pull = *self.can_pull.get_or_insert_with(|| {
            let pulled = engine.docker(["pull", PROBE]).run_logged(&step::log("pull"), PROBE_LIMIT).is_ok();
            if !pulled {
                println!("xtask: images cannot be pulled here; stand-ins are built instead");
            }
            pulled
        });
        let pull = || engine.docker(["pull", image]).run_logged(&step::log("pull"), PULL_LIMIT);
        can_pull
            && step::run(&format!("pull {image}"), pull)
                .inspect_err(|failure| println!("xtask: {failure}; a stand-in is taken instead"))
                .is_ok()
    }
}
