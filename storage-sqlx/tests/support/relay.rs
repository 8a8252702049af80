use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A port that passes everything on to a server: it counts round trips, and cuts all connections when asked to.
pub(crate) struct Relay {
    address: SocketAddr,
    server: String,
    round_trips: Arc<AtomicUsize>,
    cut: watch::Sender<usize>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// To the server of the URL.
    pub(crate) async fn to(url: &str) -> Self {
        let server = host(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, (cut, _)) = (listener.local_addr().unwrap(), watch::channel(0));
        let round_trips = Arc::<AtomicUsize>::default();
        let accepting = tokio::spawn(accept(listener, server.clone(), round_trips.clone(), cut.clone()));
        Self { address, server, round_trips, cut, accepting }
    }

    /// The URL that leads through here.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replacen(&self.server, &self.address.to_string(), 1)
    }

    /// How often the client has sent something after the server did.
    pub(crate) fn round_trips(&self) -> usize {
        self.round_trips.load(Ordering::SeqCst)
    }

    /// Ends every connection.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// Ends every connection and takes no more.
    pub(crate) async fn shut(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
        self.cut();
    }

    /// Takes connections again.
    pub(crate) async fn reopen(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        let (server, round_trips, cut) = (self.server.clone(), self.round_trips.clone(), self.cut.clone());
        self.accepting = tokio::spawn(accept(listener, server, round_trips, cut));
    }
}

fn host(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split(['/', '?']).next().unwrap()
}

async fn accept(
    listener: TcpListener,
    server: String,
    round_trips: Arc<AtomicUsize>,
    cut: watch::Sender<usize>,
) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let (server, round_trips, mut cut) = (server.clone(), round_trips.clone(), cut.subscribe());
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(server).await else { return };
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            let answered = Arc::new(AtomicBool::new(true));
            let asking = {
                let answered = answered.clone();
                let ask = move || {
                    if answered.swap(false, Ordering::SeqCst) {
                        round_trips.fetch_add(1, Ordering::SeqCst);
                    }
                };
                pass_on(from_client, to_server, ask)
            };
            let answering = pass_on(from_server, to_client, move || answered.store(true, Ordering::SeqCst));
            tokio::select! {
                _ = asking => {}
                _ = answering => {}
                _ = cut.changed() => {}
            }
        });
    }
}

async fn pass_on(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, seen: impl Fn()) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => {
                seen();
                if to.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}
