use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

/// How often a server is asked that does not answer yet.
const INTERVAL: Duration = Duration::from_millis(100);
const ANSWER: Duration = Duration::from_secs(1);

/// A question that only a server that is ready answers as expected.
///
/// An open port is no proof: a container engine accepts connections for a server that is still starting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) question: &'static [u8],
    pub(super) answers: &'static [&'static str],
}

impl Probe {
    /// Asks until the server answers, for as long as the caller waits.
    pub(super) async fn wait(self, port: u16) {
        while !matches!(timeout(ANSWER, self.is_answered(port)).await, Ok(Ok(true))) {
            sleep(INTERVAL).await;
        }
    }

    async fn is_answered(self, port: u16) -> io::Result<bool> {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
        connection.write_all(self.question).await?;
        let mut said = Vec::new();
        loop {
            if connection.read_buf(&mut said).await? == 0 {
                return Ok(false);
            }
            let text = String::from_utf8_lossy(&said);
            if self.answers.iter().all(|answer| text.contains(answer)) {
                return Ok(true);
            }
        }
    }
}
