//! Cloakroom's storage backend on MongoDB and what speaks its wire protocol.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
