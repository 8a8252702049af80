//! The same five handlers with each kind of session, as `cloakroom_bench_server` describes them.

use std::{env, process::Command};

use cloakroom_bench_server::{Order, serve};

use crate::{backend::Backend, error::Failure};

mod cloakroom;
mod none;

/// How a server keeps its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Contender {
    /// No session: the ceiling.
    None,
    Cloakroom,
    TowerSessions,
    AxumSession,
    ActixSession,
}

impl Contender {
    const ALL: [Self; 5] =
        [Self::None, Self::Cloakroom, Self::TowerSessions, Self::AxumSession, Self::ActixSession];

    /// Those that have a store for the backend.
    pub(crate) fn on(backend: Backend) -> impl Iterator<Item = Self> {
        let has_store = move |contender: &Self| *contender != Self::ActixSession || backend == Backend::Redis;
        Self::ALL.into_iter().filter(has_store)
    }

    /// As the command line and the tables call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cloakroom => "cloakroom",
            Self::TowerSessions => "tower-sessions",
            Self::AxumSession => "axum-session",
            Self::ActixSession => "actix-session",
        }
    }

    /// Whether it keeps anything.
    pub(crate) fn has_sessions(self) -> bool {
        self != Self::None
    }

    /// The program that serves it: this one, or the rival's, which lies beside it.
    pub(crate) fn program(self, order: &Order) -> Result<Command, Failure> {
        let itself = env::current_exe().map_err(Failure::io("find this program"))?;
        let mut command = if matches!(self, Self::None | Self::Cloakroom) {
            let mut command = Command::new(itself);
            command.args(["serve", self.name()]);
            command
        } else {
            let rival = itself.with_file_name(format!("bench-{}{}", self.name(), env::consts::EXE_SUFFIX));
            if !rival.exists() {
                return Err(Failure::NotBuilt(self.name()));
            }
            Command::new(rival)
        };
        command.args(order.arguments());
        Ok(command)
    }

    /// Serves it in this process, until the parent closes the input.
    pub(crate) fn serve(self, order: &Order) -> Result<(), Failure> {
        match self {
            Self::None => serve(order.threads, async { Ok(none::router()) })?,
            Self::Cloakroom => serve(order.threads, cloakroom::router(&order.url))?,
            _ => return Err(Failure::Option("the contender")),
        }
        Ok(())
    }
}
