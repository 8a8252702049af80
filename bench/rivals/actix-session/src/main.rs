//! Sessions by actix-session, as its documentation sets them up.

#![forbid(unsafe_code)]

use std::{net::Ipv4Addr, process::ExitCode, thread};

use actix_session::{SessionMiddleware, config::PersistentSession, storage::RedisSessionStore};
use actix_web::{
    App, HttpServer,
    cookie::{Key, time::Duration},
    rt::System,
};
use cloakroom_bench_server::{Failure, Order, announce, ended, wait_for_the_end};

mod handlers;

fn main() -> ExitCode {
    ended(Order::read().and_then(|order| System::new().block_on(serve(order))))
}

async fn serve(order: Order) -> Result<(), Failure> {
    if order.scheme() != "redis" {
        return Err(order.no_store());
    }
    let store =
        RedisSessionStore::new(&order.url).await.map_err(Failure::set_up("a store of actix-session"))?;
    let key = Key::generate();
    let application = move || {
        let sessions = SessionMiddleware::builder(store.clone(), key.clone())
            .cookie_secure(false)
            .session_lifecycle(PersistentSession::default().session_ttl(Duration::minutes(30)))
            .build();
        App::new().wrap(sessions).configure(handlers::add)
    };
    let server = HttpServer::new(application)
        .workers(order.threads)
        .disable_signals()
        .bind((Ipv4Addr::LOCALHOST, 0))
        .map_err(Failure::io("listen"))?;
    for address in server.addrs() {
        announce(address)?;
    }
    let server = server.run();
    let handle = server.handle();
    thread::spawn(move || {
        let waited = wait_for_the_end();
        // It answers when it has stopped, which nobody waits for.
        drop(handle.stop(false));
        waited
    });
    server.await.map_err(Failure::io("serve"))
}
