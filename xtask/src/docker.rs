//! A Docker engine: the one that this machine has, or one that is installed and started where it may be.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    command::{Failure, Program, end_of, program, target},
    debian,
};

/// The label of everything that the tests start.
const OF_TESTS: &str = "label=org.cloakroom.tests=1";

/// Where `dockerd` listens if nothing else is said.
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// How long an engine may take to start.
const START_LIMIT: Duration = Duration::from_secs(60);

/// What to start the engine with, in turn, until it runs: its own choice, then the storage that works on any
/// file system.
const DAEMON_ARGUMENTS: [&[&str]; 2] = [&[], &["--storage-driver=vfs"]];

/// An engine that answers.
pub(crate) struct Engine {
    host: String,
}

impl Engine {
    /// The engine that the `docker` command reaches; where none runs, one is started.
    pub(crate) fn find_or_start() -> Result<Self, Failure> {
        if which::which("docker").is_ok() {
            let engine = Self::of_command()?;
            if engine.answers() {
                return Ok(engine);
            }
            engine.check_host()?;
        }
        if !debian::may_install() {
            let cure = "no Docker engine answers; start Docker, be allowed to use it, or set DOCKER_HOST";
            return Err(Failure::Missing(cure.to_owned()));
        }
        install()?;
        let engine = Self::of_command()?;
        if !engine.answers() {
            engine.check_host()?;
            engine.start()?;
        }
        Ok(engine)
    }

    /// An engine that does not answer is only started where it would then be the one that is asked for.
    fn check_host(&self) -> Result<(), Failure> {
        if self.host == DEFAULT_HOST {
            return Ok(());
        }
        let host = &self.host;
        let cure = format!(
            "no Docker engine answers at {host}; start it, or change DOCKER_HOST or the docker context"
        );
        Err(Failure::Missing(cure))
    }

    /// What DOCKER_HOST, else the current context, says.
    fn of_command() -> Result<Self, Failure> {
        let format = "--format={{.Endpoints.docker.Host}}";
        Ok(Self { host: program("docker").args(["context", "inspect", format]).quiet()? })
    }

    /// The address, as DOCKER_HOST takes it.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The `docker` command for this engine.
    pub(crate) fn docker<const N: usize>(&self, arguments: [&str; N]) -> Program {
        program("docker").args(arguments).env("DOCKER_HOST", &self.host)
    }

    /// Whether it has this image.
    pub(crate) fn has(&self, image: &str) -> bool {
        self.docker(["image", "inspect", image]).quiet().is_ok()
    }

    /// Removes the containers and networks of tests.
    pub(crate) fn remove_what_tests_left(&self) -> Result<(), Failure> {
        let containers = self.docker(["ps", "--all", "--quiet", "--filter", OF_TESTS]).quiet()?;
        if !containers.is_empty() {
            println!("xtask: removing {} containers of tests", containers.lines().count());
            self.docker(["rm", "--force", "--volumes"]).args(containers.lines()).quiet()?;
        }
        let networks = self.docker(["network", "ls", "--quiet", "--filter", OF_TESTS]).quiet()?;
        if !networks.is_empty() {
            self.docker(["network", "rm"]).args(networks.lines()).quiet()?;
        }
        Ok(())
    }

    fn answers(&self) -> bool {
        self.docker(["version", "--format={{.Server.Version}}"]).quiet().is_ok()
    }

    /// Starts `dockerd`, which goes on after this task.
    fn start(&self) -> Result<(), Failure> {
        let log = target().join("docker").join("dockerd.log");
        let begin = Instant::now();
        for arguments in DAEMON_ARGUMENTS {
            println!("xtask: no Docker engine answers; starting dockerd {}", arguments.join(" "));
            let mut daemon = program("dockerd").args(arguments).start_detached(&log)?;
            while begin.elapsed() < START_LIMIT {
                if self.answers() {
                    println!("xtask: dockerd {} runs, its log is {}", daemon.id(), log.display());
                    return Ok(());
                }
                if daemon.try_wait().map_err(Failure::file(&log))?.is_some() {
                    break;
                }
                thread::sleep(Duration::from_millis(200));
            }
            if daemon.try_wait().map_err(Failure::file(&log))?.is_none() {
                daemon.kill().map_err(Failure::file(&log))?;
                break;
            }
        }
        let end = end_of(&log);
        Err(Failure::Missing(format!("dockerd does not run; the end of {}:\n{end}", log.display())))
    }
}

/// Makes `docker` and `dockerd` available.
fn install() -> Result<(), Failure> {
    if which::which("dockerd").is_err() {
        println!("xtask: no Docker engine found; installing docker.io");
        debian::install(&["docker.io"])?;
    }
    // Newer Debian releases have the command in a package of its own.
    if which::which("docker").is_err() {
        println!("xtask: no docker command found; installing docker-cli");
        debian::install(&["docker-cli"])?;
    }
    Ok(())
}
