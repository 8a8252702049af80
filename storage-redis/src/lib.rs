//! Cloakroom's storage backend on Redis and Valkey: single server, Sentinel, Cluster.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
