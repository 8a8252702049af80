use std::sync::Arc;

use cloakroom_storage::Storage;

use crate::{Backends, ConnectError};

/// Opens the storage of a URL on one of the built-in backends, in the namespace `cloakroom`.
///
/// | URL | feature | backend |
/// | --- | --- | --- |
/// | `memory:` | `memory` | embedded, gone with the process |
/// | `sqlite:/var/lib/shop/state.db` | `sqlite` | embedded, a file that the processes of a machine may share |
/// | `redis://user:password@host:6379/0` | `redis` | one Redis or Valkey server (`valkey:`); with TLS `rediss:` |
/// | `redis+unix:///run/redis.sock?db=0` | `redis` | the same by its socket (`valkey+unix:`) |
/// | `redis+cluster://host:6379,host:6379` | `redis` | a cluster, by some of its nodes; with TLS `rediss+cluster:` |
/// | `redis+sentinel://host:26379,host:26379/0?service=main` | `redis` | the master that sentinels know by that name |
/// | `postgres://user:password@host:5432/database` | `postgres` | PostgreSQL |
/// | `mysql://user:password@host:3306/database` | `mysql` | MySQL, MariaDB (`mariadb:`) |
/// | `mongodb://user:password@host:27017/database` | `mongodb` | MongoDB, also `mongodb+srv:` |
/// | `dynamodb:table?region=eu-central-1` | `dynamodb` | DynamoDB, with the credentials of the SDK's usual chain |
///
/// With a namespace, a timeout or options: [`StorageConfig`](crate::StorageConfig).
///
/// # Options
///
/// Of the table `[storage.options]`, or of the environment as in `CLOAKROOM_STORAGE__OPTIONS__MAX_CONNECTIONS`.
/// Durations have a unit, as in `"5s"`. All but `memory` have `connect_timeout` (default `"5s"`).
///
/// | backend | option | default | |
/// | --- | --- | --- | --- |
/// | `memory` | `max_bytes` | 64 MiB | the most that is kept; what was not used for longest goes first |
/// | `redis` | `root_certificate` | the machine's | a PEM file with the authorities that are trusted |
/// | | `client_certificate`, `client_key` | none | PEM files with what is shown to a server that asks for it |
/// | | `wait_replicas`, `wait_timeout` | 0, half of the timeout | how many replicas must have a write before it counts |
/// | | `tcp_nodelay` | with `wait_replicas` | whether each request is sent at once: a shorter wait, less under load |
/// | SQL | `table` | `cloakroom` | |
/// | | `create_table` | `true` | whether the table is made, and brought up to date |
/// | | `sweep_interval` | `"60s"` | how often expired rows are removed; `"never"` |
/// | `postgres`, `mysql` | `max_connections` | 10 | |
/// | | `statement_cache` | `true` | `false` behind a pooler in transaction mode, such as pgbouncer |
/// | `postgres` | `schema` | of the `search_path` | |
/// | | `unlogged` | `false` | faster writes; a crash of the server empties the table |
/// | `sqlite` | `busy_timeout` | `"5s"` | how long a write waits for those of other processes |
/// | | `max_readers` | 4 | connections that read, a thread each |
/// | | `synchronous` | `"normal"` | `"full"`: not even a power failure loses a write |
/// | `mongodb` | `database`, `collection` | of the URL, `cloakroom` | |
/// | | `max_pool_size` | the driver's | |
/// | | `sweep_interval` | `"60s"` | where the server has no TTL index; `"never"` |
/// | `dynamodb` | `region`, `endpoint`, `profile` | the SDK's usual chain | |
/// | | `access_key_id`, `secret_access_key` | the SDK's usual chain | |
/// | | `create_table` | `true` | whether the table is made where there is none |
///
/// # Errors
/// Those of [`Backends::open`].
///
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let storage = cloakroom::connect("memory:").await?;
/// storage.set("hook", "coat".into(), None).await?;
/// assert_eq!(storage.get("hook").await?.as_deref(), Some("coat".as_bytes()));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
pub async fn connect(url: &str) -> Result<Arc<dyn Storage>, ConnectError> {
    Backends::new().connect(url).await
}
