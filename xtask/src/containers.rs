//! What tests need to start containers: an engine, images, and a clean start and end.

use crate::{
    command::Failure,
    docker::Engine,
    images::{self, Ready, Service},
};

/// The containers of one run of the tests; dropped, they are removed.
pub(crate) struct Containers {
    engine: Option<Engine>,
    images: Vec<Ready>,
    keep: bool,
}

/// `cargo xtask images`: the images only.
pub(crate) fn images() -> Result<(), Failure> {
    let engine = Engine::find_or_start()?;
    let images = images::prepare(&engine);
    println!("\n{}", images::table(&images));
    let missing: Vec<_> = images.iter().filter_map(Ready::missing).collect();
    if missing.is_empty() { Ok(()) } else { Err(Failure::Missing(missing.join("\n"))) }
}

impl Containers {
    /// Finds or starts an engine, removes what an earlier run left and makes the images ready. What fails is said
    /// here and handed to the tests, which are ignored then.
    pub(crate) fn prepare(keep: bool) -> Self {
        let engine = match Engine::find_or_start() {
            Ok(engine) => engine,
            Err(failure) => {
                println!("xtask: {failure}");
                return Self::without(&failure.to_string());
            }
        };
        let images = images::prepare(&engine);
        println!("\n{}\n", images::table(&images));
        let containers = Self { engine: Some(engine), images, keep };
        containers.remove_leftovers();
        containers
    }

    /// None, as the caller wants.
    pub(crate) fn refused() -> Self {
        Self::without("`cargo xtask` was told to do without containers")
    }

    fn without(reason: &str) -> Self {
        // One line: it becomes the reason of every ignored test.
        let reason = reason.lines().next().unwrap_or_default();
        let images = Service::ALL.iter().map(|service| Ready::not(*service, reason)).collect();
        Self { engine: None, images, keep: true }
    }

    /// What the tests are told: `CLOAKROOM_IMAGE_<SERVICE>`, or why there is none in `CLOAKROOM_MISSING_<SERVICE>`.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let host = self.engine.iter().map(|engine| ("DOCKER_HOST".to_owned(), engine.host().to_owned()));
        host.chain(self.images.iter().map(Ready::variable)).collect()
    }

    fn remove_leftovers(&self) {
        let Some(engine) = self.engine.as_ref().filter(|_| !self.keep) else { return };
        if let Err(failure) = engine.remove_what_tests_left() {
            println!("xtask: {failure}; containers of tests may be left over");
        }
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        self.remove_leftovers();
    }
}
