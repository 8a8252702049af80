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

/// A port that passes everything on to a server: it counts round trips and connections, and cuts all of them, or lets
/// them fall silent, when asked to.
pub(crate) struct Relay {
    address: SocketAddr,
    server: String,
    seen: Arc<Seen>,
    cut: watch::Sender<usize>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    round_trips: AtomicUsize,
    connections: AtomicUsize,
    /// What connections before this one say, and are told, is lost on the way.
    first_heard: AtomicUsize,
}

impl Relay {
    /// To the server of the URL.
    pub(crate) async fn to(url: &str) -> Self {
        let server = host(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, (cut, _)) = (listener.local_addr().unwrap(), watch::channel(0));
        let seen = Arc::<Seen>::default();
        let accepting = tokio::spawn(accept(listener, server.clone(), seen.clone(), cut.clone()));
        Self { address, server, seen, cut, accepting }
    }

    /// The URL that leads through here.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replacen(&self.server, &self.address.to_string(), 1)
    }

    /// How often the client has sent something after the server did.
    pub(crate) fn round_trips(&self) -> usize {
        self.seen.round_trips.load(Ordering::SeqCst)
    }

    /// How many connections there were so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
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
        let (server, seen, cut) = (self.server.clone(), self.seen.clone(), self.cut.clone());
        self.accepting = tokio::spawn(accept(listener, server, seen, cut));
    }

    /// Connections stay open, and nothing passes any more: neither over them nor over new ones.
    pub(crate) fn fall_silent(&self) {
        self.seen.first_heard.store(usize::MAX, Ordering::SeqCst);
    }

    /// As a firewall that has forgotten the connections that there are: nothing passes over them any more.
    pub(crate) fn forget(&self) {
        self.seen.first_heard.store(self.connections(), Ordering::SeqCst);
    }
}

fn host(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split(['/', '?']).next().unwrap()
}

async fn accept(listener: TcpListener, server: String, seen: Arc<Seen>, cut: watch::Sender<usize>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let number = seen.connections.fetch_add(1, Ordering::SeqCst);
        let (server, seen, mut cut) = (server.clone(), seen.clone(), cut.subscribe());
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(server).await else { return };
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            let answered = AtomicBool::new(true);
            let is_heard = || number >= seen.first_heard.load(Ordering::SeqCst);
            let asking = pass_on(from_client, to_server, || {
                if answered.swap(false, Ordering::SeqCst) {
                    seen.round_trips.fetch_add(1, Ordering::SeqCst);
                }
                is_heard()
            });
            let answering = pass_on(from_server, to_client, || {
                answered.store(true, Ordering::SeqCst);
                is_heard()
            });
            tokio::select! {
                () = asking => {}
                () = answering => {}
                _ = cut.changed() => {}
            }
        });
    }
}

/// Passes on what `sees` says is heard.
async fn pass_on(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    sees: impl Fn() -> bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => {
                if sees() && to.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}
