//! What an encrypted value looks like: a version, the number of its key (big-endian), the authentication tag with the
//! encrypted bytes.

use aes_siv::{KeyInit, siv::Aes256Siv};

use super::keys::{EncryptionKey, KeyRing};
use crate::{Bytes, ErrorKind, Namespace, Operation, Result, StorageError};

const VERSION: u8 = 1;
const HEADER: usize = 1 + size_of::<u32>();
const TAG: usize = 16;

/// By how much a value grows.
pub(super) const OVERHEAD: usize = HEADER + TAG;

/// Encrypts and decrypts the values of one namespace.
#[derive(Debug, Clone)]
pub(super) struct Seal {
    ring: KeyRing,
    namespace: Namespace,
    backend: &'static str,
}

impl Seal {
    pub(super) const fn new(ring: KeyRing, namespace: Namespace, backend: &'static str) -> Self {
        Self { ring, namespace, backend }
    }

    pub(super) fn close(&self, key: &str, value: &[u8]) -> Bytes {
        let with = &self.ring.current;
        let header = header(with.number);
        let sealed = cipher(with)
            .encrypt(self.bound_to(&header, key), value)
            .expect("a value is shorter than the 2^36 bytes that AES-SIV encrypts");
        [&header[..], &sealed].concat().into()
    }

    pub(super) fn open(&self, operation: Operation, key: &str, sealed: &[u8]) -> Result<Bytes> {
        let failed = |kind| StorageError::new(kind, self.backend, operation);
        let Some((header, encrypted)) = sealed.split_at_checked(HEADER).filter(|(it, _)| it[0] == VERSION)
        else {
            return Err(failed(ErrorKind::Corrupt).with_detail("a value is not an encrypted one"));
        };
        let number = header[1..].iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        let Some(with) = self.ring.find(number) else {
            return Err(failed(ErrorKind::Misconfigured).with_detail(format!(
                "a value is encrypted with key number {number}, which the ring lacks; add it with with_older"
            )));
        };
        let opened = cipher(with).decrypt(self.bound_to(header, key), encrypted).map_err(|_| {
            failed(ErrorKind::Corrupt).with_detail(format!(
                "a value was changed, moved here from another key, or encrypted with another secret of number {number}"
            ))
        });
        opened.map(Bytes::from)
    }

    /// What is authenticated with a value but not stored in it. AES-SIV keeps the parts apart.
    fn bound_to<'a>(&'a self, header: &'a [u8], key: &'a str) -> [&'a [u8]; 3] {
        [header, self.namespace.as_str().as_bytes(), key.as_bytes()]
    }
}

fn header(number: u32) -> [u8; HEADER] {
    let [a, b, c, d] = number.to_be_bytes();
    [VERSION, a, b, c, d]
}

fn cipher(key: &EncryptionKey) -> Aes256Siv {
    Aes256Siv::new((&**key.secret).into())
}
