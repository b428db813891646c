//! Handshakes in memory: the signature over the transcript, at both versions, and the verifier inside.

use std::sync::Arc;

use rcgen::{ExtendedKeyUsagePurpose, KeyPair, PKCS_ED25519, PKCS_RSA_SHA256, SanType, date_time_ymd};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, Error, RootCertStore, ServerConfig, ServerConnection, SignatureScheme,
    SupportedProtocolVersion, version,
};
use transport::certificate::CertificateError;
use transport::handshake_policy::{Advertise, cause_of, verify_in_handshake};
use transport::possession::prove_possession;
use transport::server_verifier::{FurtherNames, accept_any_server, verify_server, verify_server_or};
use transport::verify::{KeyPolicy, Policy, Purpose};

use crate::pki::{Authority, Leaf, as_is, policy, store};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

/// A client's answer to a certificate request: a chain, and a key that may or may not be the chain's.
#[derive(Debug)]
struct Shown(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let fits = |shown: &&Arc<CertifiedKey>| shown.key.choose_scheme(schemes).is_some();
        self.0.as_ref().filter(fits).cloned()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

fn shown(chain: &[&CertificateDer<'static>], key: &Leaf) -> Shown {
    let key = aws_lc_rs::sign::any_supported_type(&key.private_key()).expect("a key");
    let chain = chain.iter().map(|der| (*der).clone()).collect();
    Shown(Some(Arc::new(CertifiedKey::new(chain, key))))
}

struct Server {
    root: Authority,
    leaf: Leaf,
}

fn server() -> Server {
    let root = Authority::root("Servers");
    let leaf = server_leaf(&root);
    Server { root, leaf }
}

fn server_leaf(root: &Authority) -> Leaf {
    root.leaf_but("server", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = vec![SanType::DnsName("server.test".try_into().expect("a name"))];
    })
}

impl Server {
    fn config(
        &self,
        clients: Arc<dyn ClientCertVerifier>,
        version: &'static SupportedProtocolVersion,
    ) -> ServerConfig {
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![self.leaf.der.clone()], self.leaf.private_key())
            .expect("a server certificate")
    }

    fn stock_verifier(&self) -> Arc<dyn ServerCertVerifier> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der.clone()).expect("a root");
        let provider = Arc::new(aws_lc_rs::default_provider());
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .expect("a verifier")
    }
}

fn client_config(
    servers: Arc<dyn ServerCertVerifier>,
    shown: Shown,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .dangerous()
        .with_custom_certificate_verifier(servers)
        .with_client_cert_resolver(Arc::new(shown))
}

/// Runs a handshake to its end; what each side makes of it: the server what it was shown, the client nothing.
struct Outcome {
    server: Result<usize, Error>,
    client: Result<(), Error>,
}

fn handshake(server: ServerConfig, client: ClientConfig) -> Outcome {
    let name = ServerName::try_from("server.test").expect("a name");
    let mut client = ClientConnection::new(Arc::new(client), name).expect("a client");
    let mut server = ServerConnection::new(Arc::new(server)).expect("a server");
    let (mut at_server, mut at_client) = (Ok(()), Ok(()));
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).expect("memory");
        }
        let mut unread = &wire[..];
        while !unread.is_empty() && at_server.is_ok() {
            server.read_tls(&mut unread).expect("memory");
            at_server = server.process_new_packets().map(|_| ());
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).expect("memory");
        }
        let mut unread = &wire[..];
        while !unread.is_empty() && at_client.is_ok() {
            client.read_tls(&mut unread).expect("memory");
            at_client = client.process_new_packets().map(|_| ());
        }
    }
    if at_server.is_ok() && at_client.is_ok() {
        assert!(
            !server.is_handshaking() && !client.is_handshaking(),
            "the handshake did not end"
        );
    }
    let presented = server.peer_certificates().map_or(0, <[_]>::len);
    Outcome {
        server: at_server.map(|()| presented),
        client: at_client,
    }
}

#[test]
fn possession_takes_any_chain_and_no_wrong_key() {
    let server = server();
    let root = Authority::root("Nobody knows");
    let intermediate = root.intermediate("Intermediate");
    let alice = intermediate.leaf("alice");
    let expired = root.leaf_but("expired", |params| params.not_after = date_time_ymd(2021, 1, 1));
    let rsa = root.leaf_with(
        "rsa",
        as_is,
        KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key"),
    );
    let other_rsa = root.leaf_with(
        "other",
        as_is,
        KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key"),
    );
    let edwards = root.leaf_with(
        "edwards",
        as_is,
        KeyPair::generate_for(&PKCS_ED25519).expect("a key"),
    );
    let other = root.leaf("other");
    for version in VERSIONS {
        let run = |shown| {
            let hints = Vec::new();
            handshake(
                server.config(prove_possession(hints), version),
                client_config(server.stock_verifier(), shown, version),
            )
        };
        for (chain, key, presented) in [
            (vec![&alice.der, &intermediate.der], &alice, 2),
            (vec![&expired.der], &expired, 1),
            (vec![&rsa.der], &rsa, 1),
            (vec![&edwards.der], &edwards, 1),
        ] {
            let outcome = run(shown(&chain, key));
            assert_eq!(outcome.server, Ok(presented), "{version:?}");
            assert_eq!(outcome.client, Ok(()));
        }
        // No certificate is fine as well: it is asked for, not demanded.
        assert_eq!(run(Shown(None)).server, Ok(0));
        // Somebody else's certificate with one's own key is what must never work.
        for (certificate, key) in [
            (&alice, &other),
            (&rsa, &other_rsa),
            (&rsa, &alice),
            (&alice, &rsa),
            (&edwards, &other),
        ] {
            let outcome = run(shown(&[&certificate.der], key));
            let error = outcome.server.expect_err("the key is not the certificate's");
            assert!(
                matches!(error, Error::InvalidCertificate(_) | Error::PeerMisbehaved(_)),
                "{version:?}: {error:?}"
            );
        }
    }
}

#[test]
fn verify_mode_decides_in_the_handshake_and_says_why() {
    let server = server();
    let root = Authority::root("Clients");
    let trusted = Arc::new(store(
        &[&root.der],
        Policy {
            keys: KeyPolicy::Alb,
            ..policy()
        },
    ));
    let alice = root.leaf("alice");
    let other = root.leaf("other");
    let expired = root.leaf_but("expired", |params| params.not_after = date_time_ymd(2021, 1, 1));
    let mallory = Authority::root("Clients").leaf("alice");
    let edwards = root.leaf_with(
        "edwards",
        as_is,
        KeyPair::generate_for(&PKCS_ED25519).expect("a key"),
    );
    for version in VERSIONS {
        let run = |shown| {
            let clients = verify_in_handshake(Arc::clone(&trusted), Advertise::Subjects);
            handshake(
                server.config(clients, version),
                client_config(server.stock_verifier(), shown, version),
            )
            .server
        };
        assert_eq!(run(shown(&[&alice.der], &alice)), Ok(1));
        for (leaf, code) in [(&expired, "ClientCertExpired"), (&mallory, "ClientCertUntrusted")] {
            let error = run(shown(&[&leaf.der], leaf)).expect_err("refused");
            let cause = cause_of(&error).expect("our own cause");
            assert_eq!(cause.connection_log_code(), code, "{version:?}");
        }
        // Nine certificates are not even looked at.
        let error = run(shown(&[&alice.der; 9], &alice)).expect_err("refused");
        assert!(
            matches!(cause_of(&error), Some(CertificateError::TooLarge { .. })),
            "{error:?}"
        );
        // The right certificate, the wrong key; and none at all.
        let error = run(shown(&[&alice.der], &other)).expect_err("refused");
        assert!(cause_of(&error).is_none(), "{error:?}");
        assert_eq!(run(Shown(None)), Err(Error::NoCertificatesPresented));
        // Ed25519 is not offered where ALB's list holds, so such a client has nothing to show.
        assert_eq!(
            run(shown(&[&edwards.der], &edwards)),
            Err(Error::NoCertificatesPresented)
        );
    }
}

#[test]
fn subjects_are_advertised_only_on_request() {
    let root = Authority::root("Clients");
    let trusted = Arc::new(store(&[&root.der], policy()));
    let hints = |advertise| {
        verify_in_handshake(Arc::clone(&trusted), advertise)
            .root_hint_subjects()
            .len()
    };
    assert_eq!((hints(Advertise::Nothing), hints(Advertise::Subjects)), (0, 1));
    assert_eq!(prove_possession(trusted.subjects()).root_hint_subjects().len(), 1);
    assert!(!prove_possession(Vec::new()).client_auth_mandatory());
}

#[test]
fn servers_are_verified_by_store_and_name() {
    let good = server();
    let for_servers = Policy {
        purpose: Purpose::Server,
        ..policy()
    };
    let store_of = |root: &Authority| Arc::new(store(&[&root.der], for_servers.clone()));
    let stranger = Authority::root("Servers");
    let as_client = Server {
        leaf: good.root.leaf("server"),
        root: Authority::root("unused"),
    };
    let expired = Server {
        leaf: good.root.leaf_but("server", |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.subject_alt_names = vec![SanType::DnsName("server.test".try_into().expect("a name"))];
            params.not_after = date_time_ymd(2021, 1, 1);
        }),
        root: Authority::root("unused"),
    };
    for version in VERSIONS {
        let run = |server: &Server, verifier| {
            let config = server.config(prove_possession(Vec::new()), version);
            handshake(config, client_config(verifier, Shown(None), version)).client
        };
        assert_eq!(run(&good, verify_server(store_of(&good.root))), Ok(()));
        for anybody in [&good, &as_client, &expired] {
            assert_eq!(run(anybody, accept_any_server()), Ok(()));
        }
        let refused = [
            (&good, verify_server(store_of(&stranger)), "certificate_untrusted"),
            (
                &as_client,
                verify_server(store_of(&good.root)),
                "certificate_purpose",
            ),
            (
                &expired,
                verify_server(store_of(&good.root)),
                "certificate_expired",
            ),
        ];
        for (server, verifier, reason) in refused {
            let error = run(server, verifier).expect_err("refused");
            assert_eq!(
                cause_of(&error).map(CertificateError::reason),
                Some(reason),
                "{error:?}"
            );
        }
    }
}

#[test]
fn a_server_may_have_another_name_that_is_accepted() {
    let good = server();
    let for_servers = Policy {
        purpose: Purpose::Server,
        ..policy()
    };
    let store_of = |root: &Authority| Arc::new(store(&[&root.der], for_servers.clone()));
    let stranger = Authority::root("Servers");
    let named = |dns: &[&str], uris: &[&str]| {
        let mut further = FurtherNames::default();
        for name in dns {
            further.add_dns(name).expect("a DNS name");
        }
        for uri in uris {
            further.add_uri(uri);
        }
        further
    };
    let elsewhere = Server {
        leaf: good.root.leaf_but("elsewhere", |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.subject_alt_names = vec![
                SanType::DnsName("*.elsewhere.test".try_into().expect("a name")),
                SanType::URI("spiffe://mesh/orders".try_into().expect("a URI")),
            ];
        }),
        root: Authority::root("unused"),
    };
    for version in VERSIONS {
        let run = |server: &Server, verifier| {
            let config = server.config(prove_possession(Vec::new()), version);
            handshake(config, client_config(verifier, Shown(None), version)).client
        };
        for further in [
            named(&["other.test", "a.elsewhere.test"], &[]),
            named(&[], &["spiffe://mesh/other", "spiffe://mesh/orders"]),
        ] {
            let verifier = |further| verify_server_or(store_of(&good.root), further);
            assert_eq!(run(&elsewhere, verifier(further.clone())), Ok(()), "{further:?}");
            // They are names beside the one that is asked for, not in its place.
            assert_eq!(run(&good, verifier(further)), Ok(()));
        }
        for (server, verifier) in [
            (&elsewhere, verify_server(store_of(&good.root))),
            (
                &elsewhere,
                verify_server_or(
                    store_of(&good.root),
                    named(
                        &["elsewhere.test", "a.b.elsewhere.test"],
                        &["spiffe://mesh/Orders"],
                    ),
                ),
            ),
            (
                &elsewhere,
                verify_server_or(
                    store_of(&stranger),
                    named(&["a.elsewhere.test"], &["spiffe://mesh/orders"]),
                ),
            ),
        ] {
            let error = run(server, verifier).expect_err("refused");
            let reason = cause_of(&error).map(CertificateError::reason);
            assert_eq!(reason, Some("certificate_untrusted"), "{error:?}");
        }
    }
}
