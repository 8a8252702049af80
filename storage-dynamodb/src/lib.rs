//! Cloakroom's storage backend on DynamoDB.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
