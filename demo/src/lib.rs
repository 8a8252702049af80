//! The demo of Cloakroom: a small shop that keeps its visitors' names, baskets and preferences in sessions.
//!
//! [`app`] is the whole site over any storage; the binary only starts it.

#![forbid(unsafe_code)]

mod app;
mod basket;
mod catalogue;
mod frame;
mod options;
mod pages;
mod preferences;
mod protection;
mod round_trips;

pub use app::app;
pub use options::Options;
