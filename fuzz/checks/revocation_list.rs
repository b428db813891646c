//! A revocation list in DER, and behind a signature: entries are counted, never multiplied, and every list that is
//! accepted answers for every certificate.

use std::sync::OnceLock;

use certs::{Authority, Issued, Leaf};
use rcgen::SigningKey;
use rustls::pki_types::UnixTime;
use transport::certificate::Certificate;
use transport::revocation::crl::{RevocationList, RevocationLists, Status};

/// The octets are a whole list; and they are the part of one that is signed (TBSCertList, by the name of
/// [`Pki::authority`]), which is signed here, as no fuzzer guesses a signature.
pub(crate) fn check(octets: &[u8]) {
    parse(octets);
    if octets.len() <= 1 << 16 {
        parse(&signed(octets));
    }
}

fn parse(der: &[u8]) {
    let Pki {
        issuer, client, now, ..
    } = pki();
    let list = match RevocationList::parse(der, [issuer], *now) {
        Ok(list) => list,
        Err(problem) => {
            assert!(!problem.to_string().contains(char::is_control), "{problem:?}");
            return;
        }
    };
    // An entry is a SEQUENCE of a serial number and a date: seven octets at the very least.
    assert!(
        list.len() <= der.len() / 7,
        "{} entries in {} octets",
        list.len(),
        der.len()
    );
    assert_eq!(list.issuer(), issuer.subject());
    let _ = (format!("{list:?}"), format!("{:?}", list.scope()));
    let lists = RevocationLists::new([list]);
    let status = lists.status(client, issuer, *now);
    let later = lists.status(
        client,
        issuer,
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::MAX)),
    );
    // Time takes nothing back: whoever is revoked stays so, and nobody is good for ever.
    assert_eq!(status == Status::Revoked, later == Status::Revoked);
    assert!(!matches!(later, Status::Good { .. }));
    if let Status::Good { next_update } = status {
        assert!(next_update >= *now);
    }
}

struct Pki {
    authority: Authority,
    issuer: Certificate,
    client: Certificate,
    now: UnixTime,
}

/// The serial number that seeds revoke.
const SERIAL: &[u8] = &[0x11, 0x22, 0x33, 0x44];

fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let authority = Authority::root("Fuzz Root").expect("a root");
        let client: Issued = authority
            .issue(Leaf::client("alice").serial(SERIAL))
            .expect("a leaf");
        let parsed = |der: &rustls::pki_types::CertificateDer<'static>| Certificate::parse(der.clone());
        Pki {
            issuer: parsed(authority.certificate()).expect("a certificate"),
            client: parsed(client.certificate()).expect("a certificate"),
            // One moment, so that an input means the same tomorrow.
            now: UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_123)),
            authority,
        }
    })
}

/// AlgorithmIdentifier of ecdsa-with-SHA256.
const ALGORITHM: &[u8] = &[
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
];

/// `SEQUENCE { tbs, algorithm, BIT STRING }`.
fn signed(tbs: &[u8]) -> Vec<u8> {
    let signature = pki().authority.key_pair().sign(tbs).expect("a signature");
    let mut content = [tbs, ALGORITHM].concat();
    content.extend(element(0x03, &[&[0], &*signature].concat()));
    element(0x30, &content)
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
