//! The stand-ins: what each is made of. The name says what is really in it, down to the version.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

use super::root_file_system::{BOOKWORM, Debian, FORKY, SID, TRIXIE};
use crate::{
    command::{Failure, root},
    docker::Engine,
};

/// How one stand-in is made: a folder of `xtask/images/` with a Dockerfile, on top of Debian.
pub(crate) struct Recipe {
    /// The image's name and the version that its tag promises.
    pub(crate) name: &'static str,
    pub(crate) base: &'static Debian,
    pub(crate) folder: &'static str,
    pub(crate) content: Content,
}

/// Where the server itself comes from.
pub(crate) enum Content {
    /// A package of the base, which must have the version that the name promises.
    Package { package: &'static str, build_arguments: &'static [&'static str] },
    /// `pom.xml`: the jars are put into `lib/`.
    Maven,
    /// `main.go`: the program is built as `ferretdb`. A package of the base that it needs has whatever version the base
    /// has, which is shown.
    Go { needs: Option<&'static str> },
}

pub(crate) const REDIS: Recipe = Recipe {
    name: "cloakroom/debian-redis:7.0",
    base: &BOOKWORM,
    folder: "redis",
    content: Content::Package { package: "redis-server", build_arguments: &["SERVER=redis"] },
};

/// Taken where `CLOAKROOM_IMAGE_REDIS` names it.
pub(crate) const REDIS_8: Recipe = Recipe { name: "cloakroom/debian-redis:8.0", base: &TRIXIE, ..REDIS };

pub(crate) const VALKEY: Recipe = Recipe {
    name: "cloakroom/debian-valkey:8.1",
    base: &TRIXIE,
    folder: "redis",
    content: Content::Package { package: "valkey-server", build_arguments: &["SERVER=valkey"] },
};

pub(crate) const POSTGRESQL: Recipe = Recipe {
    name: "cloakroom/debian-postgresql:15",
    base: &BOOKWORM,
    folder: "postgresql",
    content: Content::Package { package: "postgresql-15", build_arguments: &[] },
};

pub(crate) const MARIADB: Recipe = Recipe {
    name: "cloakroom/debian-mariadb:10.11",
    base: &BOOKWORM,
    folder: "mariadb",
    content: Content::Package { package: "mariadb-server", build_arguments: &[] },
};

/// The major version only, as the release it comes from rolls on.
pub(crate) const MYSQL: Recipe = Recipe {
    name: "cloakroom/debian-mysql:9",
    base: &SID,
    folder: "mysql",
    content: Content::Package { package: "mysql-server-core", build_arguments: &[] },
};

pub(crate) const FERRETDB: Recipe = Recipe {
    name: "cloakroom/ferretdb:1.24",
    base: &BOOKWORM,
    folder: "ferretdb",
    content: Content::Go { needs: None },
};

/// What FerretDB 2 needs is in Debian's testing release alone, which changes from day to day: what was built yesterday
/// may not be built tomorrow.
pub(crate) const FERRETDB_DOCUMENTDB: Recipe = Recipe {
    name: "cloakroom/ferretdb-documentdb:2.7",
    base: &FORKY,
    folder: "ferretdb-documentdb",
    content: Content::Go { needs: Some("postgresql-18-documentdb") },
};

pub(crate) const DYNAMODB_LOCAL: Recipe = Recipe {
    name: "cloakroom/dynamodb-local:2.6.1",
    base: &BOOKWORM,
    folder: "dynamodb-local",
    content: Content::Maven,
};

const ALL: [&Recipe; 9] = [
    &REDIS,
    &REDIS_8,
    &VALKEY,
    &POSTGRESQL,
    &MARIADB,
    &MYSQL,
    &FERRETDB,
    &FERRETDB_DOCUMENTDB,
    &DYNAMODB_LOCAL,
];

/// The stand-in of this name.
pub(crate) fn named(name: &str) -> Option<&'static Recipe> {
    ALL.into_iter().find(|recipe| recipe.name == name)
}

impl Recipe {
    /// The version that the name promises.
    pub(crate) fn version(&self) -> &'static str {
        self.name.rsplit_once(':').map_or("", |(_, version)| version)
    }

    /// The folder of the Dockerfile and what it copies.
    pub(crate) fn source(&self) -> PathBuf {
        root().join("xtask").join("images").join(self.folder)
    }

    /// Whether the engine has it, made by this very recipe.
    pub(crate) fn is_built(&self, engine: &Engine) -> bool {
        let format = "--format={{index .Config.Labels \"org.cloakroom.recipe\"}}";
        let label = engine.docker(["image", "inspect", format, self.name]).quiet();
        self.key().is_ok_and(|key| label.is_ok_and(|label| label == key))
    }

    /// Another one for every other recipe: base, files, arguments.
    pub(crate) fn key(&self) -> Result<String, Failure> {
        let mut hasher = DefaultHasher::new();
        self.base.key().hash(&mut hasher);
        self.files_key()?.hash(&mut hasher);
        if let Content::Package { package, build_arguments } = self.content {
            (package, build_arguments).hash(&mut hasher);
        }
        Ok(format!("{:016x}", hasher.finish()))
    }

    /// Another one where a file of the folder has changed.
    pub(crate) fn files_key(&self) -> Result<String, Failure> {
        let source = self.source();
        let mut files = fs::read_dir(&source)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>())
            .map_err(Failure::file(&source))?;
        files.sort();
        let mut hasher = DefaultHasher::new();
        for file in files {
            file.file_name().hash(&mut hasher);
            fs::read(&file).map_err(Failure::file(&file))?.hash(&mut hasher);
        }
        Ok(format!("{:016x}", hasher.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_package_has_the_version_of_the_name() {
        let pinned = |recipe: &Recipe, file: &str| fs::read_to_string(recipe.source().join(file)).unwrap();
        let pom = pinned(&DYNAMODB_LOCAL, "pom.xml");
        assert!(pom.contains(&format!("<version>{}</version>", DYNAMODB_LOCAL.version())), "{pom}");
        for (recipe, module) in [(&FERRETDB, "FerretDB"), (&FERRETDB_DOCUMENTDB, "FerretDB/v2")] {
            let go_mod = pinned(recipe, "go.mod");
            assert!(go_mod.contains(&format!("FerretDB/{module} v{}.", recipe.version())), "{go_mod}");
        }
    }

    #[test]
    fn every_recipe_has_a_key_of_its_own() {
        let mut keys: Vec<_> = ALL.iter().map(|recipe| recipe.key().unwrap()).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), ALL.len());
    }

    #[test]
    fn no_stand_in_is_named_like_an_official_image() {
        assert!(ALL.iter().all(|recipe| recipe.name.starts_with("cloakroom/")));
        assert!(ALL.iter().all(|recipe| !recipe.name.contains("mongo")));
    }
}
