//! A contender's server, as a process of its own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use tokio::net::TcpListener;

use crate::{contender::Contender, error::Failure};

/// The child's side: prints the address and serves until the parent closes its input.
pub(crate) fn serve(contender: Contender, threads: usize) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(Failure::io("the server's runtime"))?;
    runtime.block_on(async {
        let router = contender.router().await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Failure::io("listen"))?;
        let address = listener.local_addr().map_err(Failure::io("listen"))?;
        println!("{address}");
        std::io::stdout().flush().map_err(Failure::io("tell the address"))?;
        let serving = tokio::spawn(axum::serve(listener, router).into_future());
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
            .await
            .map_err(Failure::set_up("wait for the parent"))?
            .map_err(Failure::io("wait for the parent"))?;
        serving.abort();
        Ok(())
    })
}

/// The parent's side: a running server, which ends when this is dropped.
pub(crate) struct Server {
    pub(crate) contender: Contender,
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Server {
    pub(crate) fn start(contender: Contender, threads: usize) -> Result<Self, Failure> {
        let itself = std::env::current_exe().map_err(Failure::io("find this program"))?;
        let mut process = Command::new(itself)
            .args(["serve", contender.name(), &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::io("start a server"))?;
        let mut line = String::new();
        let printed = process.stdout.take().expect("its output is piped");
        BufReader::new(printed).read_line(&mut line).map_err(Failure::io("read a server's address"))?;
        let address = line.trim().parse().map_err(Failure::set_up("read a server's address"))?;
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
