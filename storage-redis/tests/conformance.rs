//! Redis and Valkey keep the contract, in every arrangement.

use std::process::ExitCode;

use cloakroom_conformance::{Service, Suite, test_main};
use cloakroom_storage::Namespace;
use cloakroom_storage_redis::{RedisConfig, RedisStorage};

fn suite(service: Service) -> Suite {
    Suite::on(service.name(), service, |url: String, namespace: Namespace| async move {
        RedisStorage::connect(&RedisConfig::new(url).with_namespace(namespace)).await
    })
}

fn main() -> ExitCode {
    test_main(
        [Service::Redis, Service::RedisTls, Service::RedisCluster, Service::RedisSentinel, Service::Valkey]
            .map(suite),
    )
}
