//! OCSP responses for the tests, with whatever is to be wrong about them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, SigningKey as _};
use rustls::pki_types::CertificateDer;
use transport::revocation::ocsp::{Answer, OcspProblem, judge};

use crate::pki::{Authority, Leaf, element, elements, now, parsed};

pub(crate) const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
pub(crate) const NONCE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2];
const SHA1: &[u8] = &[0x2b, 0x0e, 3, 2, 0x1a];
const ECDSA_SHA256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
pub(crate) const RSA_SHA1: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0];

pub(crate) const GOOD: &[u8] = &[0x80, 0];
pub(crate) const REVOKED: &[u8] = &[
    0xa1, 0x11, 0x18, 0x0f, b'2', b'0', b'2', b'5', b'0', b'6', b'0', b'1', b'0', b'0', b'0', b'0', b'0',
    b'0', b'Z',
];
pub(crate) const UNKNOWN: &[u8] = &[0x82, 0];

/// One SingleResponse.
#[derive(Clone)]
pub(crate) struct Single {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) issuer: CertificateDer<'static>,
    pub(crate) hash: &'static [u8],
    pub(crate) status: &'static [u8],
    pub(crate) this_update: &'static str,
    pub(crate) next_update: Option<&'static str>,
    pub(crate) extensions: Vec<Vec<u8>>,
}

/// A response, with whatever is to be wrong about it.
#[derive(Clone)]
pub(crate) struct Response {
    pub(crate) singles: Vec<Single>,
    pub(crate) named: CertificateDer<'static>,
    pub(crate) by_key: bool,
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    pub(crate) extensions: Vec<Vec<u8>>,
    pub(crate) algorithm: &'static [u8],
}

/// An authority, a certificate of it, and a responder that it delegated.
pub(crate) struct Scene {
    pub(crate) issuer: Authority,
    pub(crate) leaf: Leaf,
    pub(crate) delegate: Leaf,
}

pub(crate) fn responder(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
}

impl Scene {
    pub(crate) fn new() -> Self {
        let issuer = Authority::root("Issuer");
        Self {
            leaf: issuer.leaf("server"),
            delegate: issuer.leaf_but("responder", responder),
            issuer,
        }
    }

    pub(crate) fn single(&self) -> Single {
        Single {
            certificate: self.leaf.der.clone(),
            issuer: self.issuer.der.clone(),
            hash: SHA1,
            status: GOOD,
            this_update: "20251231000000Z",
            next_update: Some("20260107000000Z"),
            extensions: Vec::new(),
        }
    }

    /// By the issuer itself.
    pub(crate) fn response(&self) -> Response {
        Response {
            singles: vec![self.single()],
            named: self.issuer.der.clone(),
            by_key: false,
            certificates: Vec::new(),
            extensions: Vec::new(),
            algorithm: ECDSA_SHA256,
        }
    }

    /// In the name of this certificate, which comes with it.
    pub(crate) fn by(&self, responder: &CertificateDer<'static>) -> Response {
        Response {
            named: responder.clone(),
            certificates: vec![responder.clone()],
            ..self.response()
        }
    }

    pub(crate) fn judge(&self, response: &[u8]) -> Result<Answer, OcspProblem> {
        self.judge_asked(response, None)
    }

    pub(crate) fn judge_asked(&self, response: &[u8], nonce: Option<&[u8]>) -> Result<Answer, OcspProblem> {
        let (leaf, issuer) = (parsed(&self.leaf.der), parsed(&self.issuer.der));
        judge(response, (&leaf, &issuer), nonce, now())
    }
}

impl Single {
    fn der(&self) -> Vec<u8> {
        let id = [
            element(0x30, &element(0x06, self.hash)),
            element(0x04, &self.hashed(parsed(&self.certificate).issuer().raw())),
            element(0x04, &self.hashed(&key_of(&self.issuer))),
            element(0x02, parsed(&self.certificate).raw_serial()),
        ];
        let next = self
            .next_update
            .map(|time| element(0xa0, &element(0x18, time.as_bytes())));
        let fields = [
            element(0x30, &id.concat()),
            self.status.to_vec(),
            element(0x18, self.this_update.as_bytes()),
            next.unwrap_or_default(),
            extensions(&self.extensions),
        ];
        element(0x30, &fields.concat())
    }

    fn hashed(&self, octets: &[u8]) -> Vec<u8> {
        let hash = if self.hash == SHA1 {
            &SHA1_FOR_LEGACY_USE_ONLY
        } else {
            &SHA256
        };
        digest(hash, octets).as_ref().to_vec()
    }
}

fn key_of(certificate: &CertificateDer<'static>) -> Vec<u8> {
    let certificate = parsed(certificate);
    let fields = elements(&elements(certificate.subject_public_key_info())[0].1);
    fields[1].1[1..].to_vec()
}

pub(crate) fn extension(kind: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { vec![1, 1, 0xff] } else { Vec::new() };
    element(
        0x30,
        &[element(0x06, kind), critical, element(0x04, value)].concat(),
    )
}

fn extensions(list: &[Vec<u8>]) -> Vec<u8> {
    if list.is_empty() {
        return Vec::new();
    }
    element(0xa1, &element(0x30, &list.concat()))
}

impl Response {
    pub(crate) fn signed(&self, signer: &KeyPair) -> Vec<u8> {
        let responder = if self.by_key {
            let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &key_of(&self.named));
            element(0xa2, &element(0x04, hash.as_ref()))
        } else {
            element(0xa1, parsed(&self.named).subject().raw())
        };
        let singles: Vec<u8> = self.singles.iter().flat_map(Single::der).collect();
        let data = [
            responder,
            element(0x18, b"20251231000000Z"),
            element(0x30, &singles),
            extensions(&self.extensions),
        ];
        let data = element(0x30, &data.concat());
        let signature = signer.sign(&data).expect("a signature");
        let certificates: Vec<u8> = self.certificates.iter().flat_map(|der| der.to_vec()).collect();
        let certificates = match &*certificates {
            [] => Vec::new(),
            all => element(0xa0, &element(0x30, all)),
        };
        let basic = [
            data,
            element(0x30, self.algorithm),
            element(0x03, &[&[0][..], &signature].concat()),
            certificates,
        ];
        whole(BASIC, &element(0x30, &basic.concat()))
    }
}

pub(crate) fn whole(kind: &[u8], basic: &[u8]) -> Vec<u8> {
    let bytes = element(0x30, &[element(0x06, kind), element(0x04, basic)].concat());
    element(0x30, &[vec![0x0a, 1, 0], element(0xa0, &bytes)].concat())
}

/// What went wrong, without the details.
pub(crate) fn word(outcome: &Result<Answer, OcspProblem>) -> String {
    match outcome {
        Ok(answer) => format!("{:?}", answer.status),
        Err(problem) => {
            let text = format!("{problem:?}");
            text.split(['(', ' ']).next().unwrap_or_default().to_owned()
        }
    }
}
