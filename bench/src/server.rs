//! A contender's server, as a process of its own.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Stdio},
};

use cloakroom_bench_server::Order;

use crate::{contender::Contender, error::Failure};

/// A running server, which ends when this is dropped.
pub(crate) struct Server {
    pub(crate) contender: Contender,
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Server {
    pub(crate) fn start(contender: Contender, order: &Order) -> Result<Self, Failure> {
        let mut process = contender
            .program(order)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::io("start a server"))?;
        let mut line = String::new();
        let printed = process.stdout.take().expect("its output is piped");
        BufReader::new(printed).read_line(&mut line).map_err(Failure::io("read a server's address"))?;
        // A server that failed has said why.
        let address = line.trim().parse().map_err(Failure::set_up(contender.name()))?;
        Ok(Self { contender, address, process })
    }

    /// The process, as `/proc` numbers it.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The closed input ends it; a server that hangs is not waited for.
        drop(self.process.stdin.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
