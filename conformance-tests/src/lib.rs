//! The conformance suite that holds a storage backend to Cloakroom's contract.
//!
//! Each [`Case`] is one rule of [`Storage`](cloakroom_storage::Storage), under a name that documentation, reports
//! and failures share. A backend proves itself in three lines, in a test target with `harness = false`:
//!
//! ```
//! # use cloakroom_storage::{Namespace, StorageError};
//! # use cloakroom_storage_memory::MemoryStorage;
//! # struct MyStorage;
//! # impl MyStorage {
//! #     async fn connect(_: &str, namespace: Namespace) -> Result<MemoryStorage, StorageError> {
//! #         static ENGINE: std::sync::LazyLock<MemoryStorage> = std::sync::LazyLock::new(MemoryStorage::new);
//! #         Ok(ENGINE.namespace(&namespace))
//! #     }
//! # }
//! # const URL: &str = "";
//! cloakroom_conformance::conformance_tests!(|namespace: Namespace| async move {
//!     MyStorage::connect(URL, namespace).await
//! });
//! ```
//!
//! Every case is then a test of its own name for `cargo test`. A capability that the storage does not
//! [claim](cloakroom_storage::Capabilities) makes its cases *ignored, with the reason shown*; one that is claimed
//! and broken fails them. A program calls [`run`] instead and gets a [`Report`].
//!
//! Every case works in a namespace of its own, so that all of them may run at once, on an engine that others use.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod case;
mod cases;
mod factory;
mod lifetime;
mod need;
mod race;
mod report;
mod run;
#[cfg(feature = "services")]
mod service;
#[cfg(feature = "services")]
mod service_tests;
mod subject;
mod suite;
#[cfg(feature = "services")]
mod wire;

pub use case::Case;
pub use cases::cases;
pub use factory::{Factory, fresh_namespace};
pub use need::Need;
pub use report::{Failed, Ignored, Report};
pub use run::{Options, run};
#[cfg(feature = "services")]
pub use service::{Server, Service, Unavailable};
#[cfg(feature = "services")]
pub use service_tests::{Outcome, ServiceTest, service_tests_main};
pub use suite::{Suite, test_main};
#[cfg(feature = "services")]
pub use wire::{Passage, Wire};
