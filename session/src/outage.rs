/// What happens to a request whose session cannot be loaded because the storage is away:
/// [`ErrorKind::Unavailable`](cloakroom_storage::ErrorKind::Unavailable) or
/// [`ErrorKind::Timeout`](cloakroom_storage::ErrorKind::Timeout).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Outage {
    /// The error handler answers, by default 500, and the application is not run. The default: nobody is taken for
    /// somebody else, and nothing is lost silently.
    #[default]
    FailClosed,
    /// The visitor is taken for one without a session, for pages that can live without. The cookie is left alone, so
    /// that the session is there again when the storage is. Nothing can be stored: a handler that changes the session
    /// has its save fail with [`SessionError::Outage`](crate::SessionError::Outage).
    /// [`Session::is_outage`](crate::Session::is_outage) tells the handler.
    TreatAsAnonymous,
}
