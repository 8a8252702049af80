//! The storage keeps the contract, on whatever server `CLOAKROOM_URL_MONGODB` names.

use cloakroom_conformance::{Service, Suite, test_main};
use cloakroom_storage_mongodb::{MongodbConfig, MongodbStorage};

fn main() -> std::process::ExitCode {
    test_main([Suite::on("mongodb", Service::Mongodb, |url, namespace| async move {
        MongodbStorage::connect(&MongodbConfig::new(url).with_namespace(namespace)).await
    })])
}
