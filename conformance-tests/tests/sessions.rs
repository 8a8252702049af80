//! What sessions promise over any storage, over every backend on its real service.

use std::{process::ExitCode, sync::Arc};

use cloakroom::{Backends, Storage, StorageConfig, StorageExt, storage::Traced};
use cloakroom_conformance::{Outcome, Service, ServiceTest, fresh_namespace, service_tests_main};

use self::over_storage::{Nodes, for_each_promise};

#[path = "../../session/tests/http/browser.rs"]
#[allow(dead_code, reason = "written for more tests than these")]
mod browser;
#[path = "../../session/tests/log/mod.rs"]
mod log;
#[path = "../../session/tests/over_storage/mod.rs"]
mod over_storage;

/// Each node has a client of its own, as on two machines.
async fn nodes(url: String) -> Nodes {
    // Many tests connect at once.
    let config =
        StorageConfig::new(url).with_namespace(fresh_namespace()).with_option("connect_timeout", "30s");
    let open = async || Backends::new().open(&config).await.unwrap().layer(Traced::new());
    let storages: [Arc<dyn Storage>; 2] = [Arc::new(open().await), Arc::new(open().await)];
    Nodes { storages, repetitions: 10 }
}

/// Without an atomic swap writes are lost, those to the list of a principal's sessions too.
fn is_out_of_reach(subject: &str, nodes: &Nodes) -> bool {
    matches!(subject, "races" | "principals" | "renewal") && !nodes.storages[0].capabilities().atomic_swap
}

macro_rules! tests {
    ($($subject:ident::$promise:ident,)+) => {
        fn tests_of(service: Service) -> Vec<ServiceTest> {
            vec![$(ServiceTest::new(service, stringify!($promise), |url| async move {
                let nodes = nodes(url).await;
                if is_out_of_reach(stringify!($subject), &nodes) {
                    return Outcome::Ignored("it does not claim atomic_swap".to_owned());
                }
                over_storage::$subject::$promise(nodes).await;
                Outcome::Passed
            })),+]
        }
    };
}

for_each_promise!(tests);

fn main() -> ExitCode {
    log::to_folder();
    service_tests_main(Service::ALL.into_iter().flat_map(tests_of))
}
