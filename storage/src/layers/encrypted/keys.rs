use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use crate::{ErrorKind, Operation, Result, StorageError};

/// A secret that values are encrypted with, and the number that encrypted values name it by.
///
/// The memory that holds it is overwritten when the last copy is dropped, and `Debug` shows the number alone.
#[derive(Clone)]
pub struct EncryptionKey {
    pub(super) number: u32,
    pub(super) secret: Arc<Zeroizing<[u8; Self::SECRET_BYTES]>>,
}

impl EncryptionKey {
    /// The length of a secret: two AES-256 keys, one that authenticates and one that encrypts.
    pub const SECRET_BYTES: usize = 64;

    /// A key of that number. The secret is 64 bytes of a cryptographic random generator, such as `openssl rand 64`
    /// gives; it is copied, and the caller's copy is the caller's to overwrite.
    ///
    /// A number is used for one secret only, ever: what another secret has encrypted under it cannot be read.
    #[must_use]
    pub fn new(number: u32, secret: &[u8; Self::SECRET_BYTES]) -> Self {
        Self { number, secret: Arc::new(Zeroizing::new(*secret)) }
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey").field("number", &self.number).finish_non_exhaustive()
    }
}

/// The keys of an [`Encrypted`](crate::Encrypted) layer: one that encrypts, and older ones that still decrypt.
#[derive(Debug, Clone)]
pub struct KeyRing {
    pub(super) current: EncryptionKey,
    older: Vec<EncryptionKey>,
}

impl KeyRing {
    /// The key that encrypts, and decrypts what it has encrypted.
    #[must_use]
    pub const fn new(current: EncryptionKey) -> Self {
        Self { current, older: Vec::new() }
    }

    /// One more key that only decrypts: of the time before a rotation, or of the time after the next.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`] for a number that another key of the ring has.
    pub fn with_older(mut self, key: EncryptionKey) -> Result<Self> {
        if self.find(key.number).is_some() {
            let error = StorageError::new(ErrorKind::Misconfigured, "encrypted", Operation::Open);
            let detail = format!("two keys have the number {}; give each its own", key.number);
            return Err(error.with_detail(detail));
        }
        self.older.push(key);
        Ok(self)
    }

    pub(super) fn find(&self, number: u32) -> Option<&EncryptionKey> {
        std::iter::once(&self.current).chain(&self.older).find(|key| key.number == number)
    }
}
