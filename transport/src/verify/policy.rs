//! Our policy, on one certificate and on a whole path.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;

use super::{Expiry, Policy, Purpose, Revocation};
use crate::certificate::Certificate;
use crate::certificate_error::{CertificateError, Distrust, StatusUnknown, Weakness, WrongPurpose};
use crate::revocation::crl::Status;

impl Policy {
    /// What can be said of a leaf without its issuers.
    pub(super) fn judge_leaf(&self, leaf: &Certificate, now: UnixTime) -> Result<(), CertificateError> {
        self.judge_any(leaf)?;
        if leaf.is_ca() {
            return Err(WrongPurpose::Authority(leaf.subject().to_string()).into());
        }
        let signs_handshakes = leaf.extensions().key_usage.as_ref().is_none_or(|usage| {
            usage.digital_signature()
                || usage.key_agreement()
                || (self.purpose == Purpose::Server && usage.key_encipherment())
        });
        if !signs_handshakes {
            return Err(WrongPurpose::KeyUsage(leaf.subject().to_string()).into());
        }
        judge_start(leaf, now)?;
        match self.expiry {
            Expiry::Enforced => judge_end(leaf, now),
            Expiry::LeafIgnored => Ok(()),
        }
    }

    /// Judges a path whose signatures hold: the leaf's issuer first, the anchor last. `status` says what is known of a
    /// certificate and its issuer. Returns until when it holds.
    pub(super) fn judge_path(
        &self,
        leaf: &Certificate,
        issuers: &[Arc<Certificate>],
        status: &dyn Fn(&Certificate, &Certificate) -> Status,
        now: UnixTime,
    ) -> Result<UnixTime, CertificateError> {
        if issuers.len() > self.max_depth {
            // Leaf and intermediates; the anchor is not counted, as it need not be presented.
            return Err(CertificateError::ChainTooDeep {
                length: issuers.len(),
                counted: "below its anchor",
                limit: self.max_depth,
            });
        }
        for (authorities_below, issuer) in issuers.iter().enumerate() {
            self.judge_issuer(issuer, authorities_below, now)?;
        }
        let mut valid_until = match self.expiry {
            Expiry::Enforced => leaf.not_after(),
            Expiry::LeafIgnored => UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX)),
        };
        for issuer in issuers {
            valid_until = valid_until.min(issuer.not_after());
        }
        let below_the_anchor = std::iter::once(leaf).chain(issuers.iter().map(Arc::as_ref));
        for (certificate, issuer) in below_the_anchor.zip(issuers) {
            if let Some(next_update) = self.judge_status(certificate, issuer, status)? {
                valid_until = valid_until.min(next_update);
            }
        }
        Ok(valid_until)
    }

    fn judge_issuer(
        &self,
        issuer: &Certificate,
        authorities_below: usize,
        now: UnixTime,
    ) -> Result<(), CertificateError> {
        let subject = || issuer.subject().to_string();
        self.judge_any(issuer)?;
        if !issuer.is_ca() {
            return Err(Distrust::NotAnAuthority(subject()).into());
        }
        if !issuer.may_sign_certificates() {
            return Err(Distrust::KeyUsage(subject()).into());
        }
        let allowed_below = issuer.extensions().path_length.map(u64::from);
        if allowed_below.is_some_and(|allowed| authorities_below as u64 > allowed) {
            return Err(Distrust::PathLength(subject()).into());
        }
        judge_start(issuer, now)?;
        judge_end(issuer, now)
    }

    /// What holds for every certificate of a path, anchors included.
    fn judge_any(&self, certificate: &Certificate) -> Result<(), CertificateError> {
        let subject = || certificate.subject().to_string();
        if certificate.version() != 3 {
            return Err(Weakness::Version { subject: subject() }.into());
        }
        let key = certificate.public_key();
        if !self.keys.accepts(key) {
            return Err(Weakness::Key {
                subject: subject(),
                key,
            }
            .into());
        }
        if let Some(oid) = &certificate.extensions().unknown_critical {
            return Err(Distrust::CriticalExtension {
                subject: subject(),
                oid: Some(oid.clone()),
            }
            .into());
        }
        let Some(purposes) = certificate.extensions().extended_key_usage else {
            return Ok(());
        };
        let (holds, wanted) = match self.purpose {
            Purpose::Client => (purposes.client_auth, "clientAuth"),
            Purpose::Server => (purposes.server_auth, "serverAuth"),
        };
        if !holds {
            let subject = subject();
            return Err(WrongPurpose::ExtendedKeyUsage { subject, wanted }.into());
        }
        Ok(())
    }

    /// Whether its issuer revoked it; the next update of the list that says it did not.
    fn judge_status(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        status: &dyn Fn(&Certificate, &Certificate) -> Status,
    ) -> Result<Option<UnixTime>, CertificateError> {
        if self.revocation == Revocation::Skip {
            return Ok(None);
        }
        match status(certificate, issuer) {
            Status::Good { next_update } => Ok(Some(next_update)),
            Status::Revoked => Err(CertificateError::Revoked {
                subject: certificate.subject().to_string(),
                serial: certificate.serial().to_owned(),
                issuer: issuer.subject().to_string(),
            }),
            Status::Unknown(cause) => Err(cause.into()),
            Status::NotCovered => match self.revocation {
                Revocation::Skip | Revocation::IgnoreCaError => Ok(None),
                Revocation::Strict => Err(StatusUnknown::Absent {
                    subject: certificate.subject().to_string(),
                    issuer: issuer.subject().to_string(),
                }
                .into()),
            },
        }
    }
}

fn judge_start(certificate: &Certificate, now: UnixTime) -> Result<(), CertificateError> {
    if now < certificate.not_before() {
        return Err(CertificateError::NotYetValid {
            subject: certificate.subject().to_string(),
            not_before: certificate.not_before(),
        });
    }
    Ok(())
}

fn judge_end(certificate: &Certificate, now: UnixTime) -> Result<(), CertificateError> {
    if now > certificate.not_after() {
        return Err(CertificateError::Expired {
            subject: certificate.subject().to_string(),
            not_after: certificate.not_after(),
        });
    }
    Ok(())
}
