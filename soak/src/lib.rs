//! Runs sessions from several processes against a storage for as long as one likes, and checks at the end what
//! Cloakroom promises:
//!
//! - **No lost update**: every write that was acknowledged is there, one by one, in sessions that all tasks of all
//!   processes write to at once, and in counters that they swap.
//! - **No resurrection**: a session that was signed out of while slow requests wrote to it is gone, at once and at
//!   the end.
//! - **Nobody after a revocation** is signed in, whatever id their session was moving to.
//! - **No foreign key**: every session holds its own keys only, and a neighbour's namespace is as it was.
//! - **No leak**: memory, open files, connections and tasks of each process at rest are, at the end, what they were
//!   after the warm-up.
//!
//! The requests go through the layer and an axum router, as in an application, but for the network in front of them.
//! Errors of a storage that is away or slow are counted: they break nothing unless an acknowledged write is lost.
//!
//! `cargo soak --storage redis://localhost`; [`soak`] for programs.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod application;
mod check;
mod conductor;
mod crew;
mod failure;
mod ledger;
mod options;
mod order;
mod report;
mod resources;
mod visitor;
mod worker;

pub use conductor::soak;
pub use failure::Failure;
pub use options::Options;
pub use report::{Invariant, Report, Tally, Violation};
pub use resources::Resources;
pub use worker::work;

/// The argument that makes the program of [`soak`] a worker: it then calls [`work`] and nothing else.
pub const WORK: &str = "work";
