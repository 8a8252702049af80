use std::{
    io::{Read, Write, stdin, stdout},
    net::SocketAddr,
};

use crate::Failure;

/// Tells the benchmark where this server listens.
///
/// # Errors
/// [`Failure::Io`] where the benchmark is gone.
pub fn announce(address: SocketAddr) -> Result<(), Failure> {
    let mut output = stdout().lock();
    writeln!(output, "{address}").and_then(|()| output.flush()).map_err(Failure::io("tell the address"))
}

/// Blocks this thread until the benchmark closes the input, or has ended.
///
/// # Errors
/// [`Failure::Io`] where the input cannot be read.
pub fn wait_for_the_end() -> Result<(), Failure> {
    stdin().read_to_end(&mut Vec::new()).map(drop).map_err(Failure::io("wait for the benchmark"))
}
