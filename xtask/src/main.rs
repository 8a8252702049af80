//! Developer commands of Cloakroom.

#![forbid(unsafe_code)]

fn main() {}
