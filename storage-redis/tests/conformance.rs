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
    let services = [
        Service::Redis,
        Service::RedisTls,
        Service::RedisCluster,
        Service::RedisClusterTls,
        Service::RedisSentinel,
        Service::RedisSentinelTls,
        Service::Valkey,
    ];
    test_main(services.map(suite))
}
