use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

/// The network between a client and a server on this machine: it counts the round trips that pass, and fails as it is
/// told to.
///
/// A round trip begins where the client speaks after the server has, on any of its connections; what a client
/// sends at one go, as one packet or several, is one.
///
/// ```no_run
/// use cloakroom_conformance::{Passage, Wire};
///
/// # async fn example() -> std::io::Result<()> {
/// let wire = Wire::to("redis://127.0.0.1:6379").await?;
/// let before = wire.round_trips();
/// // A client of wire.url() works here.
/// assert_eq!(wire.round_trips() - before, 1);
/// wire.set(Passage::Silent);
/// // It hears nothing any more.
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Wire {
    url: String,
    server: Arc<Mutex<String>>,
    seen: Arc<Seen>,
    state: watch::Sender<State>,
    accepting: JoinHandle<io::Result<()>>,
}

/// What becomes of that which a [`Wire`] carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Passage {
    /// Everything passes.
    Open,
    /// Every answer comes so much later.
    Late(Duration),
    /// Every connection ends in the middle of its next answer.
    Torn,
    /// Connections stay open and are accepted, and nothing passes: as if the server had vanished. Those of this time
    /// are lost for good, also when others pass again.
    Silent,
    /// Connections end, and new ones are refused.
    Cut,
}

#[derive(Debug, Default)]
struct Seen {
    round_trips: AtomicU64,
    connections: AtomicU64,
    torn: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
struct State {
    passage: Passage,
    /// How many times all connections were silenced, and how many times cut.
    silences: u64,
    cuts: u64,
}

impl Wire {
    /// Listens on a port of its own and passes on to the server of this URL, which names it by `127.0.0.1:PORT`.
    ///
    /// # Errors
    /// Where the URL names no such server, or no port is free.
    pub async fn to(url: &str) -> io::Result<Self> {
        let server = local_address(url)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = url.replacen(server, &listener.local_addr()?.to_string(), 1);
        let (server, seen) = (Arc::new(Mutex::new(server.to_owned())), Arc::<Seen>::default());
        let (state, watched) = watch::channel(State { passage: Passage::Open, silences: 0, cuts: 0 });
        let accepting = tokio::spawn(accept(listener, server.clone(), seen.clone(), watched));
        Ok(Self { url, server, seen, state, accepting })
    }

    /// The URL that leads through here.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many have passed, or were swallowed.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.seen.round_trips.load(Ordering::SeqCst)
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// From now on, for every connection.
    pub fn set(&self, passage: Passage) {
        self.state.send_modify(|state| {
            state.passage = passage;
            state.silences += u64::from(passage == Passage::Silent);
            state.cuts += u64::from(passage == Passage::Cut);
        });
    }

    /// Leads new connections to the server of this URL instead.
    ///
    /// # Errors
    /// Where the URL names none by `127.0.0.1:PORT`.
    pub fn turn_to(&self, url: &str) -> io::Result<()> {
        local_address(url)?.clone_into(&mut self.server.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn local_address(url: &str) -> io::Result<&str> {
    const HOST: &str = "127.0.0.1:";
    let begin = url.find(HOST).unwrap_or(url.len());
    let digits = url[begin..].bytes().skip(HOST.len()).take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the URL does not name 127.0.0.1:PORT"));
    }
    Ok(&url[begin..begin + HOST.len() + digits])
}

/// While connections are cut, the port is closed.
async fn accept(
    mut listener: TcpListener,
    server: Arc<Mutex<String>>,
    seen: Arc<Seen>,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => Some(accepted?),
            () = becomes(&mut state, |passage| passage == Passage::Cut) => None,
        };
        if let Some((client, _)) = accepted {
            seen.connections.fetch_add(1, Ordering::SeqCst);
            let server = server.lock().unwrap_or_else(PoisonError::into_inner).clone();
            tokio::spawn(connect(client, server, seen.clone(), state.clone()));
        } else {
            drop(listener);
            becomes(&mut state, |passage| passage != Passage::Cut).await;
            listener = TcpListener::bind(address).await?;
        }
    }
}

/// Waits until it does; a wire that is gone becomes nothing any more.
async fn becomes(state: &mut watch::Receiver<State>, what: impl Fn(Passage) -> bool) {
    if state.wait_for(|state| what(state.passage)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A connection, until one side ends it, it is cut, or the wire is gone.
async fn connect(client: TcpStream, server: String, seen: Arc<Seen>, state: watch::Receiver<State>) {
    let begun = *state.borrow();
    if begun.passage == Passage::Cut {
        return;
    }
    // A client sees a server that is not there as a connection that is closed.
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let client_spoke = AtomicBool::new(false);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let passage = || {
        let now = *state.borrow();
        let is_silenced = begun.passage == Passage::Silent || begun.silences != now.silences;
        if is_silenced { Passage::Silent } else { now.passage }
    };
    let asking = ask(from_client, to_server, || {
        if !client_spoke.swap(true, Ordering::SeqCst) {
            seen.round_trips.fetch_add(1, Ordering::SeqCst);
        }
        passage()
    });
    let answering = answer(from_server, to_client, &seen.torn, || {
        client_spoke.store(false, Ordering::SeqCst);
        passage()
    });
    let mut cut = state.clone();
    tokio::select! {
        _ = answering => {}
        // Where the client has said all, the server may still answer.
        Err(_) = asking => {}
        _ = cut.wait_for(|state| state.cuts != begun.cuts) => {}
    }
}

async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    passage: impl Fn() -> Passage,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        if passage() != Passage::Silent {
            to.write_all(&buffer[..length]).await?;
        }
    }
}

/// Of an answer that is torn, another part each time.
async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    torn: &AtomicUsize,
    passage: impl Fn() -> Passage,
) -> io::Result<()> {
    const PARTS: usize = 8;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        match passage() {
            // Not even that the server has ended the connection.
            Passage::Silent if length == 0 => return std::future::pending().await,
            Passage::Silent => continue,
            Passage::Torn => {
                let part = torn.fetch_add(1, Ordering::SeqCst) % PARTS;
                to.write_all(&buffer[..length * part / PARTS]).await?;
                return to.shutdown().await;
            }
            Passage::Late(delay) => sleep(delay).await,
            Passage::Open | Passage::Cut => {}
        }
        if length == 0 {
            return to.shutdown().await;
        }
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

    /// A connection through the wire, on which a question has been answered.
    async fn connected(wire: &Wire) -> io::Result<TcpStream> {
        let mut client = TcpStream::connect(local_address(wire.url()).unwrap()).await?;
        ask(&mut client, &[b"whole\n"]).await?;
        Ok(client)
    }

    /// What is heard until the connection ends; `None`: it does not.
    async fn heard(client: &mut TcpStream) -> Option<Vec<u8>> {
        let _ = client.write_all(b"whole\n").await;
        let mut answer = Vec::new();
        let until_its_end = client.read_to_end(&mut answer);
        // A connection that is reset has been heard out as well.
        let _ = tokio::time::timeout(Duration::from_millis(100), until_its_end).await.ok()?;
        Some(answer)
    }

    #[tokio::test]
    async fn late_answers_come_whole() -> io::Result<()> {
        let wire = Wire::to(&server().await?).await?;
        let mut client = connected(&wire).await?;
        let (begun, delay) = (std::time::Instant::now(), Duration::from_millis(100));
        wire.set(Passage::Late(delay));
        ask(&mut client, &[b"whole\n"]).await?;
        assert!(begun.elapsed() >= delay);
        Ok(())
    }

    #[tokio::test]
    async fn torn_answers_are_a_part_and_another_each_time() -> io::Result<()> {
        let wire = Wire::to(&server().await?).await?;
        let mut parts = std::collections::BTreeSet::new();
        for _ in 0..8 {
            wire.set(Passage::Open);
            let mut client = connected(&wire).await?;
            wire.set(Passage::Torn);
            let part = heard(&mut client).await.expect("the connection ends");
            assert!(b"one two\n".starts_with(&part) && part.len() < 8);
            parts.insert(part);
        }
        assert!(parts.len() > 1);
        Ok(())
    }

    #[tokio::test]
    async fn silent_connections_stay_open_and_silent() -> io::Result<()> {
        let wire = Wire::to(&server().await?).await?;
        let mut before = connected(&wire).await?;
        wire.set(Passage::Silent);
        assert_eq!(heard(&mut before).await, None);
        let mut meanwhile = TcpStream::connect(local_address(wire.url()).unwrap()).await?;
        assert_eq!(heard(&mut meanwhile).await, None);
        wire.set(Passage::Open);
        assert_eq!((heard(&mut before).await, heard(&mut meanwhile).await), (None, None));
        connected(&wire).await?;
        Ok(())
    }

    #[tokio::test]
    async fn cut_connections_end_the_silent_ones_too() -> io::Result<()> {
        let wire = Wire::to(&server().await?).await?;
        let mut silent = connected(&wire).await?;
        wire.set(Passage::Silent);
        assert_eq!(heard(&mut silent).await, None);
        wire.set(Passage::Open);
        let mut open = connected(&wire).await?;
        wire.set(Passage::Cut);
        wire.set(Passage::Open);
        assert_eq!((heard(&mut silent).await, heard(&mut open).await), (Some(vec![]), Some(vec![])));
        connected(&wire).await?;
        assert_eq!(wire.connections(), 3);
        Ok(())
    }

    #[tokio::test]
    async fn a_url_without_a_local_server_is_refused() {
        for url in ["redis://10.0.0.1:6379", "sqlite:a.db", "redis://127.0.0.1:"] {
            assert_eq!(Wire::to(url).await.unwrap_err().kind(), io::ErrorKind::InvalidInput, "{url}");
        }
    }
}
