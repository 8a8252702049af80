//! The same five handlers with each kind of session.

use axum::Router;

use crate::error::Failure;

mod cloakroom;
mod none;
mod tower_sessions;

/// What the session holds beside the counter: a profile of the size that applications keep.
const PROFILE: &str = "{\"user\":4711,\"name\":\"Ada Lovelace\",\"mail\":\"ada@analytical.engine\",\
    \"roles\":[\"customer\",\"editor\"],\"theme\":\"dark\",\"language\":\"en\",\"zone\":\"Europe/London\",\
    \"cart\":[1815,1843,1852]}";

/// How a server keeps its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Contender {
    /// No session: the ceiling.
    None,
    /// Cloakroom on its memory backend.
    Cloakroom,
    /// tower-sessions on its memory store.
    TowerSessions,
}

impl Contender {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Cloakroom, Self::TowerSessions];

    /// As the command line and the tables call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cloakroom => "cloakroom",
            Self::TowerSessions => "tower-sessions",
        }
    }

    /// Whether it keeps anything.
    pub(crate) fn has_sessions(self) -> bool {
        self != Self::None
    }

    /// `/start` opens a session, `/read` reads its counter, `/write` raises it, `/plain` leaves sessions
    /// alone, `/peek` reads the counter of a visitor who may have none. Each answers with a number.
    pub(crate) async fn router(self) -> Result<Router, Failure> {
        match self {
            Self::None => Ok(none::router()),
            Self::Cloakroom => cloakroom::router().await,
            Self::TowerSessions => Ok(tower_sessions::router()),
        }
    }
}
