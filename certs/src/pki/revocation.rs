//! What an authority took back.

use std::time::Duration;

use rcgen::{CrlDistributionPoint, CrlScope, RevocationReason, RevokedCertParams, SerialNumber};
use rustls::pki_types::CertificateRevocationListDer;
use time::OffsetDateTime;

use super::{Chain, Serial, Validity, der, issued::turn_last_bit, pem_block, validity};

/// Why a certificate was taken back (RFC 5280 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No reason is given.
    Unspecified,
    /// The key got into other hands.
    KeyCompromise,
    /// An authority's key got into other hands.
    CaCompromise,
    /// The holder is no longer what the certificate says.
    AffiliationChanged,
    /// There is a newer one.
    Superseded,
    /// Not needed any more.
    CessationOfOperation,
    /// Taken back for a time.
    CertificateHold,
    /// In a delta list: no longer taken back.
    RemoveFromList,
    /// The holder may no longer do what it may.
    PrivilegeWithdrawn,
    /// An attribute authority's key got into other hands.
    AaCompromise,
}

impl Reason {
    /// By its number in a list; numbers that mean nothing give no reason.
    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromList,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            _ => Self::Unspecified,
        }
    }
}

/// Which certificates a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the authority's.
    Everything,
    /// Those of end entities.
    Leaves,
    /// Those of authorities.
    Authorities,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    serial: Serial,
    at: OffsetDateTime,
    reason: Reason,
}

/// The description of a revocation list: by default from an hour ago, for 730 days, number 1.
///
/// ```
/// use certs::{Authority, Leaf, Reason, Revocations};
///
/// # fn main() -> Result<(), certs::PkiError> {
/// let root = Authority::root("Root")?;
/// let (alice, bob) = (root.issue(Leaf::client("alice"))?, root.issue(Leaf::client("bob"))?);
/// root.revocation_list(Revocations::of([&alice]).and(bob.serial(), Reason::KeyCompromise).number(7))?;
/// root.revocation_list(Revocations::none().stale())?;
/// root.revocation_list(Revocations::none().critical_extension(&[1, 2, 3], &[5, 0]))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Revocations {
    pub(crate) entries: Vec<Entry>,
    pub(crate) this_update: OffsetDateTime,
    pub(crate) next_update: OffsetDateTime,
    pub(crate) number: u64,
    pub(crate) extensions: Vec<Vec<u8>>,
    place: Option<(String, Scope)>,
}

impl Revocations {
    /// Nothing is taken back.
    pub fn none() -> Self {
        let Validity {
            not_before,
            not_after,
        } = Validity::of_leaves();
        Self {
            entries: Vec::new(),
            this_update: not_before,
            next_update: not_after,
            number: 1,
            extensions: Vec::new(),
            place: None,
        }
    }

    /// These are, without a reason: leaves ([`Issued`](super::Issued), [`Chain`]) or authorities.
    pub fn of(certificates: impl IntoIterator<Item: AsRef<Chain>>) -> Self {
        certificates.into_iter().fold(Self::none(), |list, chain| {
            list.and(chain.as_ref().serial(), Reason::Unspecified)
        })
    }

    /// One more, since this list's thisUpdate.
    #[must_use]
    pub fn and(self, serial: &Serial, reason: Reason) -> Self {
        let at = self.this_update;
        self.since(serial, at, reason)
    }

    /// One more, since then.
    #[must_use]
    pub fn since(mut self, serial: &Serial, at: OffsetDateTime, reason: Reason) -> Self {
        self.entries.push(Entry {
            serial: serial.clone(),
            at,
            reason,
        });
        self
    }

    /// Its thisUpdate and nextUpdate.
    #[must_use]
    pub fn valid(mut self, window: Validity) -> Self {
        self.this_update = window.not_before;
        self.next_update = window.not_after;
        self
    }

    /// Should have been replaced an hour ago.
    #[must_use]
    pub fn stale(self) -> Self {
        let hour = Duration::from_hours(1);
        let now = validity::now();
        self.valid(Validity {
            not_before: now - 24 * hour,
            not_after: now - hour,
        })
    }

    /// Its cRLNumber.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.number = number;
        self
    }

    /// A critical issuingDistributionPoint: where it is, and which certificates it is about.
    #[must_use]
    pub fn distribution_point(mut self, url: &str, scope: Scope) -> Self {
        self.place = Some((url.to_owned(), scope));
        self
    }

    /// One more critical extension with the DER of its value.
    #[must_use]
    pub fn critical_extension(mut self, object_identifier: &[u64], value: &[u8]) -> Self {
        self.extensions
            .push(der::extension(object_identifier, true, value));
        self
    }

    /// Whether that serial number is on it.
    pub(crate) fn holds(&self, serial: &Serial) -> bool {
        self.entries.iter().any(|entry| entry.serial == *serial)
    }

    pub(crate) fn distribution_point_of_list(&self) -> Option<(CrlDistributionPoint, Option<CrlScope>)> {
        self.place.as_ref().map(|(url, scope)| {
            let scope = match scope {
                Scope::Everything => None,
                Scope::Leaves => Some(CrlScope::UserCertsOnly),
                Scope::Authorities => Some(CrlScope::CaCertsOnly),
            };
            (
                CrlDistributionPoint {
                    uris: vec![url.clone()],
                },
                scope,
            )
        })
    }
}

impl From<Entry> for RevokedCertParams {
    fn from(entry: Entry) -> Self {
        let Entry { serial, at, reason } = entry;
        Self {
            serial_number: SerialNumber::from_slice(serial.octets()),
            revocation_time: at,
            reason_code: match reason {
                Reason::Unspecified => None,
                Reason::KeyCompromise => Some(RevocationReason::KeyCompromise),
                Reason::AffiliationChanged => Some(RevocationReason::AffiliationChanged),
                Reason::Superseded => Some(RevocationReason::Superseded),
                Reason::CessationOfOperation => Some(RevocationReason::CessationOfOperation),
                Reason::CertificateHold => Some(RevocationReason::CertificateHold),
                Reason::RemoveFromList => Some(RevocationReason::RemoveFromCrl),
                Reason::CaCompromise => Some(RevocationReason::CaCompromise),
                Reason::PrivilegeWithdrawn => Some(RevocationReason::PrivilegeWithdrawn),
                Reason::AaCompromise => Some(RevocationReason::AaCompromise),
            },
            invalidity_date: None,
        }
    }
}

/// A signed revocation list.
#[derive(Clone, Debug)]
pub struct RevocationList(CertificateRevocationListDer<'static>);

impl RevocationList {
    pub(crate) fn new(der: Vec<u8>) -> Self {
        Self(der.into())
    }

    /// Its DER.
    pub fn der(&self) -> &CertificateRevocationListDer<'static> {
        &self.0
    }

    /// Its PEM.
    pub fn pem(&self) -> String {
        pem_block("X509 CRL", &self.0)
    }

    /// The same list with one bit of the signature turned.
    #[must_use]
    pub fn with_broken_signature(self) -> Self {
        Self(turn_last_bit(&self.0).into())
    }
}
