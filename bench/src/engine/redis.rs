use ::redis::{
    Client, RedisError, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cmd,
};
use bytes::Bytes;

use super::{Engine, SLACK, TTL, millis};
use crate::error::Failure;

/// The redis crate, with a connection that all tasks share and that comes back by itself.
pub(super) struct Redis {
    connection: ConnectionManager,
    touch: Script,
    swap: Script,
    /// Whether the server knows `SET … IFEQ`.
    has_swap: bool,
}

const TOUCH: &str = "local value = redis.call('GET', KEYS[1]) \
     if not value then return false end \
     local remaining = redis.call('PTTL', KEYS[1]) \
     if remaining >= 0 and remaining < tonumber(ARGV[2]) then \
       redis.call('PEXPIRE', KEYS[1], ARGV[1]) \
       return {value, tonumber(ARGV[1]), 1} \
     end \
     return {value, remaining, 0}";

const SWAP: &str = "local current = redis.call('GET', KEYS[1]) \
     if current ~= ARGV[1] then return current end \
     redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) \
     return 1";

fn failed(error: RedisError) -> Failure {
    Failure::set_up("the redis crate")(error)
}

impl Redis {
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        let client = Client::open(url).map_err(failed)?;
        let mut connection = client
            .get_connection_manager_with_config(ConnectionManagerConfig::new())
            .await
            .map_err(failed)?;
        // An expiry of zero is refused by a server that knows all the words before it.
        let probe =
            cmd("SET").arg("rawdriver:").arg("").arg("IFEQ").arg("").arg("GET").arg("PX").arg(0).to_owned();
        let probed = probe.query_async::<()>(&mut connection).await;
        let has_swap = probed.is_err_and(|error| error.to_string().contains("invalid expire"));
        Ok(Self { connection, touch: Script::new(TOUCH), swap: Script::new(SWAP), has_swap })
    }
}

impl Engine for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, Failure> {
        let mut connection = self.connection.clone();
        let value: Option<Vec<u8>> =
            cmd("GET").arg(key).query_async(&mut connection).await.map_err(failed)?;
        Ok(value.map(Bytes::from))
    }

    async fn set(&self, key: &str, value: Bytes) -> Result<(), Failure> {
        let mut connection = self.connection.clone();
        let mut set = cmd("SET");
        set.arg(key).arg(&value[..]).arg("PX").arg(millis(TTL));
        set.query_async(&mut connection).await.map_err(failed)
    }

    async fn get_and_touch(&self, key: &str) -> Result<Option<(Bytes, bool)>, Failure> {
        let mut connection = self.connection.clone();
        let mut touch = self.touch.prepare_invoke();
        touch.key(key).arg(millis(TTL)).arg(millis(TTL - SLACK));
        let touched: Option<(Vec<u8>, i64, i64)> =
            touch.invoke_async(&mut connection).await.map_err(failed)?;
        Ok(touched.map(|(value, _, extended)| (value.into(), extended == 1)))
    }

    async fn compare_and_swap(&self, key: &str, expected: &[u8], new: Bytes) -> Result<bool, Failure> {
        let mut connection = self.connection.clone();
        if self.has_swap {
            let mut set = cmd("SET");
            set.arg(key).arg(&new[..]).arg("IFEQ").arg(expected).arg("GET").arg("PX").arg(millis(TTL));
            let old: Option<Vec<u8>> = set.query_async(&mut connection).await.map_err(failed)?;
            return Ok(old.as_deref() == Some(expected));
        }
        let mut swap = self.swap.prepare_invoke();
        swap.key(key).arg(expected).arg(&new[..]).arg(millis(TTL));
        let swapped: ::redis::Value = swap.invoke_async(&mut connection).await.map_err(failed)?;
        Ok(swapped == ::redis::Value::Int(1))
    }
}
