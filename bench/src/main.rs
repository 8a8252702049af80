//! Measures Cloakroom beside its rivals and its ceilings.

#![forbid(unsafe_code)]

fn main() {}
