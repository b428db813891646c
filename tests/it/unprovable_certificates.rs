//! Certificates whose key no handshake takes, or that TLS cannot read. No key is proved, so there is no connection; a
//! header proves nothing anyway, and is refused with the reason.

use certs::{Leaf, WeakKey};
use harness::exhibit::{Exhibit, WAYS, Way};
use harness::outside::openssl;

use crate::hostile_certificates::{ALICE, REFUSED, Row, World, alice, assert_row};

#[tokio::test]
async fn what_no_handshake_takes_is_refused_in_a_header() {
    let world = World::new();
    let stack = world.plan(&[]).start().await;
    let of = |leaf: Leaf| Exhibit::from(world.issue(leaf));
    let weak =
        |key: WeakKey| Exhibit::without_key(&world.issuing.certify(alice(), &key.public_key()).unwrap());
    let twice = alice().extension(&[2, 5, 29, 17], b"\x30\x11\x81\x0fbob@example.com".to_vec());
    let malformed = "400 Bad request: header_malformed";
    let refused = |reason: &str| format!("{REFUSED}{reason}");
    for (what, exhibit, verdict, cause) in [
        (
            "RSA of 1024 bits",
            weak(WeakKey::Rsa1024),
            refused("certificate_weak"),
            "RSA of 1024 bits",
        ),
        (
            "secp256k1",
            weak(WeakKey::Secp256k1),
            refused("certificate_weak"),
            "curve that is not in the list",
        ),
        (
            "X.509 version 1",
            of(alice().version_1()),
            refused("certificate_weak"),
            "not X.509 version 3",
        ),
        (
            "a critical extension that nobody knows",
            of(alice().critical_extension(&[1, 2, 3, 4], vec![5, 0])),
            refused("certificate_untrusted"),
            "a critical extension that is not understood (1.2.3.4)",
        ),
        (
            "octets after the leaf",
            of(alice()).trailing(0),
            malformed.to_owned(),
            "not one DER element",
        ),
        (
            "octets after its issuer",
            of(alice()).trailing(1),
            malformed.to_owned(),
            "not one DER element",
        ),
        (
            "an extension twice",
            of(twice),
            malformed.to_owned(),
            "an extension occurs twice",
        ),
    ] {
        let judged = stack.judge(Way::Header, &exhibit, "all").await;
        assert_eq!(judged.verdict(), verdict, "{what}");
        assert!(judged.cause().contains(cause), "{what}: {}", judged.cause());
        let provable = exhibit.identity().is_some();
        for way in [Way::Socket, Way::Edge].into_iter().filter(|_| provable) {
            match stack.try_judge(way, &exhibit, "all").await {
                // TLS reads no more of the issuer than its octets; the leaf alone leads nowhere.
                Ok(judged) if what == "octets after its issuer" && way == Way::Socket => {
                    assert_eq!(judged.verdict(), refused("certificate_untrusted"), "{what}");
                }
                Ok(judged) if what == "octets after its issuer" => {
                    assert_eq!(judged.verdict(), malformed, "{what}");
                }
                outcome => assert!(outcome.is_err(), "{what} by {way:?}: {outcome:?}"),
            }
        }
    }
    assert_eq!(stack.upstream.count(), 0);
    assert_eq!(
        stack.judge(Way::Socket, &of(alice()), "all").await.verdict(),
        ALICE
    );
}

/// A client's certificate, with its issuer, and its key, as files in PEM: openssl makes what our own tool refuses to.
struct ByOpenssl {
    dir: tempfile::TempDir,
}

impl ByOpenssl {
    fn new(world: &World, arguments: &str) -> Self {
        let made = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        std::fs::write(made.path("ca.pem"), world.issuing.pem()).unwrap();
        std::fs::write(made.path("ca.key"), world.issuing.key_pem()).unwrap();
        let [ca, key, leaf, own] = ["ca.pem", "ca.key", "leaf.pem", "leaf.key"].map(|name| made.path(name));
        let line = format!(
            "req -x509 -nodes -CA {ca} -CAkey {key} -subj /CN=alice -days 30 -out {leaf} -keyout {own} \
             -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=clientAuth \
             -addext subjectAltName=email:alice@example.com {arguments}"
        );
        let said = openssl(&line.split_whitespace().collect::<Vec<_>>(), b"");
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        made
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn exhibit(&self) -> Exhibit {
        let certificates = |name| transport::pem::certificates(self.path(name).as_ref()).unwrap();
        let key = transport::pem::private_key(self.path("leaf.key").as_ref()).unwrap();
        Exhibit::new(certificates("leaf.pem"), key).and(certificates("ca.pem"))
    }
}

#[tokio::test]
async fn a_signature_by_sha1_is_worth_nothing() {
    let world = World::new();
    let stack = world.plan(&[]).start().await;
    for (digest, verdict) in [("-sha256", ALICE), ("-sha1", "certificate_untrusted")] {
        let arguments = format!("-newkey ec -pkeyopt ec_paramgen_curve:P-256 {digest}");
        let row = Row {
            what: digest,
            exhibit: ByOpenssl::new(&world, &arguments).exhibit(),
            verdict,
            cause: "signed with an algorithm that is not accepted",
        };
        for way in WAYS {
            assert_row(way, &row, &stack.judge(way, &row.exhibit, "all").await);
        }
    }
}

// openssl is waited for on this thread, so the gateway needs others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_weak_key_proves_nothing_though_its_owner_has_it() {
    const REQUEST: &[u8] = b"GET /socket/all HTTP/1.1\r\nHost: gateway.internal\r\nConnection: close\r\n\r\n";
    let world = World::new();
    let stack = world.plan(&[]).start().await;
    let address = stack.gateway().address();
    for (newkey, answered) in [
        ("rsa:2048", true),
        ("ec -pkeyopt ec_paramgen_curve:P-256", true),
        ("rsa:1024", false),
        ("ec -pkeyopt ec_paramgen_curve:secp256k1", false),
    ] {
        let client = ByOpenssl::new(&world, &format!("-newkey {newkey}"));
        let [leaf, key, above] = ["leaf.pem", "leaf.key", "ca.pem"].map(|name| client.path(name));
        for version in ["-tls1_2", "-tls1_3"] {
            let line = format!(
                "s_client -quiet {version} -connect {address} -servername gateway.internal \
                 -cipher DEFAULT@SECLEVEL=0 -cert {leaf} -key {key} -cert_chain {above}"
            );
            let said = openssl(&line.split_whitespace().collect::<Vec<_>>(), REQUEST);
            let context = format!("{newkey} {version}: {} {}", said.stdout, said.stderr);
            assert_eq!(said.stdout.starts_with("HTTP/1.1 200"), answered, "{context}");
            // Where no scheme fits its key, openssl shows no certificate at all.
            let as_nobody = said.stdout.ends_with("\"No required TLS certificate was sent\"}");
            assert!(answered || as_nobody || said.stdout.is_empty(), "{context}");
        }
    }
}
