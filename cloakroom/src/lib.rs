//! Sessions and expiring key-value state for Rust web applications, on any storage backend.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
