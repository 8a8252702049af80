//! One turn of one contender, and the medians over its turns.

use std::time::{Duration, Instant};

use crate::{
    client, client::Client, cpu, error::Failure, median::median, server::Server, workload::Workload,
};

/// The figures of one turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) requests_per_second: f64,
    /// In microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// The server's processor time for one request, in microseconds.
    pub(crate) cpu: f64,
}

impl Turn {
    /// Lets every client ask at once.
    pub(crate) async fn take(
        server: &Server,
        clients: &mut Vec<Client>,
        workload: Workload,
        length: Duration,
    ) -> Result<Self, Failure> {
        let cpu_before = cpu::used_by(server.id())?;
        let begin = Instant::now();
        let running: Vec<_> = clients
            .drain(..)
            .map(|mut client| {
                tokio::spawn(async move {
                    let latencies = client.run(workload, length).await?;
                    Ok::<_, Failure>((client, latencies))
                })
            })
            .collect();
        let mut latencies = client::latencies();
        for client in running {
            let (client, its) = client.await.map_err(Failure::set_up("run a client"))??;
            latencies += its;
            clients.push(client);
        }
        let elapsed = begin.elapsed();
        let cpu = cpu::used_by(server.id())?.saturating_sub(cpu_before);
        Ok(Self {
            requests_per_second: as_f64(latencies.len()) / elapsed.as_secs_f64(),
            p50: as_f64(latencies.value_at_quantile(0.5)) / 1e3,
            p99: as_f64(latencies.value_at_quantile(0.99)) / 1e3,
            cpu: cpu.as_secs_f64() * 1e6 / as_f64(latencies.len().max(1)),
        })
    }
}

/// One figure, as the median over the turns.
pub(crate) fn figure(turns: &[Turn], of: fn(&Turn) -> f64) -> f64 {
    median(turns.iter().map(of))
}

/// The throughput as a share of another contender's, as the median of the ratios within a round.
pub(crate) fn share(turns: &[Turn], of: &[Turn]) -> f64 {
    median(turns.iter().zip(of).map(|(turn, of)| turn.requests_per_second / of.requests_per_second))
}

/// Counts and nanoseconds of a run stay far below 2^53, where a float stops being exact.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(crate) fn as_f64(number: u64) -> f64 {
    number as f64
}
