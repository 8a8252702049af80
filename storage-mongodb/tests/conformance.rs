//! The storage keeps the contract, with pipelines and with plain operators, on whatever servers `CLOAKROOM_URL_MONGODB`
//! and `CLOAKROOM_URL_FERRETDB` name.

use cloakroom_conformance::{Service, Suite, test_main};
use cloakroom_storage_mongodb::{MongodbConfig, MongodbStorage};

fn main() -> std::process::ExitCode {
    test_main([Service::Mongodb, Service::Ferretdb].map(|service| {
        Suite::on("mongodb", service, |url, namespace| async move {
            MongodbStorage::connect(&MongodbConfig::new(url).with_namespace(namespace)).await
        })
    }))
}
