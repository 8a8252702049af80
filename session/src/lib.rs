//! Sessions for tower and axum over any Cloakroom storage.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
