//! What sessions promise over any storage, over every backend on its real service.

use std::{process::ExitCode, sync::Arc};

use cloakroom::{Backends, Storage, StorageConfig};
use cloakroom_conformance::{Service, ServiceTest, fresh_namespace, service_tests_main};

use self::over_storage::{Nodes, for_each_promise};

#[path = "../../session/tests/http/browser.rs"]
#[allow(dead_code, reason = "written for more tests than these")]
mod browser;
#[path = "../../session/tests/over_storage/mod.rs"]
mod over_storage;

/// Each node has a client of its own, as on two machines.
async fn nodes(url: String) -> Nodes {
    let config = StorageConfig::new(url).with_namespace(fresh_namespace());
    let open = async || Backends::new().open(&config).await.unwrap();
    let storages: [Arc<dyn Storage>; 2] = [open().await, open().await];
    Nodes { storages, repetitions: 10 }
}

macro_rules! tests {
    ($($subject:ident::$promise:ident,)+) => {
        fn tests_of(service: Service) -> Vec<ServiceTest> {
            vec![$(ServiceTest::new(service, stringify!($promise), async |url| {
                over_storage::$subject::$promise(nodes(url).await).await;
            })),+]
        }
    };
}

for_each_promise!(tests);

fn main() -> ExitCode {
    service_tests_main(Service::ALL.into_iter().flat_map(tests_of))
}
