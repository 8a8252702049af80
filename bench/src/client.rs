//! One keep-alive connection with a session of its own: a closed loop of requests whose answers are checked.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{contender::Contender, error::Failure, workload::Workload};

/// Latencies in nanoseconds, to three digits.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new(3).expect("three significant digits are allowed")
}

pub(crate) struct Client {
    contender: Contender,
    stream: TcpStream,
    received: Vec<u8>,
    /// The cookie that `/start` set, as it is sent back.
    cookie: String,
    /// Where the session's counter stands, by the answers so far.
    counter: u64,
}

impl Client {
    /// Connects and opens a session.
    pub(crate) async fn start(contender: Contender, address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(Failure::io("connect to a server"))?;
        stream.set_nodelay(true).map_err(Failure::io("connect to a server"))?;
        let mut client =
            Self { contender, stream, received: Vec::with_capacity(4096), cookie: String::new(), counter: 0 };
        let start = request("/start", "");
        client.ask(&start).await?;
        if contender.has_sessions() {
            client.cookie = client.set_cookie().ok_or_else(|| client.wrong("no cookie was set"))?;
        }
        Ok(client)
    }

    /// Asks until the deadline.
    pub(crate) async fn run(
        &mut self,
        workload: Workload,
        turn: Duration,
    ) -> Result<Histogram<u64>, Failure> {
        let cookie = if workload.sends_cookie() { self.cookie.as_str() } else { "" };
        let request = request(workload.path(), cookie);
        let mut latencies = latencies();
        let end = Instant::now() + turn;
        loop {
            let begin = Instant::now();
            if begin >= end {
                return Ok(latencies);
            }
            let number = self.ask(&request).await?;
            let nanoseconds = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
            latencies.record(nanoseconds).map_err(Failure::set_up("record a latency"))?;
            self.check(workload, number)?;
        }
    }

    /// Reads the counter back: every write must have been kept.
    pub(crate) async fn verify(&mut self) -> Result<(), Failure> {
        let number = self.ask(&request("/read", &self.cookie)).await?;
        self.check(Workload::Read, number)
    }

    fn check(&mut self, workload: Workload, number: u64) -> Result<(), Failure> {
        if let Some(expected) = workload.answer(self.contender, self.counter)
            && number != expected
        {
            return Err(self.wrong(&format!("{}: {number} instead of {expected}", workload.name())));
        }
        if workload == Workload::Write {
            self.counter += 1;
        }
        Ok(())
    }

    /// One request and the number that answers it.
    async fn ask(&mut self, request: &[u8]) -> Result<u64, Failure> {
        self.stream.write_all(request).await.map_err(Failure::io("send a request"))?;
        self.received.clear();
        loop {
            let read = self.stream.read_buf(&mut self.received).await;
            if read.map_err(Failure::io("receive a response"))? == 0 {
                return Err(self.wrong("it closed the connection"));
            }
            if let Some(body) = body(&self.received) {
                let number = std::str::from_utf8(body).ok().and_then(|body| body.parse().ok());
                let ok = self.received.starts_with(b"HTTP/1.1 200 ");
                return number.filter(|_| ok).ok_or_else(|| self.wrong(&self.shown()));
            }
        }
    }

    /// The cookie with a value among those of the last response: one without is being removed.
    fn set_cookie(&self) -> Option<String> {
        let head = std::str::from_utf8(&self.received).ok()?;
        let cookies = head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        let mut pairs = cookies.filter_map(|cookie| cookie.split(';').next());
        let has_value = |pair: &&str| pair.split_once('=').is_some_and(|(_, value)| !value.is_empty());
        pairs.find(has_value).map(str::to_owned)
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::Wrong { contender: self.contender.name().to_owned(), what: what.to_owned() }
    }
}

fn request(path: &str, cookie: &str) -> Vec<u8> {
    let cookie = if cookie.is_empty() { String::new() } else { format!("cookie: {cookie}\r\n") };
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{cookie}\r\n").into_bytes()
}

/// The body of a response that has arrived whole. The servers send its length, in lower-case headers.
fn body(received: &[u8]) -> Option<&[u8]> {
    const LENGTH: &[u8] = b"\r\ncontent-length: ";
    let end = position(received, b"\r\n\r\n")?;
    let digits = &received[position(&received[..end], LENGTH)? + LENGTH.len()..];
    let length: usize =
        std::str::from_utf8(digits.split(|byte| *byte == b'\r').next()?).ok()?.parse().ok()?;
    received.get(end + 4..end + 4 + length)
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
