//! The demo of Cloakroom: a small shop with sessions.

#![forbid(unsafe_code)]

fn main() {}
