//! A relay in front of the server: counts the commands that pass, and cuts the line.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub(crate) struct Relay {
    port: u16,
    commands: Arc<Mutex<Vec<String>>>,
    is_up: watch::Sender<bool>,
}

impl Relay {
    pub(crate) async fn to(url: &str) -> Self {
        let server = server(url);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let commands = Arc::<Mutex<Vec<String>>>::default();
        let (is_up, up) = watch::channel(true);
        let seen = Arc::clone(&commands);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, seen, mut up) = (server.clone(), Arc::clone(&seen), up.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = relay(client, &server, &seen) => {}
                        _ = up.wait_for(|up| !up) => {}
                    }
                });
            }
        });
        Self { port, commands, is_up }
    }

    /// The URL with the relay in the place of the server.
    pub(crate) fn url(&self, url: &str) -> String {
        let relayed = url.replacen(&server(url), &format!("127.0.0.1:{}", self.port), 1);
        // Not what a replica set says that its members' addresses are.
        let mark = if url.contains('?') { '&' } else { '?' };
        format!("{relayed}{mark}directConnection=true")
    }

    /// The names of the commands since it was last asked, without the driver's monitoring.
    pub(crate) fn commands(&self) -> Vec<String> {
        std::mem::take(&mut self.commands.lock().unwrap())
    }

    /// Cuts every line, and every new one at once.
    pub(crate) fn cut(&self) {
        self.is_up.send_replace(false);
    }

    pub(crate) fn restore(&self) {
        self.is_up.send_replace(true);
    }
}

/// `host:port` in a URL.
fn server(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1;
    let hosts = rest.split(['/', '?']).next().unwrap();
    hosts.rsplit_once('@').map_or(hosts, |(_, hosts)| hosts).to_owned()
}

async fn relay(client: TcpStream, server: &str, seen: &Mutex<Vec<String>>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = async {
        while let Ok(length) = from_client.read_u32_le().await {
            let mut message = vec![0; usize::try_from(length).unwrap() - 4];
            if from_client.read_exact(&mut message).await.is_err() {
                return;
            }
            if let Some(name) = command(&message) {
                seen.lock().unwrap().push(name);
            }
            if to_server.write_u32_le(length).await.is_err() || to_server.write_all(&message).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
}

/// The name of the command in a message that has lost its length: the first element of the document in an
/// [`OP_MSG`](https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg).
fn command(message: &[u8]) -> Option<String> {
    const OP_MSG: [u8; 4] = 2_013_u32.to_le_bytes();
    // Two ids, the code, the flags, the kind of the section, the length and the first type of the document.
    let name = (message[8..12] == OP_MSG).then(|| &message[22..])?;
    let name = String::from_utf8(name.split(|byte| *byte == 0).next()?.to_vec()).ok()?;
    (!matches!(name.as_str(), "hello" | "isMaster" | "ismaster" | "saslStart" | "saslContinue"))
        .then_some(name)
}
