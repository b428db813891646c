//! What an instance would make of a certificate that nobody has shown: for who compares two configurations, never for
//! traffic. It is put where the instance keeps what it knows of certificates that it has seen, so that everything else
//! runs as it does for a request.

use std::sync::Arc;

use rustls::pki_types::UnixTime;
use transport::certificate_error::CertificateError;
use transport::verify::{TrustStore, VerifiedPath};

use super::lookup::Outcome;
use super::{CertificateAuth, Fallback, Known, Lookup, RefusedBefore};
use crate::consumer::{ConsumerKey, Consumers};
use crate::identity::Digest;

/// What an instance would know of a certificate.
#[derive(Clone, Debug)]
pub struct Supposed(Result<Arc<Known>, Arc<RefusedBefore>>);

/// Whom it would find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding<'a> {
    /// Nobody: the certificate is refused, or names nobody.
    Nobody,
    /// This consumer.
    Consumer(ConsumerKey),
    /// Whoever is in these groups.
    Groups(&'a [Box<str>]),
}

impl Supposed {
    /// Whom the instance would find.
    pub fn finding(&self) -> Finding<'_> {
        match self.0.as_deref().map(|known| &known.outcome) {
            Ok(Outcome::Consumer { key, .. }) => Finding::Consumer(*key),
            Ok(Outcome::Groups(groups, _)) => Finding::Groups(&groups.names),
            Err(_) => Finding::Nobody,
        }
    }
}

impl CertificateAuth {
    /// What this instance would know if a certificate had been verified with this result.
    pub fn suppose(
        &self,
        verified: Result<VerifiedPath, CertificateError>,
        consumers: &Consumers,
    ) -> Supposed {
        let known = verified
            .map_err(RefusedBefore::Certificate)
            .and_then(|path| self.name(&path, consumers));
        Supposed(known.map(Arc::new).map_err(Arc::new))
    }

    /// Has the instance know that of whatever `digest` stands for.
    pub fn remember(&self, digest: Digest, supposed: &Supposed, until: UnixTime) {
        let kept = (UnixTime::now(), until);
        match &supposed.0 {
            Ok(known) => self.verified.keep(digest, kept, Arc::clone(known)),
            Err(refused) => self.refused.keep(digest, kept, Arc::clone(refused)),
        }
    }

    /// Has the instance know nothing of it.
    pub fn forget(&self, digest: &Digest) {
        self.verified.forget(digest);
        self.refused.forget(digest);
    }

    /// Whom it trusts.
    pub fn store(&self) -> &TrustStore {
        &self.store
    }

    /// How it finds out whom a certificate names.
    pub fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// `anonymous`.
    pub fn anonymous(&self) -> Option<&Fallback> {
        self.anonymous.as_ref()
    }
}
