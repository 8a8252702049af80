//! The sentinels: who is the master, and who has become it.

use futures_util::{StreamExt, stream::FuturesUnordered};
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, PushInfo, PushKind, RedisError, aio::MultiplexedConnection,
};
use tokio::sync::mpsc;

use crate::{fault::Fault, url::Host};

/// Those who watch a service.
pub(crate) struct Sentinels {
    clients: Vec<Client>,
    service: String,
    config: AsyncConnectionConfig,
}

impl Sentinels {
    pub(crate) const fn new(clients: Vec<Client>, service: String, config: AsyncConnectionConfig) -> Self {
        Self { clients, service, config }
    }

    pub(crate) const fn count(&self) -> usize {
        self.clients.len()
    }

    /// Asks every sentinel at once and takes the first that knows.
    pub(crate) async fn master(&self) -> Result<Host, Fault> {
        let mut answers: FuturesUnordered<_> =
            self.clients.iter().map(|sentinel| self.ask(sentinel)).collect();
        let mut fault = None;
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(Some(master)) => return Ok(master),
                // One that is up but does not know tells more than one that is down.
                Ok(None) => fault = Some(Fault::UnknownService),
                Err(error) => fault = fault.or(Some(Fault::NoSentinel(error))),
            }
        }
        Err(fault.unwrap_or(Fault::UnknownService))
    }

    async fn ask(&self, sentinel: &Client) -> Result<Option<Host>, RedisError> {
        let mut connection = sentinel.get_multiplexed_async_connection_with_config(&self.config).await?;
        let mut command = redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.service);
        let master: Option<(String, u16)> = command.query_async(&mut connection).await?;
        Ok(master.map(|(name, port)| Host { name, port }))
    }

    /// What the sentinel of that number tells from now on.
    pub(crate) async fn subscribe(&self, number: usize) -> Result<News, RedisError> {
        let (sender, pushes) = mpsc::unbounded_channel();
        let config = self.config.clone().set_push_sender(sender);
        let mut connection =
            self.clients[number].get_multiplexed_async_connection_with_config(&config).await?;
        connection.subscribe("+switch-master").await?;
        Ok(News { service: self.service.clone(), pushes, _connection: connection })
    }
}

/// What a sentinel tells.
pub(crate) struct News {
    service: String,
    pushes: mpsc::UnboundedReceiver<PushInfo>,
    /// Ends when it is dropped.
    _connection: MultiplexedConnection,
}

impl News {
    /// The next master of the service; `None`: the sentinel tells no more.
    pub(crate) async fn next(&mut self) -> Option<Host> {
        loop {
            let push = self.pushes.recv().await?;
            match push.kind {
                PushKind::Disconnection => return None,
                PushKind::Message => {
                    let told =
                        push.data.into_iter().nth(1).and_then(|text| String::from_redis_value(text).ok());
                    if let Some(master) = told.and_then(|told| switched(&told, &self.service)) {
                        return Some(master);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The new master of the service, in a message of `+switch-master`: service, old address and port, new address and port.
/// The service's name may have spaces.
fn switched(told: &str, service: &str) -> Option<Host> {
    let mut words = told.strip_prefix(service)?.strip_prefix(' ')?.split(' ').skip(2);
    let (name, port) = (words.next()?, words.next()?);
    Some(Host { name: name.to_owned(), port: port.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_of_the_service_names_its_new_master() {
        let new = Some(Host { name: "10.0.0.2".to_owned(), port: 6380 });
        assert!(switched("main 10.0.0.1 6379 10.0.0.2 6380", "main") == new);
        assert!(switched("my main 10.0.0.1 6379 10.0.0.2 6380", "my main") == new);
        for other in
            ["main2 10.0.0.1 6379 10.0.0.2 6380", "main", "main 10.0.0.1 6379", "", "main a 1 b port"]
        {
            assert!(switched(other, "main").is_none(), "{other}");
        }
    }
}
