//! Sessions through real HTTP: every request goes through `tower::ServiceExt::oneshot` to an axum router.

mod after_handler;
mod app;
mod browser;
mod clones;
mod configuration;
mod cookies;
mod envelope;
mod extractors;
mod faults;
mod frameworks;
mod hostile;
mod interrupted;
mod loading;
mod outage;
mod over_memory;
#[path = "../over_storage/mod.rs"]
mod over_storage;
mod principals;
mod renewal;
mod round_trips;
mod specification;
mod timeouts;
mod typed_values;
