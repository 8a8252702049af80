//! Cloakroom's embedded storage backend.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
