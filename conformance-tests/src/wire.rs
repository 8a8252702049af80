use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The network between a client and a server on this machine: it counts the round trips that pass.
///
/// A round trip begins where the client speaks after the server has, on any of its connections; what a client
/// sends at one go, as one packet or several, is one.
///
/// ```no_run
/// use cloakroom_conformance::Wire;
///
/// # async fn example() -> std::io::Result<()> {
/// let wire = Wire::to("redis://127.0.0.1:6379").await?;
/// let before = wire.round_trips();
/// // A client of wire.url() works here.
/// assert_eq!(wire.round_trips() - before, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Wire {
    url: String,
    round_trips: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Wire {
    /// Listens on a port of its own and passes on to the server of this URL, which names it by `127.0.0.1:PORT`.
    ///
    /// # Errors
    /// Where the URL names no such server, or no port is free.
    pub async fn to(url: &str) -> io::Result<Self> {
        let server = local_address(url).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the URL does not name 127.0.0.1:PORT")
        })?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = url.replacen(server, &listener.local_addr()?.to_string(), 1);
        let round_trips = Arc::new(AtomicU64::new(0));
        let accepting = tokio::spawn(accept(listener, server.to_owned(), Arc::clone(&round_trips)));
        Ok(Self { url, round_trips, accepting })
    }

    /// The URL that leads through here.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many have passed.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn local_address(url: &str) -> Option<&str> {
    let begin = url.find("127.0.0.1:")?;
    let port = begin + "127.0.0.1:".len();
    let digits = url[port..].bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| &url[begin..port + digits])
}

async fn accept(listener: TcpListener, server: String, round_trips: Arc<AtomicU64>) {
    while let Ok((client, _)) = listener.accept().await {
        let (server, round_trips) = (server.clone(), Arc::clone(&round_trips));
        tokio::spawn(async move {
            // A client sees a server that is not there as a connection that is closed.
            let Ok(server) = TcpStream::connect(server).await else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let client_spoke = AtomicBool::new(false);
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let asking = pass(from_client, to_server, || {
                if !client_spoke.swap(true, Ordering::SeqCst) {
                    round_trips.fetch_add(1, Ordering::SeqCst);
                }
            });
            let answering = pass(from_server, to_client, || client_spoke.store(false, Ordering::SeqCst));
            let _ = tokio::join!(asking, answering);
        });
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    seen: impl Fn(),
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        seen();
        to.write_all(&buffer[..length]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each line with two packets.
    async fn server() -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    while let Ok(byte) = client.read_u8().await {
                        if byte == b'\n' {
                            client.write_all(b"one ").await?;
                            client.write_all(b"two\n").await?;
                        }
                    }
                    io::Result::Ok(())
                });
            }
        });
        Ok(format!("lines://{address}/path?query"))
    }

    async fn ask(client: &mut TcpStream, question: &[&[u8]]) -> io::Result<()> {
        for part in question {
            client.write_all(part).await?;
            client.flush().await?;
        }
        let mut answer = [0; 8];
        client.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"one two\n");
        Ok(())
    }

    #[tokio::test]
    async fn every_question_counts_once_on_every_connection() -> io::Result<()> {
        let wire = Wire::to(&server().await?).await?;
        assert!(wire.url().ends_with("/path?query"));
        let address = local_address(wire.url()).unwrap();
        let mut clients = [TcpStream::connect(address).await?, TcpStream::connect(address).await?];
        assert_eq!(wire.round_trips(), 0);
        for client in &mut clients {
            ask(client, &[b"whole\n"]).await?;
            ask(client, &[b"in ", b"parts\n"]).await?;
        }
        assert_eq!(wire.round_trips(), 4);
        Ok(())
    }

    #[tokio::test]
    async fn a_url_without_a_local_server_is_refused() {
        for url in ["redis://10.0.0.1:6379", "sqlite:a.db", "redis://127.0.0.1:"] {
            assert_eq!(Wire::to(url).await.unwrap_err().kind(), io::ErrorKind::InvalidInput, "{url}");
        }
    }
}
