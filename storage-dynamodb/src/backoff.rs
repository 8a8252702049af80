use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// Ever longer pauses, each of random length, so that nodes which were refused together come back apart.
/// <https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/>
pub(crate) struct Backoff {
    pauses: u32,
    most: u32,
}

impl Backoff {
    pub(crate) const fn new(most: u32) -> Self {
        Self { pauses: 0, most }
    }

    /// Waits and returns true, or returns false if it has waited often enough.
    pub(crate) async fn pause(&mut self) -> bool {
        if self.pauses == self.most {
            return false;
        }
        let ceiling = FIRST.saturating_mul(1 << self.pauses.min(16)).min(LONGEST);
        self.pauses += 1;
        tokio::time::sleep(ceiling.mul_f64(fastrand::f64())).await;
        true
    }

    /// Begins anew, as there was progress.
    pub(crate) const fn reset(&mut self) {
        self.pauses = 0;
    }
}
