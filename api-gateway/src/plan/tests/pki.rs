//! Authorities whose keys we have, and certificates by them that are really verified.

use std::cell::RefCell;
use std::collections::HashMap;

use certs::{Authority, Leaf, Subject};
use http::HeaderValue;
use rustls::pki_types::CertificateDer;
use transport::forwarded_cert::alb_passthrough;
use transport::presented::PresentedChain;

/// Whose certificates there are: two roots, one authority below the first, and a root that no document has.
pub(super) const ISSUERS: [&str; 4] = ["Clients", "Clients Below", "Partners", "Unknown"];

pub(super) struct Pki {
    /// What tokens are signed with, for the public keys that documents have.
    pub(super) signers: [rcgen::KeyPair; 2],
    /// Made once.
    pub(super) tokens: RefCell<HashMap<String, String>>,
    authorities: [Authority; 4],
    issued: RefCell<HashMap<(usize, String, &'static str), Certificate>>,
}

/// A certificate with everything that is sent beside it.
#[derive(Clone)]
pub(super) struct Certificate {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) value: HeaderValue,
}

impl Pki {
    pub(super) fn new() -> Self {
        let clients = Authority::root(ISSUERS[0]).unwrap();
        let below = clients.intermediate(ISSUERS[1]).unwrap();
        let others = [ISSUERS[2], ISSUERS[3]].map(|name| Authority::root(name).unwrap());
        let [partners, unknown] = others;
        let signers = [0, 1].map(|_| rcgen::KeyPair::generate().unwrap());
        Self {
            signers,
            tokens: RefCell::default(),
            authorities: [clients, below, partners, unknown],
            issued: RefCell::default(),
        }
    }

    /// The public keys that documents have, in PEM.
    pub(super) fn public_keys(&self) -> [String; 2] {
        [0, 1].map(|signer: usize| self.signers[signer].public_key_pem())
    }

    /// The authorities that documents have, in PEM.
    pub(super) fn known(&self) -> [String; 3] {
        [0, 1, 2].map(|issuer: usize| self.authorities[issuer].pem())
    }

    /// A certificate of this authority, with a name where a plan says that it stands.
    pub(super) fn certificate(&self, issuer: usize, name: &str, kind: &'static str) -> Certificate {
        let key = (issuer, name.to_owned(), kind);
        let mut issued = self.issued.borrow_mut();
        let make = || {
            let alternative = |leaf: Leaf| match name {
                uri if uri.contains("://") => leaf.uri(uri),
                email if email.contains('@') => leaf.email(email),
                dns => leaf.dns(dns),
            };
            let leaf = match kind {
                "CN" => Leaf::client(name),
                "SAN" => alternative(Leaf::client("").subject(Subject::default())),
                "CN beside a SAN" => Leaf::client(name).dns("somebody.somewhere.example"),
                other => panic!("no certificate with a {other} can be made here"),
            };
            let chain = self.authorities[issuer].issue(leaf).unwrap().chain();
            let presented = PresentedChain::new(chain.clone()).unwrap();
            let value = alb_passthrough(&presented).unwrap();
            Certificate { chain, value }
        };
        issued.entry(key).or_insert_with(make).clone()
    }
}
