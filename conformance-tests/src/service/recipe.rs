use std::{env, path::Path};

use super::{Service, probe::Probe};

/// How the server of a service is run from its image, asked whether it is ready, and named in a URL.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) service: Service,
    pub(super) image: String,
    pub(super) variables: &'static [(&'static str, &'static str)],
    pub(super) command: &'static [&'static str],
    pub(super) ports: Ports,
    pub(super) security: Security,
    /// A file that the command makes in the container when all is set up.
    pub(super) marker: Option<&'static str>,
    /// Each with the index of the port that it goes to.
    pub(super) probes: Vec<(usize, Probe)>,
}

/// The ports of a container.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ports {
    /// Those of the image.
    Inside(&'static [u16]),
    /// So many, the same inside as outside, as servers tell their clients of each other by them. The command has
    /// them in `$PORTS`.
    Same(usize),
}

impl Ports {
    pub(super) const fn count(self) -> usize {
        match self {
            Self::Inside(ports) => ports.len(),
            Self::Same(count) => count,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Security {
    None,
    Tls,
}

/// The one that a variable such as `CLOAKROOM_IMAGE_REDIS` names, or else the official image. Of FerretDB 1, there is
/// the one that `cargo xtask images` builds, as of PgBouncer with a PostgreSQL beside it.
pub(super) fn image(service: Service) -> String {
    let (name, default) = named_image(service);
    env::var(format!("CLOAKROOM_IMAGE_{name}")).unwrap_or_else(|_| default.to_owned())
}

/// What variables call the service's image.
pub(super) fn image_name(service: Service) -> &'static str {
    named_image(service).0
}

const fn named_image(service: Service) -> (&'static str, &'static str) {
    match service {
        Service::Redis
        | Service::RedisTls
        | Service::RedisCluster
        | Service::RedisClusterTls
        | Service::RedisSentinel
        | Service::RedisSentinelTls => ("REDIS", "redis:8.2"),
        Service::Valkey => ("VALKEY", "valkey/valkey:8.1"),
        Service::Postgres => ("POSTGRES", "postgres:17"),
        Service::Pgbouncer => ("PGBOUNCER", "cloakroom/debian-postgresql:15"),
        Service::Mariadb => ("MARIADB", "mariadb:11.8"),
        Service::Mysql => ("MYSQL", "mysql:8.4"),
        Service::Mongodb => ("MONGODB", "mongo:8"),
        Service::Ferretdb => ("FERRETDB", "cloakroom/ferretdb:1.24"),
        Service::Dynamodb => ("DYNAMODB", "amazon/dynamodb-local:2.6.1"),
    }
}

/// A server that keeps a log on disk, which it syncs as [`APPENDFSYNC`] says.
macro_rules! logging {
    ($program:literal $(, $options:literal)?) => {
        &[
            "sh",
            "-c",
            concat!(
                "exec ",
                $program,
                " --bind 0.0.0.0 --protected-mode no --appendonly yes --appendfsync $APPENDFSYNC"
                $(, $options)?
            ),
        ]
    };
}

const REDIS: &[&str] = logging!("redis-server");
const VALKEY: &[&str] = logging!("valkey-server");
const REDIS_TLS: &[&str] = logging!(
    "redis-server",
    " --tls-port 6380 --tls-cert-file /cloakroom/certificate.pem --tls-key-file /cloakroom/key.pem --tls-ca-cert-file \
     /cloakroom/ca.pem --tls-auth-clients no"
);

/// Tells Redis and Valkey when to sync. `always` is before a write is acknowledged, so that a server which is killed has it
/// when it is back: with `everysec`, the default, one whose disk is slow acknowledges first, and writes up to two seconds
/// later.
pub(super) const APPENDFSYNC: &str = "APPENDFSYNC";

const POSTGRES_ACCOUNT: &[(&str, &str)] =
    &[("POSTGRES_USER", "cloakroom"), ("POSTGRES_PASSWORD", "cloakroom"), ("POSTGRES_DB", "cloakroom")];

const PING: Probe = Probe { question: b"PING\r\n", answers: &["+PONG"] };
const CLUSTER: Probe =
    Probe { question: b"CLUSTER INFO\r\n", answers: &["cluster_state:ok", "cluster_known_nodes:6"] };
const SENTINEL: Probe = Probe {
    question: b"SENTINEL MASTER main\r\n",
    answers: &["num-slaves\r\n$1\r\n1\r\n", "num-other-sentinels\r\n$1\r\n2\r\n"],
};
/// A start-up message (protocol 3.0) of the user and database that the container makes; the answer asks for the
/// password. <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const POSTGRES: Probe = Probe {
    question: b"\0\0\0\x2b\0\x03\0\0user\0cloakroom\0database\0cloakroom\0\0",
    answers: &["R\0\0\0"],
};
/// It and MariaDB greet first, and name the way to sign in.
const MYSQL: Probe = Probe { question: b"", answers: &["_password\0"] };
/// `OP_MSG` of `{hello: 1, $db: "admin"}`. <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/>
const MONGODB: Probe = Probe {
    question: b"\x34\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\
        \x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0",
    answers: &["isWritablePrimary"],
};
const HTTP: Probe = Probe { question: b"GET / HTTP/1.0\r\n\r\n", answers: &["HTTP/1."] };

impl Recipe {
    pub(super) fn of(service: Service) -> Self {
        let recipe = Self {
            service,
            image: image(service),
            variables: &[],
            command: &[],
            ports: Ports::Inside(&[]),
            security: Security::None,
            marker: None,
            probes: vec![(0, PING)],
        };
        match service {
            Service::Redis => Self { command: REDIS, ports: Ports::Inside(&[6379]), ..recipe },
            Service::Valkey => Self { command: VALKEY, ports: Ports::Inside(&[6379]), ..recipe },
            Service::RedisTls => Self {
                command: REDIS_TLS,
                ports: Ports::Inside(&[6379, 6380]),
                security: Security::Tls,
                ..recipe
            },
            Service::RedisCluster => Self {
                command: &["sh", "-c", include_str!("redis-cluster.sh")],
                ports: Ports::Same(6),
                marker: Some("/var/tmp/cluster/made"),
                probes: (0..6).map(|port| (port, CLUSTER)).collect(),
                ..recipe
            },
            Service::RedisClusterTls => Self {
                ports: Ports::Same(12),
                security: Security::Tls,
                probes: (6..12).map(|port| (port, CLUSTER)).collect(),
                service,
                ..Self::of(Service::RedisCluster)
            },
            Service::RedisSentinel => Self {
                command: &["sh", "-c", include_str!("redis-sentinel.sh")],
                ports: Ports::Same(5),
                probes: (2..5).map(|port| (port, SENTINEL)).collect(),
                ..recipe
            },
            Service::RedisSentinelTls => Self {
                ports: Ports::Same(10),
                security: Security::Tls,
                probes: (7..10).map(|port| (port, SENTINEL)).collect(),
                service,
                ..Self::of(Service::RedisSentinel)
            },
            Service::Postgres => Self {
                variables: POSTGRES_ACCOUNT,
                command: &["postgres", "-c", "max_connections=500"],
                ports: Ports::Inside(&[5432]),
                probes: vec![(0, POSTGRES)],
                ..recipe
            },
            Service::Pgbouncer => Self {
                variables: POSTGRES_ACCOUNT,
                command: &["sh", "-c", include_str!("pgbouncer.sh")],
                ports: Ports::Inside(&[6432]),
                probes: vec![(0, POSTGRES)],
                ..recipe
            },
            Service::Mariadb => Self {
                variables: &[("MARIADB_ROOT_PASSWORD", "cloakroom"), ("MARIADB_DATABASE", "cloakroom")],
                command: &["--max-connections=500"],
                ports: Ports::Inside(&[3306]),
                probes: vec![(0, MYSQL)],
                ..recipe
            },
            Service::Mysql => Self {
                variables: &[("MYSQL_ROOT_PASSWORD", "cloakroom"), ("MYSQL_DATABASE", "cloakroom")],
                command: &["--max-connections=500"],
                ports: Ports::Inside(&[3306]),
                probes: vec![(0, MYSQL)],
                ..recipe
            },
            Service::Mongodb | Service::Ferretdb => {
                Self { ports: Ports::Inside(&[27017]), probes: vec![(0, MONGODB)], ..recipe }
            }
            Service::Dynamodb => Self {
                command: &["-jar", "DynamoDBLocal.jar", "-disableTelemetry", "-sharedDb", "-dbPath", "."],
                ports: Ports::Inside(&[8000]),
                probes: vec![(0, HTTP)],
                ..recipe
            },
        }
    }

    /// The URL of the server on these ports of this machine.
    pub(super) fn url(&self, ports: &[u16], authority: Option<&Path>) -> String {
        let authority = authority.map(|path| path.display().to_string()).unwrap_or_default();
        let list = |ports: &[u16]| {
            ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
        };
        match self.service {
            Service::Redis | Service::Valkey => format!("redis://127.0.0.1:{}", ports[0]),
            Service::RedisTls => format!("rediss://127.0.0.1:{}?root_certificate={authority}", ports[1]),
            Service::RedisCluster => format!("redis+cluster://{}", list(ports)),
            Service::RedisClusterTls => {
                format!("rediss+cluster://{}?root_certificate={authority}", list(&ports[..6]))
            }
            Service::RedisSentinelTls => {
                let sentinels = list(&ports[2..5]);
                format!("rediss+sentinel://{sentinels}?service=main&root_certificate={authority}")
            }
            Service::RedisSentinel => format!("redis+sentinel://{}?service=main", list(&ports[2..])),
            Service::Postgres => format!("postgres://cloakroom:cloakroom@127.0.0.1:{}/cloakroom", ports[0]),
            Service::Pgbouncer => format!(
                "postgres://cloakroom:cloakroom@127.0.0.1:{}/cloakroom?statement-cache-capacity=0",
                ports[0]
            ),
            Service::Mariadb | Service::Mysql => {
                format!("mysql://root:cloakroom@127.0.0.1:{}/cloakroom", ports[0])
            }
            Service::Mongodb | Service::Ferretdb => format!("mongodb://127.0.0.1:{}/cloakroom", ports[0]),
            Service::Dynamodb => {
                format!(
                    "dynamodb:cloakroom-{}?region=local&access_key_id=local&secret_access_key=local\
                     &endpoint=http://127.0.0.1:{}",
                    // To reset a namespace reads the whole table, so each test program has its own.
                    std::process::id(),
                    ports[0]
                )
            }
        }
    }
}
