use std::env;

use crate::Failure;

/// What the benchmark asks of a server.
#[derive(Debug, Clone)]
pub struct Order {
    /// Where the sessions are kept, such as `redis://127.0.0.1:6379`; `memory:` is the process itself.
    pub url: String,
    /// How many threads serve.
    pub threads: usize,
}

impl Order {
    /// The arguments of this program.
    ///
    /// # Errors
    /// [`Failure::Order`] where they are others.
    pub fn read() -> Result<Self, Failure> {
        let mut arguments = env::args().skip(1);
        let (Some(url), Some(threads), None) = (arguments.next(), arguments.next(), arguments.next()) else {
            return Err(Failure::Order);
        };
        Ok(Self { url, threads: threads.parse().map_err(|_| Failure::Order)? })
    }

    /// The arguments that [`read`](Self::read) reads.
    #[must_use]
    pub fn arguments(&self) -> [String; 2] {
        [self.url.clone(), self.threads.to_string()]
    }

    /// The kind of storage: the URL's scheme.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.url.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// The rival has no store of this kind.
    #[must_use]
    pub fn no_store(&self) -> Failure {
        Failure::NoStore(self.scheme().to_owned())
    }
}
