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
mod fixation;
mod frameworks;
mod guessing;
mod hostile;
mod interrupted;
mod loading;
#[path = "../log/mod.rs"]
mod log;
mod outage;
mod over_memory;
#[path = "../over_storage/mod.rs"]
mod over_storage;
mod oversized;
mod principals;
mod renewal;
mod round_trips;
mod specification;
mod tampering;
mod timeouts;
mod tossing;
mod typed_values;
