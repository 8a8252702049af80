//! Debian with the packages of several services, installed once and shared by their images.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use super::step;
use crate::{
    command::{Failure, program},
    docker::Engine,
};

/// A Debian release and what is installed on top of its smallest variant.
pub(crate) struct Debian {
    pub(crate) release: &'static str,
    packages: &'static [&'static str],
    /// Of `mmdebstrap`, beside those for all releases.
    options: &'static [&'static str],
}

pub(crate) const BOOKWORM: Debian = Debian {
    release: "bookworm",
    packages: &[
        "redis-server",
        "redis-sentinel",
        "redis-tools",
        "postgresql-15",
        "pgbouncer",
        "mariadb-server",
        "openjdk-17-jre-headless",
    ],
    options: &[],
};

pub(crate) const TRIXIE: Debian = Debian {
    release: "trixie",
    packages: &[
        "valkey-server",
        "valkey-sentinel",
        "valkey-tools",
        "redis-server",
        "redis-sentinel",
        "redis-tools",
    ],
    options: &[],
};

/// Debian's testing release, which changes from day to day.
pub(crate) const FORKY: Debian = Debian {
    release: "forky",
    packages: &["postgresql-18", "postgresql-18-documentdb"],
    // Its index is signed for a week, and mirrors may be older. A stable release's is signed for ever.
    options: &[r#"--aptopt=Acquire::Check-Valid-Until "false""#],
};

/// Debian's unstable release, which changes from hour to hour.
pub(crate) const SID: Debian = Debian {
    release: "sid",
    packages: &["mysql-server-core"],
    options: &[r#"--aptopt=Acquire::Check-Valid-Until "false""#],
};

/// What only costs time and space here: synced files, manuals, and the compiler of PostgreSQL's large queries.
const OPTIONS: &[&str] = &[
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/lib/postgresql/*/lib/bitcode/*",
    // Java's package fails without these folders.
    r#"--setup-hook=mkdir -p "$1/usr/share/man/man1""#,
    // The images make the cluster that they are told to.
    r#"--setup-hook=mkdir -p "$1/etc/postgresql-common""#,
    r#"--setup-hook=echo create_main_cluster=false > "$1/etc/postgresql-common/createcluster.conf""#,
];

const LIMIT: Duration = Duration::from_secs(1800);

impl Debian {
    /// The image of it that others are built on.
    pub(crate) fn image(&self) -> String {
        format!("cloakroom/debian-packages:{}-{}", self.release, self.key())
    }

    /// Another one for every other recipe.
    pub(crate) fn key(&self) -> String {
        let mut hasher = DefaultHasher::new();
        (self.release, self.packages, OPTIONS).hash(&mut hasher);
        self.options.iter().for_each(|option| option.hash(&mut hasher));
        format!("{:016x}", hasher.finish())
    }

    /// Installs it, unless an earlier run has, and gives it to the engine.
    pub(crate) fn build(&self, engine: &Engine) -> Result<(), Failure> {
        if engine.has(&self.image()) {
            return Ok(());
        }
        let archive = step::folder().join(format!("{}-{}.tar", self.release, self.key()));
        if !archive.exists() {
            step::run(&format!("install Debian {}", self.release), || self.install(&archive))?;
        }
        let log = step::log(&format!("import-{}", self.release));
        let image = self.image();
        step::run(&format!("import Debian {}", self.release), || {
            engine.docker(["import"]).args([&archive]).args([&image]).run_logged(&log, LIMIT)
        })
    }

    fn install(&self, archive: &std::path::Path) -> Result<(), Failure> {
        fs::create_dir_all(step::folder()).map_err(Failure::file(&step::folder()))?;
        // Under this name only when it is whole.
        let partial = archive.with_extension("partial.tar");
        program("mmdebstrap")
            .args(["--variant=minbase", "--format=tar"])
            .args([format!("--include={}", self.packages.join(","))])
            .args(OPTIONS)
            .args(self.options)
            .args(proxies().iter().map(|option| format!("--aptopt={option}")))
            .args([self.release])
            .args([&partial])
            .args([mirror()])
            .run_logged(&step::log(&format!("install-{}", self.release)), LIMIT)?;
        fs::rename(&partial, archive).map_err(Failure::file(archive))
    }
}

/// Debian's mirror, as this machine's own sources name it.
fn mirror() -> String {
    let sites = program("apt-get").args(["indextargets", "--format=$(SITE)"]).quiet().unwrap_or_default();
    let of_debian =
        sites.lines().map(|site| site.trim_end_matches('/')).find(|site| site.ends_with("/debian"));
    of_debian.unwrap_or("http://deb.debian.org/debian").to_owned()
}

/// The proxies that this machine's apt uses, as options of apt.
fn proxies() -> Vec<String> {
    let options = ["Acquire::http::Proxy", "Acquire::https::Proxy"];
    let set = program("apt-config")
        .args(["dump", "--format=%f \"%v\"%n"])
        .args(options)
        .quiet()
        .unwrap_or_default();
    set.lines().filter(|line| !line.ends_with("\"\"")).map(str::to_owned).collect()
}
