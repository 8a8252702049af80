//! A page that counts its visits, with the sessions in files: `cargo run -p custom-backend`.

#![forbid(unsafe_code)]

use std::error::Error;

use axum::{Router, routing::get};
use cloakroom::{Backends, Session, SessionError, SessionLayer, StorageConfig};
use tokio::net::TcpListener;

async fn visits(session: Session) -> Result<String, SessionError> {
    let visits = session.get::<u64>("visits")?.unwrap_or(0) + 1;
    session.set("visits", &visits)?;
    Ok(format!("visit number {visits}\n"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let backends = Backends::new().register("directory", custom_backend::open)?;
    // As any other backend: the URL may come from a file or the environment just as well.
    let config = StorageConfig::new("directory:target/visits").with_namespace("example".parse()?);
    let app = Router::new().route("/", get(visits)).layer(SessionLayer::new(backends.open(&config).await?));
    let listener = TcpListener::bind("127.0.0.1:3001").await?;
    println!("http://{} counts visits; they are in target/visits", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
