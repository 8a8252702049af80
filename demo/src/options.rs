use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use clap::Parser;
use cloakroom::{ConnectError, StorageConfig};

/// The file that configures the storage where the command line does not.
const FILE: &str = "cloakroom.toml";

/// A small shop that shows what Cloakroom does.
///
/// Without --storage the sessions are where `cloakroom.toml` in the working directory, or else the variable
/// CLOAKROOM_STORAGE__URL, says; with neither they are in memory.
#[derive(Debug, Parser)]
pub struct Options {
    /// Where the sessions are kept, for example `memory:`
    #[arg(long, value_name = "URL")]
    pub storage: Option<String>,
    /// The address to serve on
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)))]
    pub listen: SocketAddr,
}

impl Options {
    /// Where the sessions are kept.
    ///
    /// # Errors
    /// [`ConnectError`] where the file or a variable is wrong.
    pub fn storage(&self) -> Result<StorageConfig, ConnectError> {
        match &self.storage {
            Some(url) => Ok(StorageConfig::new(url)),
            None if Path::new(FILE).exists() => StorageConfig::load(FILE),
            None if std::env::var_os("CLOAKROOM_STORAGE__URL").is_some() => StorageConfig::from_environment(),
            None => Ok(StorageConfig::new("memory:")),
        }
    }
}
