//! Certificates, token and kubeconfig of the practice API. client-go sends no token over plain http, hence TLS.

use crate::simulator::StartError;
use crate::simulator::chance;
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Who the API is, and the token it takes.
pub(super) struct Identity {
    authority_pem: String,
    chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    key: Vec<u8>,
    pub token: String,
    pub viewer: String,
}

impl Identity {
    /// A new authority and a leaf for 127.0.0.1. Keys are fresh each time; only the world is seeded.
    pub fn make(seed: u64, now: Timestamp) -> Result<Self, StartError> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.distinguished_name = named("gonogo practice authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let key = KeyPair::generate()?;
        let mut leaf =
            CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?;
        leaf.distinguished_name = named("gonogo practice API");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&key, &issuer)?;
        let words = format!("{now}/{}", key.serialize_pem());
        Ok(Self {
            authority_pem: certificate.pem(),
            chain: vec![leaf.der().clone()],
            key: key.serialize_der(),
            token: format!("practice-{}", chance::suffix(seed, &words, 24)),
            viewer: format!(
                "viewer-{}",
                chance::suffix(seed, &format!("{words}/viewer"), 24)
            ),
        })
    }

    pub fn acceptor(&self) -> Result<TlsAcceptor, StartError> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    pub fn kubeconfig(&self, api_url: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: practice\n  cluster:\n    server: {api_url}\n    \
             certificate-authority-data: {authority}\nusers:\n- name: practice\n  user:\n    token: {token}\n\
             - name: practice-viewer\n  user:\n    token: {viewer}\n\
             contexts:\n- name: practice\n  context:\n    cluster: practice\n    user: practice\n    \
             namespace: production\n- name: practice-viewer\n  context:\n    cluster: practice\n    \
             user: practice-viewer\n    namespace: production\ncurrent-context: practice\n",
            authority = base64(self.authority_pem.as_bytes()),
            token = self.token,
            viewer = self.viewer,
        )
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = group
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            if place <= group.len() {
                let sextet = number >> (18 - 6 * place) & 63;
                text.push(char::from(LETTERS[usize::try_from(sextet).unwrap_or(0)]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
