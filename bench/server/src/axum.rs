use std::net::Ipv4Addr;

use axum::Router;
use tokio::net::TcpListener;

use crate::{Failure, announce, wait_for_the_end};

/// Serves a router on so many threads until the benchmark closes the input.
///
/// # Errors
/// Why it does not serve.
pub fn serve(threads: usize, router: impl Future<Output = Result<Router, Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(Failure::io("the server's runtime"))?;
    runtime.block_on(async {
        let router = router.await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(Failure::io("listen"))?;
        announce(listener.local_addr().map_err(Failure::io("listen"))?)?;
        tokio::spawn(axum::serve(listener, router).into_future());
        tokio::task::spawn_blocking(wait_for_the_end)
            .await
            .map_err(Failure::set_up("wait for the benchmark"))?
    })
}
