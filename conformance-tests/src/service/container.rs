use std::{collections::BTreeSet, net::TcpListener, time::Duration};

use futures_util::future::{join, join_all};
use testcontainers::{
    ContainerAsync, ContainerRequest, CopyTargetOptions, GenericImage, ImageExt, ReuseDirective,
    core::{CmdWaitFor, ExecCommand, IntoContainerPort, error::TestcontainersError},
    runners::AsyncRunner,
};
use tokio::time::{sleep, timeout};

use super::{
    Service, Unavailable,
    certificate::{Certificate, save_authority},
    recipe::{APPENDFSYNC, Ports, Recipe, Security},
};

/// How long a server may take until it answers; the first one of an image may have to be pulled.
const START_LIMIT: Duration = Duration::from_secs(300);
const READY_LIMIT: Duration = Duration::from_secs(60);

/// How often something is tried that fails now and then, and how long apart.
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_millis(300);

/// What `cargo xtask test` finds the containers by that it removes.
const LABEL: (&str, &str) = ("org.cloakroom.tests", "1");

/// Files that the containers are given, and give back to a process which did not start them.
const PORTS_FILE: &str = "/cloakroom/ports";
const AUTHORITY_FILE: &str = "/cloakroom/ca.pem";

/// A container with a server in it. Its ports on this machine are ours to choose: an engine that chooses them
/// chooses anew when the container is restarted.
#[derive(Debug)]
pub(super) struct Container {
    service: Service,
    recipe: Recipe,
    container: ContainerAsync<GenericImage>,
    /// On this machine.
    ports: Vec<u16>,
}

impl Container {
    /// The one that all test programs use, started by whoever comes first.
    pub(super) async fn shared(service: Service) -> Result<Self, Unavailable> {
        Self::insist(service, true).await
    }

    /// One that nobody else uses; it is removed when it is dropped.
    pub(super) async fn private(service: Service) -> Result<Self, Unavailable> {
        Self::insist(service, false).await
    }

    async fn insist(service: Service, shared: bool) -> Result<Self, Unavailable> {
        let mut attempt = 1;
        loop {
            match Self::run(service, shared).await {
                // Another program has taken the name, or a port, in the meantime.
                Err(_) if attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
            sleep(PAUSE).await;
        }
    }

    async fn run(service: Service, shared: bool) -> Result<Self, Unavailable> {
        let unavailable = |reason: &dyn std::fmt::Display| Unavailable::new(service, reason);
        let recipe = Recipe::of(service);
        let free = free_ports(recipe.ports.count()).map_err(|error| unavailable(&error))?;
        let mut request = request(&recipe, &free).map_err(|error| unavailable(&error))?;
        // Only one that nobody else uses is ever killed.
        request = request.with_env_var(APPENDFSYNC, if shared { "everysec" } else { "always" });
        if shared {
            // The image is a part of the name: another one must not be answered for by this one.
            request = request.with_container_name(container_name(service)).with_reuse(ReuseDirective::Always);
        }
        let container = request.start().await.map_err(|error| unavailable(&explained(&error)))?;
        let ports = ports(&recipe, &container).await.map_err(|error| unavailable(&error))?;
        let container = Self { service, recipe, container, ports };
        container.is_ready().await?;
        Ok(container)
    }

    pub(super) async fn url(&self) -> Result<String, Unavailable> {
        let authority = match self.recipe.security {
            Security::None => None,
            Security::Tls => {
                let pem = read(&self.container, AUTHORITY_FILE).await.map_err(|error| self.failed(error))?;
                let name = format!("{}-{}", self.service, self.ports[0]);
                Some(save_authority(&name, &pem).map_err(|error| self.failed(error))?)
            }
        };
        Ok(self.recipe.url(&self.ports, authority.as_deref()))
    }

    pub(super) async fn kill(&self) -> Result<(), Unavailable> {
        self.container.stop_with_timeout(Some(0)).await.map_err(|error| self.failed(error))
    }

    pub(super) async fn restart(&self) -> Result<(), Unavailable> {
        self.container.start().await.map_err(|error| self.failed(error))?;
        self.is_ready().await
    }

    pub(super) async fn pause(&self) -> Result<(), Unavailable> {
        let mut attempt = 1;
        loop {
            match self.container.pause().await {
                // The engine does not wait until a busy machine has frozen every process.
                Err(_) if attempt < ATTEMPTS => attempt += 1,
                outcome => return outcome.map_err(|error| self.failed(error)),
            }
            sleep(PAUSE).await;
        }
    }

    pub(super) async fn resume(&self) -> Result<(), Unavailable> {
        self.container.unpause().await.map_err(|error| self.failed(error))
    }

    pub(super) async fn signal(&self, signal: &str, process: u32) -> Result<(), Unavailable> {
        let command = format!("kill -{signal} {process}");
        let done = CmdWaitFor::exit_code(0);
        let kill = ExecCommand::new(["sh", "-c", &command]).with_cmd_ready_condition(done);
        self.container.exec(kill).await.map(drop).map_err(|error| self.failed(error))
    }

    async fn is_ready(&self) -> Result<(), Unavailable> {
        let set_up = async {
            let Some(path) = self.recipe.marker else { return };
            while !read(&self.container, path).await.is_ok_and(|content| !content.is_empty()) {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let probes = self.recipe.probes.iter().map(|(index, probe)| probe.wait(self.ports[*index]));
        if timeout(READY_LIMIT, join(set_up, join_all(probes))).await.is_ok() {
            return Ok(());
        }
        let log = [self.container.stdout_to_vec().await, self.container.stderr_to_vec().await];
        let log = log.into_iter().map(Result::unwrap_or_default).collect::<Vec<_>>().concat();
        let lines: Vec<_> = String::from_utf8_lossy(&log).lines().map(str::to_owned).collect();
        let end = lines[lines.len().saturating_sub(20)..].join("\n");
        Err(self
            .failed(format!("it does not answer after {} s; its log ends:\n{end}", READY_LIMIT.as_secs())))
    }

    fn failed(&self, reason: impl std::fmt::Display) -> Unavailable {
        Unavailable::new(self.service, reason)
    }
}

fn container_name(service: Service) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("cloakroom-tests-{service}-{}", service.origin().chars().map(fit).collect::<String>())
}

fn request(recipe: &Recipe, free: &[u16]) -> Result<ContainerRequest<GenericImage>, String> {
    let (name, tag) = recipe.image.rsplit_once(':').unwrap_or((&recipe.image, "latest"));
    let list = free.iter().map(u16::to_string).collect::<Vec<_>>().join(" ");
    let mut request = GenericImage::new(name, tag)
        .with_label(LABEL.0, LABEL.1)
        .with_startup_timeout(START_LIMIT)
        .with_copy_to(PORTS_FILE, list.clone().into_bytes())
        .with_env_var("PORTS", list);
    for (name, value) in recipe.variables {
        request = request.with_env_var(*name, *value);
    }
    if !recipe.command.is_empty() {
        request = request.with_cmd(recipe.command.iter().copied());
    }
    for (index, port) in free.iter().enumerate() {
        let inside = match recipe.ports {
            Ports::Inside(ports) => ports[index],
            Ports::Same(_) => *port,
        };
        request = request.with_mapped_port(*port, inside.tcp());
    }
    if let Security::Tls = recipe.security {
        let made = Certificate::new().map_err(|error| error.to_string())?;
        // The server may run as a user of its own, so all may read.
        let target = |name: &str| CopyTargetOptions::new(format!("/cloakroom/{name}")).with_mode(0o644);
        request = request
            .with_copy_to(AUTHORITY_FILE, made.authority.into_bytes())
            .with_copy_to(target("certificate.pem"), made.certificate.into_bytes())
            .with_copy_to(target("key.pem"), made.key.into_bytes());
    }
    Ok(request)
}

/// The ports of this machine that lead to the container, which an earlier program may have started.
async fn ports(recipe: &Recipe, container: &ContainerAsync<GenericImage>) -> Result<Vec<u16>, String> {
    match recipe.ports {
        Ports::Inside(inside) => {
            let mapped = container.ports().await.map_err(|error| error.to_string())?;
            let of = |port: &u16| mapped.map_to_host_port_ipv4(port.tcp());
            inside.iter().map(of).collect::<Option<_>>().ok_or_else(|| "its ports are not mapped".to_owned())
        }
        Ports::Same(_) => {
            let list = read(container, PORTS_FILE).await?;
            let list = String::from_utf8_lossy(&list);
            list.split_whitespace()
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map_err(|error: std::num::ParseIntError| error.to_string())
        }
    }
}

async fn read(container: &ContainerAsync<GenericImage>, path: &str) -> Result<Vec<u8>, String> {
    let mut reading =
        container.exec(ExecCommand::new(["cat", path])).await.map_err(|error| error.to_string())?;
    reading.stdout_to_vec().await.map_err(|error| error.to_string())
}

/// Ports that nobody listens on. The bus of a Redis Cluster adds 10,000 to each.
fn free_ports(count: usize) -> Result<Vec<u16>, std::io::Error> {
    let mut held = Vec::new();
    let mut ports = BTreeSet::new();
    while ports.len() < count {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        if port < 55_000 {
            ports.insert(port);
        }
        // Held until all are found, so that none is found twice.
        held.push(listener);
    }
    Ok(ports.into_iter().collect())
}

fn explained(error: &TestcontainersError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
