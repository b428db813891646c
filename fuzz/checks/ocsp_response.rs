//! An OCSP response in DER, and the answer in one behind a signature: nobody's word is taken, and nothing is good for ever.

use std::sync::{Once, OnceLock};
use std::time::Duration;

use certs::{Authority, Leaf};
use rcgen::SigningKey;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::{CertificateDer, UnixTime};
use transport::certificate::Certificate;
use transport::revocation::ocsp::{Answer, OcspProblem, judge};

/// The octets are a whole response; and they are what follows the CertID of one that the authority signs here, as no
/// fuzzer guesses a signature.
pub(crate) fn check(octets: &[u8]) {
    // If the frame were wrong, nothing would ever be looked at.
    static FRAME: Once = Once::new();
    FRAME.call_once(|| assert!(judged(&signed(GOOD), pki().now).is_ok()));
    assert!(judged(octets, pki().now).is_err(), "nobody signed it");
    if octets.len() > 1 << 14 {
        return;
    }
    let response = signed(octets);
    let Ok(answer) = judged(&response, pki().now) else {
        return;
    };
    let (now, skew) = (pki().now.as_secs(), 300);
    assert!(answer.this_update.as_secs() <= now + skew && now <= answer.next_update.as_secs() + skew);
    // Time takes it back, and so does a single octet too many.
    let at = |second| UnixTime::since_unix_epoch(Duration::from_secs(second));
    assert!(judged(&response, at(answer.next_update.as_secs() + skew + 1)).is_err());
    assert!(judged(&[&*response, &[0]].concat(), pki().now).is_err());
}

fn judged(response: &[u8], now: UnixTime) -> Result<Answer, OcspProblem> {
    let Pki { client, issuer, .. } = pki();
    let outcome = judge(response, (client, issuer), None, now);
    if let Err(problem) = &outcome {
        assert!(!problem.to_string().contains(char::is_control), "{problem:?}");
    }
    outcome
}

/// Good, from the day of [`Pki::now`] for a week.
const GOOD: &[u8] = b"\x80\0\x18\x0f20270115000000Z\xa0\x11\x18\x0f20270122000000Z";

struct Pki {
    authority: Authority,
    issuer: Certificate,
    client: Certificate,
    now: UnixTime,
}

fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let authority = Authority::root("Fuzz Root").expect("a root");
        let client = authority.issue(Leaf::client("alice")).expect("a leaf");
        let parsed = |der: &CertificateDer<'static>| Certificate::parse(der.clone());
        Pki {
            issuer: parsed(authority.certificate()).expect("a certificate"),
            client: parsed(client.certificate()).expect("a certificate"),
            // One moment, so that an input means the same tomorrow.
            now: UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_123)),
            authority,
        }
    })
}

/// OBJECT IDENTIFIER of SHA-256, of ecdsa-with-SHA256, and of id-pkix-ocsp-basic.
const SHA256: &[u8] = &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const ECDSA: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const BASIC: &[u8] = &[0x06, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];

/// A response of the authority's whose only answer is about the client's certificate and ends with these octets.
fn signed(rest: &[u8]) -> Vec<u8> {
    let Pki {
        authority,
        issuer,
        client,
        ..
    } = pki();
    // A P-256 key ends with its point, of 65 octets.
    let key = issuer.subject_public_key_info();
    let point = key.get(key.len().saturating_sub(65)..).unwrap_or_default();
    let id = [
        element(0x30, SHA256),
        element(0x04, &sha256(issuer.subject().raw())),
        element(0x04, &sha256(point)),
        element(0x02, client.raw_serial()),
    ];
    let single = element(0x30, &[&element(0x30, &id.concat()), rest].concat());
    let data = [
        element(0xa1, issuer.subject().raw()),
        element(0x18, b"20270115080000Z"),
        element(0x30, &single),
    ];
    let data = element(0x30, &data.concat());
    let signature = authority.key_pair().sign(&data).expect("a signature");
    let signature = element(0x03, &[&[0], &*signature].concat());
    let basic = element(0x30, &[data, element(0x30, ECDSA), signature].concat());
    let bytes = element(0x30, &[BASIC.to_vec(), element(0x04, &basic)].concat());
    element(0x30, &[vec![0x0a, 1, 0], element(0xa0, &bytes)].concat())
}

fn sha256(octets: &[u8]) -> Vec<u8> {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().expect("a suite of TLS 1.3");
    suite.common.hash_provider.hash(octets).as_ref().to_vec()
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let octets = content.len().to_be_bytes();
    let significant = octets.iter().skip_while(|octet| **octet == 0).copied();
    let length: Vec<u8> = significant.collect();
    let mut element = vec![tag];
    match (length.as_slice(), content.len()) {
        (_, 0) => element.push(0),
        ([short], ..=0x7f) => element.push(*short),
        (long, _) => {
            element.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            element.extend(long);
        }
    }
    element.extend(content);
    element
}
