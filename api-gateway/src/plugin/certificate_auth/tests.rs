//! How long an answer about a certificate is remembered, and by whom.

use std::cell::Cell;
use std::net::SocketAddr;

use certs::{Authority, Leaf, Validity};
use http::Request;
use transport::presented::PresentedChain;
use transport::revocation::crl::RevocationLists;
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation};

use super::*;
use crate::exchange::{Arrival, Matched};
use crate::form::Form;
use crate::identity::{CarriedCertificates, Carrier, Connection, HeaderSources};

fn instance(root: &Authority, remember_for: Option<Duration>) -> CertificateAuth {
    let policy = Policy {
        purpose: Purpose::Client,
        keys: KeyPolicy::Gateway,
        max_depth: 7,
        partial_chain: PartialChain::Refused,
        expiry: Expiry::Enforced,
        revocation: Revocation::Skip,
    };
    let store = TrustStore::new(vec![root.certificate().clone()], policy, RevocationLists::none()).unwrap();
    CertificateAuth::new(Parts {
        store,
        lookup: Lookup::Group(GroupBy::CommonName),
        anonymous: None,
        directory_names: DirectoryNames::default(),
        remember_for,
        instances: 1,
    })
}

/// Whether the instance looked at the chain itself when it was asked at these times, in seconds from now.
fn looked(auth: &CertificateAuth, chain: &PresentedChain, times: &[u64]) -> Vec<bool> {
    let peer: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let (connection, sources, consumers) = (
        Connection::plain(peer, peer),
        HeaderSources::default(),
        Consumers::default(),
    );
    let begin = UnixTime::now();
    let ask = |seconds: &u64| {
        let arrival = Arrival {
            connection: &connection,
            carrier: &Carrier::Nobody,
            sources: &sources,
            client_ip: Some(peer.ip()),
            now: later(begin, Duration::from_secs(*seconds)),
        };
        let head = Request::new(()).into_parts().0;
        let exchange = Exchange::new(
            arrival,
            Matched::default(),
            &consumers,
            (head, Form::Absent, CarriedCertificates::default()),
        );
        let looked = Cell::new(false);
        let _ = auth.judge(Digest(chain.digest()), &exchange, || {
            looked.set(true);
            Ok(Cow::Borrowed(chain))
        });
        looked.get()
    };
    times.iter().map(ask).collect()
}

#[test]
fn an_answer_is_remembered_for_cache_ttl_and_no_longer_than_it_is_true() {
    let root = Authority::root("Root").unwrap();
    let chain = |validity| {
        let issued = root.issue(Leaf::client("alice").validity(validity)).unwrap();
        PresentedChain::new(issued.chain()).unwrap()
    };
    let (year, minute) = (Validity::of_leaves(), Validity::seconds(60));
    for (what, validity, ttl, times, expected) in [
        (
            "without a limit",
            year,
            None,
            &[0, 1, 100_000][..],
            &[true, false, false][..],
        ),
        (
            "a limit",
            year,
            Some(60),
            &[0, 60, 62, 63],
            &[true, false, true, false],
        ),
        (
            "a short limit",
            year,
            Some(1),
            &[0, 1, 3, 4, 6],
            &[true, false, true, false, true],
        ),
        // The certificate ends before the limit does; the refusal is remembered too, for moments.
        (
            "the certificate's end",
            minute,
            Some(3600),
            &[0, 50, 70, 71, 80],
            &[true, false, true, false, true],
        ),
    ] {
        let auth = instance(&root, ttl.map(Duration::from_secs));
        assert_eq!(looked(&auth, &chain(validity), times), expected, "{what}");
    }
}

#[test]
fn what_one_instance_remembers_another_does_not_know() {
    let (root, other) = (
        Authority::root("Root").unwrap(),
        Authority::root("Other").unwrap(),
    );
    let chain = PresentedChain::new(root.issue(Leaf::client("alice")).unwrap().chain()).unwrap();
    let (trusting, strange) = (instance(&root, None), instance(&other, None));
    assert_eq!(looked(&trusting, &chain, &[0, 1]), [true, false]);
    assert_eq!(
        looked(&strange, &chain, &[0]),
        [true],
        "it has to look for itself"
    );
}
