//! What the benchmark and the servers that it starts agree on.
//!
//! A server is a process of its own: `PROGRAM URL THREADS`. It keeps its sessions where the URL says, prints the
//! address that it listens on, and serves until its input is closed. Its five handlers answer with a number:
//!
//! | path | |
//! | --- | --- |
//! | `/start` | opens a session with the [`PROFILE`] as `profile` and 0 as its counter `n`; answers 0 |
//! | `/read` | reads the counter |
//! | `/write` | raises the counter |
//! | `/plain` | leaves sessions alone; answers 0 |
//! | `/peek` | reads the counter of a visitor who may have none |
//!
//! Each kind of session has its ordinary configuration, but for a cookie without `Secure`, as the clients speak HTTP,
//! and an idle timeout of 30 minutes.

#![forbid(unsafe_code)]

#[cfg(feature = "axum")]
mod axum;
mod failure;
mod order;
mod parent;

#[cfg(feature = "axum")]
pub use self::axum::serve;
pub use self::{
    failure::{Failure, ended},
    order::Order,
    parent::{announce, wait_for_the_end},
};

/// What a session holds beside the counter: a profile of the size that applications keep.
pub const PROFILE: &str = "{\"user\":4711,\"name\":\"Ada Lovelace\",\"mail\":\"ada@analytical.engine\",\
    \"roles\":[\"customer\",\"editor\"],\"theme\":\"dark\",\"language\":\"en\",\"zone\":\"Europe/London\",\
    \"cart\":[1815,1843,1852]}";
