//! Certificates for the tests, the hostile ones included: rcgen for what it can say, and TBS structures taken apart, altered and signed
//! again for what it refuses to.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlIssuingDistributionPoint,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, SigningKey, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use transport::certificate::Certificate;
use transport::certificate_error::CertificateError;
use transport::presented::PresentedChain;
use transport::revocation::crl::{CrlProblem, RevocationList, RevocationLists};
use transport::verify::{
    Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation, TrustStore, VerifiedPath,
};

/// The present, in every test that can choose it.
pub(crate) const YEAR: i32 = 2026;

pub(crate) fn first_of(year: i32) -> UnixTime {
    let moment = date_time_ymd(year, 1, 1);
    UnixTime::since_unix_epoch(Duration::from_secs(moment.unix_timestamp().unsigned_abs()))
}

pub(crate) fn now() -> UnixTime {
    first_of(YEAR)
}

/// A certificate authority: its certificate, and what signs in its name.
pub(crate) struct Authority {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) params: CertificateParams,
    pub(crate) issuer: Issuer<'static, KeyPair>,
}

/// An end-entity certificate with its key.
pub(crate) struct Leaf {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) key: KeyPair,
}

/// Alters the parameters of a certificate before it is signed.
pub(crate) type Alter = fn(&mut CertificateParams);

pub(crate) fn as_is(_: &mut CertificateParams) {}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(crate) fn leaf_params(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a P-256 key")
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        Self::root_but(name, as_is)
    }

    pub(crate) fn root_but(name: &str, alter: Alter) -> Self {
        let mut params = authority_params(name);
        alter(&mut params);
        let key = key();
        let der = params.self_signed(&key).expect("a root").der().clone();
        Self {
            der,
            params: params.clone(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn intermediate(&self, name: &str) -> Self {
        self.intermediate_but(name, as_is)
    }

    pub(crate) fn intermediate_but(&self, name: &str, alter: Alter) -> Self {
        let mut params = authority_params(name);
        params.use_authority_key_identifier_extension = true;
        alter(&mut params);
        let key = key();
        let der = params
            .signed_by(&key, &self.issuer)
            .expect("an intermediate")
            .der()
            .clone();
        Self {
            der,
            params: params.clone(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn leaf(&self, name: &str) -> Leaf {
        self.leaf_but(name, as_is)
    }

    pub(crate) fn leaf_but(&self, name: &str, alter: Alter) -> Leaf {
        self.leaf_with(name, alter, key())
    }

    pub(crate) fn leaf_with(&self, name: &str, alter: Alter, key: KeyPair) -> Leaf {
        let mut params = leaf_params(name);
        alter(&mut params);
        let der = params
            .signed_by(&key, &self.issuer)
            .expect("a leaf")
            .der()
            .clone();
        Leaf { der, key }
    }

    /// Its certificate again, with the same name and key and other parameters.
    pub(crate) fn reissued(&self, alter: Alter) -> CertificateDer<'static> {
        let mut params = self.params.clone();
        alter(&mut params);
        params
            .self_signed(self.issuer.key())
            .expect("a root")
            .der()
            .clone()
    }

    /// The same issuer name and key, with other parameters in the signer's own mind.
    pub(crate) fn signing_as(&self, alter: Alter) -> Issuer<'static, KeyPair> {
        let mut params = self.params.clone();
        alter(&mut params);
        let key = KeyPair::try_from(self.issuer.key().serialize_der()).expect("the same key");
        Issuer::new(params, key)
    }

    /// A list of this authority from January of one year to January of another.
    pub(crate) fn list(&self, years: (i32, i32), revoked: &[&CertificateDer<'static>]) -> Vec<u8> {
        list_by(&self.issuer, years, revoked)
    }

    /// The same for direct use, verified.
    pub(crate) fn verified_list(
        &self,
        years: (i32, i32),
        revoked: &[&CertificateDer<'static>],
    ) -> RevocationList {
        read_list(&self.list(years, revoked), &[&self.der]).expect("a good list")
    }
}

impl Leaf {
    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

pub(crate) fn list_by(
    issuer: &Issuer<'static, KeyPair>,
    years: (i32, i32),
    revoked: &[&CertificateDer<'static>],
) -> Vec<u8> {
    list_of(issuer, years, revoked, None)
}

fn list_of(
    issuer: &Issuer<'static, KeyPair>,
    years: (i32, i32),
    revoked: &[&CertificateDer<'static>],
    issuing_distribution_point: Option<CrlIssuingDistributionPoint>,
) -> Vec<u8> {
    let revoked_certs = revoked.iter().map(|der| RevokedCertParams {
        serial_number: SerialNumber::from_slice(parsed(der).raw_serial()),
        revocation_time: date_time_ymd(years.0, 1, 1),
        reason_code: Some(rcgen::RevocationReason::KeyCompromise),
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(years.0, 1, 1),
        next_update: date_time_ymd(years.1, 1, 1),
        crl_number: SerialNumber::from(u64::from(years.0.unsigned_abs())),
        issuing_distribution_point,
        revoked_certs: revoked_certs.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).expect("a list").der().to_vec()
}

/// A list about some of its issuer's certificates.
pub(crate) fn list_with_scope(
    authority: &Authority,
    scope: CrlIssuingDistributionPoint,
    revoked: &[&CertificateDer<'static>],
) -> Vec<u8> {
    list_of(&authority.issuer, (2025, 2027), revoked, Some(scope))
}

pub(crate) fn read_list(
    der: &[u8],
    authorities: &[&CertificateDer<'static>],
) -> Result<RevocationList, CrlProblem> {
    let known: Vec<_> = authorities.iter().map(|der| parsed(der)).collect();
    RevocationList::parse(der, &known, now())
}

pub(crate) fn parsed(der: &CertificateDer<'static>) -> Certificate {
    Certificate::parse(der.clone()).expect("a certificate")
}

/// What the gateway asks of a client, unless a test says otherwise.
pub(crate) fn policy() -> Policy {
    Policy {
        purpose: Purpose::Client,
        keys: KeyPolicy::Gateway,
        max_depth: 4,
        partial_chain: PartialChain::Refused,
        expiry: Expiry::Enforced,
        revocation: Revocation::IgnoreCaError,
    }
}

pub(crate) fn store(authorities: &[&CertificateDer<'static>], policy: Policy) -> TrustStore {
    store_with(authorities, policy, RevocationLists::none())
}

pub(crate) fn store_with(
    authorities: &[&CertificateDer<'static>],
    policy: Policy,
    lists: Arc<RevocationLists>,
) -> TrustStore {
    let authorities = authorities.iter().map(|der| (*der).clone()).collect();
    TrustStore::new(authorities, policy, lists).expect("a trust store")
}

pub(crate) fn chain(certificates: &[&CertificateDer<'static>]) -> PresentedChain {
    PresentedChain::new(certificates.iter().map(|der| (*der).clone()).collect()).expect("a chain")
}

/// Verifies at the present; the reason of the access log where it is refused.
pub(crate) fn judge(
    store: &TrustStore,
    certificates: &[&CertificateDer<'static>],
) -> Result<VerifiedPath, CertificateError> {
    store.verify(&chain(certificates), now())
}

pub(crate) fn reason(verdict: &Result<VerifiedPath, CertificateError>) -> &'static str {
    match verdict {
        Ok(_) => "ok",
        Err(error) => error.reason(),
    }
}

/// The TBS fields of a certificate, altered, and signed again by `signer` (P-256).
pub(crate) fn altered(
    der: &CertificateDer<'static>,
    signer: &KeyPair,
    alter: impl FnOnce(&mut Vec<Vec<u8>>),
) -> CertificateDer<'static> {
    let outer = elements(&elements(der)[0].1);
    let mut fields: Vec<Vec<u8>> = elements(&outer[0].1)
        .into_iter()
        .map(|(whole, _)| whole)
        .collect();
    alter(&mut fields);
    CertificateDer::from(signed(&fields.concat(), &outer[1].0, signer))
}

/// The same for a revocation list.
pub(crate) fn altered_list(der: &[u8], signer: &KeyPair, alter: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    altered(&CertificateDer::from(der.to_vec()), signer, alter).to_vec()
}

/// Wraps the contents of a TBS into its sequence, and signs that.
fn signed(tbs_content: &[u8], algorithm: &[u8], signer: &KeyPair) -> Vec<u8> {
    let tbs = element(0x30, tbs_content);
    let signature = signer.sign(&tbs).expect("a signature");
    let bits = element(0x03, &[&[0][..], &signature].concat());
    element(0x30, &[&tbs, algorithm, &bits].concat())
}

/// The elements in a run of DER: each whole, and its contents.
pub(crate) fn elements(mut input: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    while !input.is_empty() {
        let (header, length) = match input[1] {
            short @ 0..=0x7f => (2, usize::from(short)),
            long => {
                let count = usize::from(long & 0x7f);
                let length = input[2..2 + count]
                    .iter()
                    .fold(0, |sum, octet| (sum << 8) | usize::from(*octet));
                (2 + count, length)
            }
        };
        found.push((
            input[..header + length].to_vec(),
            input[header..header + length].to_vec(),
        ));
        input = &input[header + length..];
    }
    found
}

pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match length {
        0..=0x7f => vec![tag, u8::try_from(length).expect("short")],
        0x80..=0xff => vec![tag, 0x81, u8::try_from(length).expect("one octet")],
        0x100..=0xffff => [
            &[tag, 0x82][..],
            &u16::try_from(length).expect("two octets").to_be_bytes(),
        ]
        .concat(),
        _ => [
            &[tag, 0x84][..],
            &u32::try_from(length).expect("four octets").to_be_bytes(),
        ]
        .concat(),
    };
    [header, content.to_vec()].concat()
}
