//! Starts the demo: `cargo demo`, or `cargo demo --storage URL`.

#![forbid(unsafe_code)]

use std::{error::Error, process::ExitCode};

use clap::Parser;
use cloakroom::Backends;
use cloakroom_demo::{Options, app};
use tokio::{net::TcpListener, signal};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match serve(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    let storage = Backends::new().open(&options.storage()?).await?;
    let backend = storage.capabilities().backend;
    let listener = TcpListener::bind(options.listen).await.map_err(|error| {
        format!("cannot listen on {}: {error}; choose another address with --listen", options.listen)
    })?;
    println!("The shop is open on http://{}, its sessions are in {backend}.", listener.local_addr()?);
    axum::serve(listener, app(storage.clone())?).with_graceful_shutdown(interrupted()).await?;
    storage.close().await?;
    Ok(())
}

/// Ctrl-C, or what a service manager sends.
async fn interrupted() {
    let ctrl_c = async {
        // Without a handler there is no way to be told; the process then ends as by default.
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = ctrl_c => {}
        () = terminated => {}
    }
}
