//! What servers show, under what services say.

use base64::Engine as _;
use certs::{Authority, Ca, Chain, Issued, Leaf, Usage, Validity, WeakKey};
use harness::outside::openssl;
use harness::servers::{Files, own_address};

use super::Expected::{Answered, Refused};
use super::{Row, Shown, World, of_mesh};

/// A leaf for a key that nobody should accept; the key is made by OpenSSL.
pub(crate) fn weak(authority: &Authority, leaf: Leaf) -> Shown {
    let files = Files::new();
    let key = openssl(&["genrsa", "1024"], b"").stdout;
    let file = files.write("weak.key", &key);
    let public = openssl(&["rsa", "-in", &file, "-pubout"], b"").stdout;
    let public = public
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect::<String>();
    let public = base64::engine::general_purpose::STANDARD.decode(public).unwrap();
    assert!(public.len() < 200 && WeakKey::Rsa1024.public_key().len() == public.len());
    let chain: Chain = authority.certify(leaf, &public).unwrap();
    Shown {
        chain: chain.chain_pem(),
        key,
    }
}

pub(crate) fn alone(issued: &Issued) -> Shown {
    Shown {
        chain: issued.certificate_pem(),
        key: issued.key_pem(),
    }
}

#[allow(clippy::too_many_lines)] // a table
pub(super) fn rows(world: &World) -> Vec<Row> {
    let World {
        root,
        other,
        intermediate,
        below,
        mesh,
    } = world;
    let leaf = || {
        (1..=80).fold(Leaf::server("orders.test"), |leaf, number| {
            leaf.ip(own_address(number).ip())
        })
    };
    let named = |authority: &Authority| Shown::from(authority.issue(leaf()).unwrap());
    let mut rows = Vec::new();
    let mut row = |name, shown: Shown, service, expected| {
        rows.push(Row {
            name,
            shown,
            service,
            expected,
        });
    };

    row(
        "its address is among its names",
        named(root),
        "ca_certificates: [{root}]",
        Answered,
    );
    row(
        "any of the authorities will do",
        named(root),
        "ca_certificates: [{other}, {root}]",
        Answered,
    );
    row(
        "an intermediate on the way",
        named(intermediate),
        "ca_certificates: [{root}]",
        Answered,
    );
    row(
        "the Host that is sent is the name",
        named(root),
        "host: orders-{n}, ca_certificates: [{root}]",
        Answered,
    );
    row(
        "another Host than its names",
        named(root),
        "host: elsewhere-{n}, ca_certificates: [{root}]",
        Refused(
            "wrong_name",
            &[
                "`CN=orders.test`",
                "is not for `elsewhere.test`",
                "it is for `orders.test`",
                "accept one of its names",
            ],
        ),
    );
    row(
        "an address that is no name of it",
        root.issue(Leaf::server("orders.test")).unwrap().into(),
        "ca_certificates: [{root}]",
        Refused("wrong_name", &["is not for `127.", "it is for `orders.test`"]),
    );
    row(
        "a common name is no name",
        root.issue(Leaf::client("orders.test").usages([Usage::Server]))
            .unwrap()
            .into(),
        "host: orders-{n}, ca_certificates: [{root}]",
        Refused("wrong_name", &["no name at all"]),
    );

    row(
        "tls_sans: a DNS name",
        named(root),
        "host: elsewhere-{n}, ca_certificates: [{root}], tls_sans: {dnsnames: [a.test, orders.test]}",
        Answered,
    );
    row(
        "tls_sans: a wildcard of the certificate",
        root.issue(Leaf::server("*.orders.test")).unwrap().into(),
        "host: elsewhere-{n}, ca_certificates: [{root}], tls_sans: {dnsnames: [eu.orders.test]}",
        Answered,
    );
    row(
        "tls_sans: a URI",
        root.issue(Leaf::server("a.test").uri("spiffe://mesh/orders"))
            .unwrap()
            .into(),
        "host: elsewhere-{n}, ca_certificates: [{root}], tls_sans: {uris: ['spiffe://mesh/orders']}",
        Answered,
    );
    row(
        "tls_sans beside the Host, not in its place",
        named(root),
        "host: orders-{n}, ca_certificates: [{root}], tls_sans: {dnsnames: [a.test]}",
        Answered,
    );
    row(
        "tls_sans: none of them",
        root.issue(Leaf::server("a.test").uri("spiffe://mesh/orders"))
            .unwrap()
            .into(),
        "host: elsewhere-{n}, ca_certificates: [{root}], tls_sans: {dnsnames: [b.test], uris: ['spiffe://mesh/order']}",
        Refused(
            "wrong_name",
            &[
                "`elsewhere.test` or `b.test` or `spiffe://mesh/order`",
                "`a.test`, `spiffe://mesh/orders`",
            ],
        ),
    );
    row(
        "tls_sans: a name does not make an authority",
        named(other),
        "host: elsewhere-{n}, ca_certificates: [{root}], tls_sans: {dnsnames: [orders.test]}",
        Refused("unknown_ca", &["`CN=Other Root`"]),
    );

    row(
        "another authority",
        named(other),
        "ca_certificates: [{root}]",
        Refused(
            "unknown_ca",
            &[
                "`CN=orders.test`",
                "`CN=Other Root`",
                "add that authority to those that are trusted",
            ],
        ),
    );
    row(
        "an authority of the same name",
        named(&Authority::root("Upstreams Root").unwrap()),
        "ca_certificates: [{root}]",
        Refused("unknown_ca", &["signature"]),
    );
    row(
        "the node's trust, which has it not",
        named(root),
        "",
        Refused("unknown_ca", &["`CN=Upstreams Root`"]),
    );
    row(
        "only an intermediate is listed: no path ends there",
        named(intermediate),
        "ca_certificates: [{intermediate}]",
        Refused("unknown_ca", &["`CN=Upstreams Root`"]),
    );
    row(
        "the intermediate is left out",
        alone(
            &mesh
                .intermediate(of_mesh("Mesh Issuing 3"))
                .unwrap()
                .issue(leaf())
                .unwrap(),
        ),
        "ca_certificates: [{root}, {mesh}]",
        Refused(
            "missing_intermediate",
            &[
                "`CN=Mesh Issuing 3,O=Mesh`, which was not sent",
                "have the server send that intermediate",
            ],
        ),
    );
    row(
        "the intermediate is left out, and nothing tells it from an unknown root",
        alone(&intermediate.issue(leaf()).unwrap()),
        "ca_certificates: [{root}]",
        Refused(
            "unknown_ca",
            &[
                "`CN=Upstreams Intermediate`",
                "if it is an intermediate, have the server send it along",
            ],
        ),
    );
    row(
        "the intermediate is left out, and the server is not to blame for it",
        alone(&intermediate.issue(leaf()).unwrap()),
        "ca_certificates: [{root}, {intermediate}]",
        Answered,
    );
    row(
        "the wrong intermediate is sent",
        {
            let issued = intermediate.issue(leaf()).unwrap();
            Shown {
                chain: issued.certificate_pem() + &root.intermediate("Another").unwrap().pem(),
                key: issued.key_pem(),
            }
        },
        "ca_certificates: [{root}]",
        Refused(
            "missing_intermediate",
            &[
                "`CN=Upstreams Intermediate`, which was not sent",
                "have the server send that intermediate",
            ],
        ),
    );

    row(
        "depth 1 is the default",
        named(below),
        "ca_certificates: [{root}]",
        Refused("depth", &["the limit is 2", "allow more intermediates"]),
    );
    row(
        "two intermediates, depth 2",
        named(below),
        "ca_certificates: [{root}], tls_verify_depth: 2",
        Answered,
    );
    let deep = (1..=9).fold(root.clone(), |above, level| {
        above.intermediate(&*format!("Level {level}")).unwrap()
    });
    row(
        "nine intermediates, depth 9",
        named(&deep),
        "ca_certificates: [{root}], tls_verify_depth: 9",
        Answered,
    );
    row(
        "nine intermediates, depth 8",
        named(&deep),
        "ca_certificates: [{root}], tls_verify_depth: 8",
        Refused("depth", &["the limit is 9", "allow more intermediates"]),
    );
    row(
        "its root and a dozen of others beside the intermediate",
        {
            let issued = intermediate.issue(leaf()).unwrap();
            let others =
                (1..=12).map(|number| other.intermediate(&*format!("Other {number}")).unwrap().pem());
            Shown {
                chain: issued.chain_pem() + &root.pem() + &others.collect::<String>(),
                key: issued.key_pem(),
            }
        },
        "ca_certificates: [{root}]",
        Answered,
    );

    row(
        "one intermediate, depth 0",
        named(intermediate),
        "ca_certificates: [{root}], tls_verify_depth: 0",
        Refused("depth", &["`CN=orders.test`", "the limit is 1"]),
    );
    row(
        "none, depth 0",
        named(root),
        "ca_certificates: [{root}], tls_verify_depth: 0",
        Answered,
    );

    row(
        "expired",
        root.issue(leaf().validity(Validity::ended_days_ago(2)))
            .unwrap()
            .into(),
        "ca_certificates: [{root}]",
        Refused(
            "expired",
            &["`CN=orders.test` expired at 20", "renew that certificate"],
        ),
    );
    row(
        "an intermediate is expired",
        root.intermediate(Ca::named("Old Department").validity(Validity::ended_days_ago(2)))
            .unwrap()
            .issue(leaf())
            .unwrap()
            .into(),
        "ca_certificates: [{root}]",
        Refused("expired", &["`CN=Old Department` expired at 20"]),
    );
    row(
        "not yet valid",
        root.issue(leaf().validity(Validity::starts_in_days(2)))
            .unwrap()
            .into(),
        "ca_certificates: [{root}]",
        Refused("not_yet_valid", &["`CN=orders.test`", "compare the clocks"]),
    );
    row(
        "a client's certificate",
        root.issue(leaf().usages([Usage::Client])).unwrap().into(),
        "ca_certificates: [{root}]",
        Refused("purpose", &["does not hold serverAuth", "issued for a server"]),
    );
    row(
        "an authority's certificate",
        root.issue(leaf().claiming_to_be_an_authority()).unwrap().into(),
        "ca_certificates: [{root}]",
        Refused("purpose", &["`CN=orders.test` is a certificate authority"]),
    );
    row(
        "a weak key",
        weak(root, leaf()),
        "ca_certificates: [{root}]",
        Refused(
            "weak_key",
            &["`CN=orders.test`", "RSA of 1024 bits", "RSA of 2048 to 8192 bits"],
        ),
    );

    row(
        "a critical extension that nobody knows",
        root.issue(leaf().critical_extension(&[1, 2, 3], vec![5, 0]))
            .unwrap()
            .into(),
        "ca_certificates: [{root}]",
        Refused(
            "unsupported",
            &[
                "`CN=orders.test`",
                "(1.2.3)",
                "give the server another certificate",
            ],
        ),
    );

    row(
        "tls_verify: false believes anybody",
        named(other),
        "tls_verify: false",
        Answered,
    );
    row(
        "the client's Host is kept: a name of it",
        named(root),
        "ca_certificates: [{root}]",
        Answered,
    );
    row(
        "the client's Host is kept: none of its names",
        root.issue(Leaf::server("other.test")).unwrap().into(),
        "ca_certificates: [{root}]",
        Refused("wrong_name", &["is not for `orders.test`"]),
    );
    rows
}
