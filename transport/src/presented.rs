//! What a peer showed: certificates, leaf first, that nobody has judged yet.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use rustls::pki_types::CertificateDer;

use crate::certificate::Certificate;
use crate::certificate_error::CertificateError;
use crate::verify::VerifiedPath;

/// How many certificates of one client are looked at.
pub const MAX_PRESENTED: usize = 8;
/// How many of one server: leaf and root, and as many between them as Kong's `tls_verify_depth` can allow. Servers send what
/// they were given, and their operators expect that it works up to the depth, as with OpenSSL.
pub const MAX_PRESENTED_BY_SERVER: usize = 66;
/// How many octets of DER, all certificates of one peer together.
pub const MAX_PRESENTED_BYTES: usize = 64 * 1024;

/// A chain as a peer showed it, in a handshake or in a header. It says nothing about trust: only `TrustStore::verify` turns it into a
/// `VerifiedPath`. Index 0 is the leaf and the only one that can become an identity; the rest are hints for building a path.
#[derive(Clone)]
pub struct PresentedChain {
    certificates: Arc<[CertificateDer<'static>]>,
    /// The leaf is needed to judge, to log and to write headers; it is read once.
    leaf: OnceLock<Result<Arc<Certificate>, CertificateError>>,
}

impl PresentedChain {
    /// Takes certificates in the order presented. An empty list is `Malformed`, more than [`MAX_PRESENTED`] certificates or
    /// [`MAX_PRESENTED_BYTES`] are `TooLarge`; nothing is parsed.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Self, CertificateError> {
        Self::limited(certificates, MAX_PRESENTED)
    }

    fn limited(certificates: Vec<CertificateDer<'static>>, limit: usize) -> Result<Self, CertificateError> {
        if certificates.is_empty() {
            return Err(CertificateError::Malformed("there is none".into()));
        }
        if certificates.len() > limit {
            return Err(CertificateError::TooLarge {
                presented: certificates.len(),
                limit,
                unit: "certificates",
            });
        }
        let octets = certificates.iter().map(|der| der.len()).sum();
        if octets > MAX_PRESENTED_BYTES {
            return Err(CertificateError::TooLarge {
                presented: octets,
                limit: MAX_PRESENTED_BYTES,
                unit: "octets",
            });
        }
        Ok(Self {
            certificates: certificates.into(),
            leaf: OnceLock::new(),
        })
    }

    /// The certificates that a verified path rests on, without its root and without whatever else was presented: to be
    /// kept, and judged again.
    pub fn of_path(path: &VerifiedPath) -> Self {
        // A root is taken from the trust store; whether its own signature is good does not matter here.
        let names_itself = |issuer: &Certificate| issuer.subject().raw() == issuer.issuer().raw();
        let issuers = path.issuers().iter().filter(|issuer| !names_itself(issuer));
        let issuers = issuers.map(|issuer| issuer.der().clone());
        Self {
            certificates: std::iter::once(path.leaf().der().clone())
                .chain(issuers)
                .collect(),
            leaf: OnceLock::from(Ok(path.leaf_shared())),
        }
    }

    /// Takes what rustls hands out after a handshake.
    pub fn from_handshake(certificates: &[CertificateDer<'_>]) -> Result<Self, CertificateError> {
        Self::copied(certificates.iter(), MAX_PRESENTED)
    }

    /// What we show ourselves, to whomever.
    pub(crate) fn of_own(certificates: &[CertificateDer<'_>]) -> Result<Self, CertificateError> {
        Self::copied(certificates.iter(), MAX_PRESENTED_BY_SERVER)
    }

    /// Takes what rustls hands out of a client during a handshake.
    pub(crate) fn of_client(
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
    ) -> Result<Self, CertificateError> {
        Self::copied(std::iter::once(leaf).chain(rest), MAX_PRESENTED)
    }

    /// The same of a server.
    pub(crate) fn of_server(
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
    ) -> Result<Self, CertificateError> {
        Self::copied(std::iter::once(leaf).chain(rest), MAX_PRESENTED_BY_SERVER)
    }

    fn copied<'a>(
        certificates: impl Iterator<Item = &'a CertificateDer<'a>>,
        limit: usize,
    ) -> Result<Self, CertificateError> {
        // One too many are copied at most, so that the limit is still reported.
        let copied = certificates.take(limit + 1);
        Self::limited(copied.map(|der| der.clone().into_owned()).collect(), limit)
    }

    /// The leaf.
    pub fn leaf(&self) -> &CertificateDer<'static> {
        // Never empty: `new` is the only way in.
        &self.certificates[0]
    }

    /// The leaf, parsed; the work is done once.
    pub fn leaf_certificate(&self) -> Result<Arc<Certificate>, CertificateError> {
        self.leaf
            .get_or_init(|| Certificate::parse(self.leaf().clone()).map(Arc::new))
            .clone()
    }

    /// What came after the leaf.
    pub fn intermediates(&self) -> &[CertificateDer<'static>] {
        self.certificates.get(1..).unwrap_or_default()
    }

    /// All of it, leaf first.
    pub fn all(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// SHA-256 over the whole chain, each certificate preceded by its length: two chains with one digest are the same chain.
    pub fn digest(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        for der in self.certificates.iter() {
            context.update(&(der.len() as u64).to_be_bytes());
            context.update(der);
        }
        let mut whole = [0; 32];
        whole.copy_from_slice(context.finish().as_ref());
        whole
    }
}

impl std::fmt::Debug for PresentedChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PresentedChain({} certificates)", self.certificates.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(octets: usize, filler: u8) -> CertificateDer<'static> {
        CertificateDer::from(vec![filler; octets])
    }

    #[test]
    fn counts_and_octets_are_capped_before_anything_is_parsed() {
        let most = vec![certificate(MAX_PRESENTED_BYTES / MAX_PRESENTED, 1); MAX_PRESENTED];
        assert!(PresentedChain::new(most.clone()).is_ok());
        assert!(PresentedChain::from_handshake(&most).is_ok());

        let many = vec![certificate(1, 1); MAX_PRESENTED + 1];
        let large = vec![certificate(MAX_PRESENTED_BYTES + 1, 1)];
        for bad in [many, large] {
            assert!(matches!(
                PresentedChain::from_handshake(&bad),
                Err(CertificateError::TooLarge { .. })
            ));
        }
        assert!(matches!(
            PresentedChain::new(Vec::new()),
            Err(CertificateError::Malformed(_))
        ));
    }

    #[test]
    fn the_digest_knows_where_one_certificate_ends() {
        let digest = |chain| PresentedChain::new(chain).expect("a chain").digest();
        let split = digest(vec![certificate(2, 7), certificate(1, 7)]);
        assert_ne!(split, digest(vec![certificate(1, 7), certificate(2, 7)]));
        assert_ne!(split, digest(vec![certificate(3, 7)]));
        assert_eq!(split, digest(vec![certificate(2, 7), certificate(1, 7)]));
    }

    #[test]
    fn a_leaf_that_is_no_certificate_is_told_each_time() {
        let chain = PresentedChain::new(vec![certificate(4, 7)]).expect("a chain");
        for _ in 0..2 {
            assert!(chain.leaf_certificate().is_err_and(|error| error.is_malformed()));
        }
    }
}
