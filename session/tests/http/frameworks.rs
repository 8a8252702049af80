//! The layer around services that are not axum's.

use std::{convert::Infallible, sync::Arc};

use axum::body::Bytes;
use cloakroom_session::{Extractor, PathParams, Session, SessionBody, SessionLayer};
use cloakroom_storage_memory::MemoryStorage;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

type Answer = Result<Response<Full<Bytes>>, Infallible>;

async fn count(request: Request<SessionBody<Full<Bytes>>>) -> Answer {
    let session = Session::from_extensions(request.extensions()).await.unwrap().unwrap();
    let visits = session.get::<u64>("visits").unwrap().unwrap_or(0) + 1;
    session.set("visits", &visits).unwrap();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Ok(Response::new(Full::from(format!("{visits} {}", String::from_utf8_lossy(&body)))))
}

#[tokio::test]
async fn plain_tower_services_get_the_session_from_the_extensions() {
    let layer = SessionLayer::new(Arc::new(MemoryStorage::new()));
    let service = layer.layer(service_fn(count));
    let request = Request::new(Full::from("hello"));
    let response = service.clone().oneshot(request).await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "1 hello");
    let request = Request::builder().header("cookie", cookie).body(Full::from("again")).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "2 again");
}

#[tokio::test]
async fn other_routers_leave_path_parameters_in_the_extensions() {
    let layer = SessionLayer::builder(Arc::new(MemoryStorage::new()))
        .extractor(Extractor::chain([Extractor::path_param("sid"), Extractor::cookie("__Host-session_id")]))
        .build()
        .unwrap();
    let session = layer.store().load(&Request::new(()).into_parts().0).await.unwrap();
    session.set("visits", &41_u64).unwrap();
    session.save().await.unwrap();
    let id = session.id();
    let escaped = format!("%{:02X}{}", id.as_str().as_bytes()[0], &id.as_str()[1..]);
    let mut request = Request::new(Full::from(""));
    request.extensions_mut().insert(PathParams::new([("sid", &escaped)]));
    let response = layer.layer(service_fn(count)).oneshot(request).await.unwrap();
    assert!(!response.headers().contains_key("set-cookie"), "read-only");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "42 ");
}

#[tokio::test]
async fn a_failing_inner_service_keeps_its_error_and_its_changes() {
    let layer = SessionLayer::new(Arc::new(MemoryStorage::new()));
    let store = layer.store().clone();
    let (sender, id) = tokio::sync::oneshot::channel();
    let sender = Arc::new(std::sync::Mutex::new(Some(sender)));
    let service = layer.layer(service_fn(move |request: Request<SessionBody<Full<Bytes>>>| {
        let sender = sender.clone();
        async move {
            let session = Session::from_extensions(request.extensions()).await.unwrap().unwrap();
            session.set("visits", &1_u64).unwrap();
            sender.lock().unwrap().take().unwrap().send(session.id()).unwrap();
            Err::<Response<Full<Bytes>>, _>(std::io::Error::other("broken"))
        }
    }));
    let error = service.oneshot(Request::new(Full::<Bytes>::default())).await.unwrap_err();
    assert_eq!(error.to_string(), "broken");
    let session = store.load_by_id(id.await.unwrap().as_str()).await.unwrap();
    assert_eq!(session.get::<u64>("visits").unwrap(), Some(1));
}

/// What `tonic-build` generates around a service, for one that counts visits in the response's metadata.
#[derive(Clone)]
struct Visits;

impl tonic::server::NamedService for Visits {
    const NAME: &'static str = "cloakroom.Visits";
}

impl tower::Service<Request<tonic::body::Body>> for Visits {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            let session = Session::from_extensions(request.extensions()).await.unwrap().unwrap();
            let visits = session.get::<u64>("visits").unwrap().unwrap_or(0) + 1;
            session.set("visits", &visits).unwrap();
            let mut response = Response::new(tonic::body::Body::empty());
            response.headers_mut().insert("visits", visits.into());
            Ok(response)
        })
    }
}

#[tokio::test]
async fn tonic_services_get_the_session_through_a_metadata_header() {
    let layer = SessionLayer::builder(Arc::new(MemoryStorage::new()))
        .extractor(Extractor::header("x-session"))
        .build()
        .unwrap();
    let service = layer.layer(tonic::service::Routes::new(Visits).prepare());
    let call = || Request::post("/cloakroom.Visits/Count").header("content-type", "application/grpc");
    let response = service.clone().oneshot(call().body(tonic::body::Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["visits"], "1");
    let id = &response.headers()["x-session"];
    let again = call().header("x-session", id).body(tonic::body::Body::empty()).unwrap();
    assert_eq!(service.oneshot(again).await.unwrap().headers()["visits"], "2");
}

#[tokio::test]
async fn plain_hyper_serves_sessions_over_a_socket() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn count(request: Request<SessionBody<hyper::body::Incoming>>) -> Answer {
        let session = Session::from_extensions(request.extensions()).await.unwrap().unwrap();
        let visits = session.get::<u64>("visits").unwrap().unwrap_or(0) + 1;
        session.set("visits", &visits).unwrap();
        Ok(Response::new(Full::from(format!("visit {visits}"))))
    }

    let layer = SessionLayer::new(Arc::new(MemoryStorage::new()));
    let service = hyper_util::service::TowerToHyperService::new(layer.layer(service_fn(count)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let socket = hyper_util::rt::TokioIo::new(socket);
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(socket, service.clone()),
            );
        }
    });
    let request = async |cookie: &str| {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let head =
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let first = request("").await;
    assert!(first.ends_with("visit 1"), "{first}");
    let cookie = first.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let second = request(cookie.split(';').next().unwrap()).await;
    assert!(second.ends_with("visit 2"), "{second}");
}
