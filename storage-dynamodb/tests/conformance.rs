//! The storage keeps the contract on DynamoDB Local.

use std::process::ExitCode;

use cloakroom_conformance::{Service, Suite, test_main};
use cloakroom_storage_dynamodb::{DynamodbConfig, DynamodbStorage};

fn main() -> ExitCode {
    test_main([Suite::on("dynamodb", Service::Dynamodb, |url, namespace| async move {
        DynamodbStorage::connect(&DynamodbConfig::new(url).with_namespace(namespace)).await
    })])
}
