use std::{fmt, marker::PhantomData};

/// A key of the session's map, with the type of its value.
///
/// Declared once, it spares every use the type and the spelling:
///
/// ```
/// use cloakroom_session::{Key, Session, SessionError};
///
/// const VISITS: Key<u64> = Key::new("visits");
///
/// fn count(session: &Session) -> Result<u64, SessionError> {
///     let visits = session.get(VISITS)?.unwrap_or(0) + 1;
///     session.set(VISITS, &visits)?;
///     Ok(visits)
/// }
/// ```
pub struct Key<T: ?Sized> {
    name: &'static str,
    value: PhantomData<fn() -> Box<T>>,
}

impl<T: ?Sized> Key<T> {
    /// The key of that name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T: ?Sized> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Key<T> {}

impl<T: ?Sized> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.name).finish()
    }
}

impl<T: ?Sized> AsRef<str> for Key<T> {
    fn as_ref(&self) -> &str {
        self.name
    }
}

/// What names a value of type `T` in a session: a string, or a [`Key<T>`](Key).
pub trait AsKey<T: ?Sized> {
    /// The name.
    fn name(&self) -> &str;
}

impl<T: ?Sized> AsKey<T> for &str {
    fn name(&self) -> &str {
        self
    }
}

impl<T: ?Sized> AsKey<T> for &String {
    fn name(&self) -> &str {
        self
    }
}

impl<T: ?Sized> AsKey<T> for Key<T> {
    fn name(&self) -> &str {
        self.name
    }
}
