//! The conformance suite that holds a storage backend to Cloakroom's contract.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
