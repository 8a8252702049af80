//! Sessions by tower-sessions, as its documentation sets them up.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use axum::Router;
use cloakroom_bench_server::{Failure, Order, ended, serve};

mod handlers;
mod stores;

fn main() -> ExitCode {
    ended(Order::read().and_then(|order| serve(order.threads, router(&order))))
}

async fn router(order: &Order) -> Result<Router, Failure> {
    match order.scheme() {
        "memory" => Ok(handlers::over(stores::memory())),
        "redis" => Ok(handlers::over(stores::redis(&order.url).await?)),
        "postgres" => Ok(handlers::over(stores::postgres(&order.url).await?)),
        "sqlite" => Ok(handlers::over(stores::sqlite(&order.url).await?)),
        _ => Err(order.no_store()),
    }
}
