//! The embedded storage, every layer over it, and the default methods keep the contract.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use cloakroom_storage::{
    CircuitBreaker, Counted, Encrypted, EncryptionKey, KeyRing, Metered, Namespace, Prefixed,
    PrefixedStorage, Result, Retry, Storage, StorageExt, StorageLayer, Timeout, Traced,
};
use cloakroom_storage_memory::{MemoryConfig, MemoryStorage};

#[path = "../../session/tests/log/mod.rs"]
mod log;
mod support;

use support::FourMethods;

/// Large enough for all the prefixes that share one of its namespaces.
static ENGINE: LazyLock<MemoryStorage> =
    LazyLock::new(|| MemoryStorage::with_config(MemoryConfig::new().with_max_bytes(256 * 1024 * 1024)));

fn memory(namespace: &Namespace) -> Result<MemoryStorage> {
    log::to_folder();
    Ok(ENGINE.namespace(namespace))
}

fn under<L: StorageLayer<MemoryStorage>>(layer: L, namespace: &Namespace) -> Result<L::Storage> {
    Ok(memory(namespace)?.layer(layer))
}

fn prefixed(namespace: &Namespace) -> Result<PrefixedStorage<MemoryStorage>> {
    // One inner namespace, so that the prefix alone keeps the cases apart.
    under(Prefixed::new(namespace.as_str())?, &"shared".parse()?)
}

fn under_all_layers(namespace: &Namespace) -> Result<impl Storage + use<>> {
    let bounded = prefixed(namespace)?
        .layer(timeout())
        .layer(Retry::new())
        .layer(CircuitBreaker::new())
        .layer(encrypted(namespace));
    Ok(bounded.layer(Counted::new()).layer(Metered::new()).layer(Traced::new()))
}

fn encrypted(namespace: &Namespace) -> Encrypted {
    Encrypted::new(KeyRing::new(EncryptionKey::new(1, &[7; EncryptionKey::SECRET_BYTES])), namespace.clone())
}

fn timeout() -> Timeout {
    Timeout::new(Duration::from_secs(30))
}

fn shared(namespace: &Namespace) -> Result<Arc<dyn Storage>> {
    Ok(Arc::new(memory(namespace)?))
}

fn boxed(namespace: &Namespace) -> Result<Box<dyn Storage>> {
    Ok(Box::new(memory(namespace)?))
}

fn four_methods(namespace: &Namespace) -> Result<FourMethods> {
    Ok(FourMethods(memory(namespace)?))
}

cloakroom_conformance::conformance_tests!(
    "memory" => |namespace: Namespace| async move { memory(&namespace) },
    "prefixed over memory" => |namespace: Namespace| async move { prefixed(&namespace) },
    "timeout over memory" => |namespace: Namespace| async move { under(timeout(), &namespace) },
    "traced over memory" => |namespace: Namespace| async move { under(Traced::new(), &namespace) },
    "retry over memory" => |namespace: Namespace| async move { under(Retry::new(), &namespace) },
    "circuit breaker over memory" => |namespace: Namespace| async move { under(CircuitBreaker::new(), &namespace) },
    "metered over memory" => |namespace: Namespace| async move { under(Metered::new(), &namespace) },
    "encrypted over memory" => |namespace: Namespace| async move { under(encrypted(&namespace), &namespace) },
    "counted over memory" => |namespace: Namespace| async move { under(Counted::new(), &namespace) },
    "all layers over memory" => |namespace: Namespace| async move { under_all_layers(&namespace) },
    "shared memory" => |namespace: Namespace| async move { shared(&namespace) },
    "boxed memory" => |namespace: Namespace| async move { boxed(&namespace) },
    "default methods over memory" => |namespace: Namespace| async move { four_methods(&namespace) },
);
