use std::{env, fs, io, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, Error, IsCa, KeyPair};

/// A certificate for `localhost` and 127.0.0.1, and the authority that signed it, made anew for every container.
pub(super) struct Certificate {
    pub(super) authority: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Certificate {
    pub(super) fn new() -> Result<Self, Error> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // The servers take a certificate that is named like its issuer for one that signed itself.
        authority.distinguished_name.push(DnType::CommonName, "Cloakroom's tests");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
        Ok(Self { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// Keeps the authority's certificate in a file that a URL can name.
pub(super) fn save_authority(container: &str, pem: &[u8]) -> io::Result<PathBuf> {
    let path = env::temp_dir().join(format!("cloakroom-tests-{container}.pem"));
    fs::write(&path, pem)?;
    Ok(path)
}
