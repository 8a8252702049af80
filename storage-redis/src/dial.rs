//! Opening a connection to the server that is the master now.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    ProtocolVersion, PushInfo, RedisConnectionInfo, RedisError, TlsCertificates, Value,
    aio::MultiplexedConnection,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use tokio::time::timeout;

use crate::{
    RedisConfig,
    config::Wait,
    fault::{Fault, answer},
    sentinel::Sentinels,
    server,
    url::{Credentials, Host, Location, Place},
};

/// What a connection is told that it ended by; must not block.
pub(crate) trait OnPush: Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static {}

impl<F: Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static> OnPush for F {}

/// How to speak to a server, wherever it is.
#[derive(Clone)]
pub(crate) struct Manner {
    pub(crate) certificates: Option<TlsCertificates>,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    nodelay: bool,
    credentials: Credentials,
    database: i64,
    tls: bool,
}

impl Manner {
    pub(crate) fn new(config: &RedisConfig, location: &Location, wait: Option<Wait>) -> Self {
        Self {
            certificates: None,
            connect_timeout: config.connect_timeout,
            response_timeout: config.response_timeout,
            nodelay: config.tcp_nodelay.unwrap_or(wait.is_some()),
            credentials: location.credentials.clone(),
            database: location.database,
            tls: location.tls,
        }
    }

    pub(crate) fn with_certificates(
        mut self,
        root_cert: Option<Vec<u8>>,
        client_tls: Option<ClientTlsConfig>,
    ) -> Self {
        self.certificates = self.tls.then_some(TlsCertificates { client_tls, root_cert });
        self
    }

    /// For sockets that outlive their peers: one that acknowledges nothing for the connect timeout is dead, and one
    /// that nothing was sent on is asked.
    pub(crate) fn tcp_settings(&self) -> TcpSettings {
        let pause = self.connect_timeout.max(Duration::from_secs(1));
        let keepalive = TcpKeepalive::new().with_time(2 * pause).with_interval(pause);
        let settings = TcpSettings::default().set_nodelay(self.nodelay).set_keepalive(keepalive);
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        let settings = settings.set_user_timeout(self.connect_timeout);
        settings
    }

    /// A server that holds data.
    pub(crate) fn server(&self, host: &Host) -> Result<ConnectionInfo, RedisError> {
        let Credentials { username, password, .. } = &self.credentials;
        let settings = redis_settings(username.as_deref(), password.as_deref()).set_db(self.database);
        self.info(self.address(host), settings)
    }

    fn socket(&self, path: &std::path::Path) -> Result<ConnectionInfo, RedisError> {
        let Credentials { username, password, .. } = &self.credentials;
        let settings = redis_settings(username.as_deref(), password.as_deref()).set_db(self.database);
        self.info(ConnectionAddr::Unix(path.to_owned()), settings)
    }

    fn sentinel(&self, host: &Host) -> Result<ConnectionInfo, RedisError> {
        let Credentials { sentinel_username, sentinel_password, .. } = &self.credentials;
        let settings = redis_settings(sentinel_username.as_deref(), sentinel_password.as_deref());
        self.info(self.address(host), settings)
    }

    fn address(&self, Host { name, port }: &Host) -> ConnectionAddr {
        if self.tls {
            ConnectionAddr::TcpTls { host: name.clone(), port: *port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(name.clone(), *port)
        }
    }

    fn info(
        &self,
        address: ConnectionAddr,
        settings: RedisConnectionInfo,
    ) -> Result<ConnectionInfo, RedisError> {
        let info = address.into_connection_info()?;
        Ok(info.set_redis_settings(settings).set_tcp_settings(self.tcp_settings()))
    }

    fn client(&self, info: ConnectionInfo) -> Result<Client, RedisError> {
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }

    /// A connection to a server, whatever its role.
    pub(crate) async fn open(
        &self,
        host: &Host,
        limit: Duration,
        on_push: impl OnPush,
    ) -> Result<MultiplexedConnection, RedisError> {
        let config = self.connection_config().set_connection_timeout(Some(limit)).set_push_sender(on_push);
        self.client(self.server(host)?)?.get_multiplexed_async_connection_with_config(&config).await
    }

    fn connection_config(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.response_timeout))
    }
}

/// RESP3, because its connections say when they end; over RESP2 only the next request would notice.
fn redis_settings(username: Option<&str>, password: Option<&str>) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_lib_name("cloakroom", env!("CARGO_PKG_VERSION"));
    if let Some(username) = username {
        settings = settings.set_username(username);
    }
    if let Some(password) = password {
        settings = settings.set_password(password);
    }
    settings
}

/// Finds the master and connects to it, again after every loss.
pub(crate) struct Dialer {
    manner: Manner,
    target: Target,
}

enum Target {
    Server(Client),
    Sentinels(Sentinels),
}

impl Dialer {
    /// `None`: the place is a cluster, which is not one connection.
    pub(crate) fn new(manner: Manner, place: &Place) -> Result<Option<Self>, RedisError> {
        let target = match place {
            Place::Server(host) => Target::Server(manner.client(manner.server(host)?)?),
            Place::Socket(path) => Target::Server(manner.client(manner.socket(path)?)?),
            Place::Sentinels { sentinels, service } => {
                let clients = sentinels.iter().map(|sentinel| manner.client(manner.sentinel(sentinel)?));
                let clients = clients.collect::<Result<_, _>>()?;
                Target::Sentinels(Sentinels::new(clients, service.clone(), manner.connection_config()))
            }
            Place::Cluster(_) => return Ok(None),
        };
        Ok(Some(Self { manner, target }))
    }

    /// How long a try may take.
    pub(crate) const fn limit(&self) -> Duration {
        self.manner.connect_timeout
    }

    /// Who tells of new masters.
    pub(crate) const fn sentinels(&self) -> Option<&Sentinels> {
        match &self.target {
            Target::Sentinels(sentinels) => Some(sentinels),
            Target::Server(_) => None,
        }
    }

    /// A connection to the master, which tells `on_push` of its end. To the one that is named, where one is.
    pub(crate) async fn dial(&self, named: Option<Host>, on_push: impl OnPush) -> Result<Dialed, Fault> {
        let limit = self.limit();
        match timeout(limit, self.connect(named, on_push)).await {
            // The driver's own limit may be the first to pass.
            Ok(Err(fault)) if !fault.is_timeout() => Err(fault),
            Ok(Ok(dialed)) => Ok(dialed),
            _ => Err(Fault::ConnectTimeout(limit)),
        }
    }

    async fn connect(&self, named: Option<Host>, on_push: impl OnPush) -> Result<Dialed, Fault> {
        let config = self.manner.connection_config().set_push_sender(on_push);
        let (client, master) = match &self.target {
            Target::Server(client) => (client.clone(), None),
            Target::Sentinels(sentinels) => {
                let master = match named {
                    Some(named) => named,
                    None => sentinels.master().await?,
                };
                (self.manner.client(self.manner.server(&master)?)?, Some(master))
            }
        };
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        check_role(&mut connection).await?;
        Ok(Dialed { connection, master })
    }
}

/// A connection to a master.
#[derive(Clone)]
pub(crate) struct Dialed {
    pub(crate) connection: MultiplexedConnection,
    /// As the sentinels name it.
    pub(crate) master: Option<Host>,
}

/// A sentinel may not know yet that its master was demoted, nor may a name server.
async fn check_role(connection: &mut MultiplexedConnection) -> Result<(), Fault> {
    match answer(connection.send_packed_command(&redis::cmd("ROLE")).await?) {
        Ok(Value::Array(role)) => match role.first() {
            Some(Value::BulkString(role)) if role == b"slave" => Err(replica(connection).await),
            Some(Value::BulkString(role)) if role == b"sentinel" => Err(Fault::SentinelPort),
            _ => Ok(()),
        },
        // Not everybody may ask; a write will tell.
        _ => Ok(()),
    }
}

/// One of a cluster is told apart, as the cure is another.
async fn replica(connection: &mut MultiplexedConnection) -> Fault {
    match connection.send_packed_command(redis::cmd("INFO").arg("server")).await {
        Ok(info) if server::is_cluster_node(&info) => Fault::ClusterNode,
        _ => Fault::Replica,
    }
}
