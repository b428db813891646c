//! Which OCSP answers reach a client in the handshake.

use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::Acceptor;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use transport::server_tls::{CertificateChooser, ClientAuthentication, Keys, Offer, ServerConfigs, Versions};
use transport::stapling::StapleProblem;

use crate::ocsp_responses::{REVOKED, Response, Scene, Single, UNKNOWN};
use crate::pki::{Leaf, first_of};

/// When the answers are loaded: long before now.
fn then() -> UnixTime {
    first_of(2021)
}

const LASTING: Option<&str> = Some("20890101000000Z");

fn key(leaf: &Leaf, issuers: &[&CertificateDer<'static>]) -> Arc<CertifiedKey> {
    let chain = std::iter::once(&leaf.der).chain(issuers.iter().copied());
    let key = aws_lc_rs::sign::any_supported_type(&leaf.private_key()).expect("a key");
    Arc::new(CertifiedKey::new(chain.cloned().collect(), key))
}

fn answer(scene: &Scene, change: impl FnOnce(&mut Single)) -> Vec<u8> {
    let mut single = Single {
        this_update: "20201231000000Z",
        next_update: LASTING,
        ..scene.single()
    };
    change(&mut single);
    let response = Response {
        singles: vec![single],
        ..scene.response()
    };
    response.signed(scene.issuer.issuer.key())
}

/// What a client gets that asks for `name`.
fn received(chooser: CertificateChooser, versions: Versions, name: &'static str) -> Vec<u8> {
    let clients = ClientAuthentication::NotAsked;
    let configs =
        ServerConfigs::new(Arc::new(chooser), &clients, versions, Offer::Http1).expect("a configuration");
    let seen = Arc::new(Recorder(Mutex::default(), aws_lc_rs::default_provider()));
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Recorder>::clone(&seen))
        .with_no_client_auth();
    let name = ServerName::try_from(name).expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("a hello");
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &*hello).expect("a hello");
    let accepted = acceptor.accept().ok().flatten().expect("a whole hello");
    let config = Arc::clone(configs.for_client(&accepted.client_hello()));
    let mut server = accepted.into_connection(config).expect("a connection");
    while client.is_handshaking() {
        let mut flight = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut flight).expect("octets");
        }
        client.read_tls(&mut &*flight).expect("octets");
        client.process_new_packets().expect("a handshake");
        let mut flight = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut flight).expect("octets");
        }
        server.read_tls(&mut &*flight).expect("octets");
        server.process_new_packets().expect("a handshake");
    }
    seen.0.lock().expect("nobody panicked").clone()
}

/// Believes everybody, and keeps the answer that it was given.
#[derive(Debug)]
struct Recorder(Mutex<Vec<u8>>, CryptoProvider);

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.0.lock().expect("nobody panicked") = ocsp_response.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            leaf,
            signature,
            &self.1.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            leaf,
            signature,
            &self.1.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.1.signature_verification_algorithms.supported_schemes()
    }
}

#[test]
fn a_good_answer_is_stapled_until_it_is_stale() {
    let scene = Scene::new();
    for (next_update, stapled) in [(LASTING, true), (Some("20210107000000Z"), false)] {
        for versions in [Versions::Tls12Only, Versions::Tls13Only, Versions::Tls12AndTls13] {
            let response = answer(&scene, |single| single.next_update = next_update);
            let mut chooser = CertificateChooser::new(Keys::one(key(&scene.leaf, &[&scene.issuer.der])));
            assert_eq!(
                chooser.staple(&response, then()),
                Ok(()),
                "it was good when it was loaded"
            );
            let expected = if stapled { response } else { Vec::new() };
            assert_eq!(
                received(chooser, versions, "server.test"),
                expected,
                "{versions:?} {next_update:?}"
            );
        }
    }
}

#[test]
fn an_answer_goes_to_its_certificate_under_every_name_and_to_no_other() {
    let scene = Scene::new();
    let other = scene.issuer.leaf("other");
    let of_other = answer(&scene, |single| single.certificate = other.der.clone());
    let of_ours = answer(&scene, |_| {});
    for (responses, expected) in [
        (vec![&of_ours], [&of_ours[..], &of_ours, &[]]),
        (vec![&of_other], [&[][..], &[], &of_other]),
        (vec![&of_other, &of_ours], [&of_ours[..], &of_ours, &of_other]),
    ] {
        for (name, expected) in ["default.test", "named.test", "other.test"]
            .into_iter()
            .zip(expected)
        {
            let ours = key(&scene.leaf, &[&scene.issuer.der]);
            let mut chooser = CertificateChooser::new(Keys::one(Arc::clone(&ours)));
            chooser.add("named.test", ours);
            chooser.add("other.test", key(&other, &[&scene.issuer.der]));
            for response in &responses {
                assert_eq!(chooser.staple(response, then()), Ok(()));
            }
            assert_eq!(received(chooser, Versions::default(), name), expected, "{name}");
        }
    }
}

#[test]
fn what_is_not_good_is_not_stapled() {
    let scene = Scene::new();
    let with_issuer = || key(&scene.leaf, &[&scene.issuer.der]);
    let intermediate = scene.issuer.intermediate("Issuing");
    let neighbour = scene.issuer.leaf("neighbour").der;
    let mut forged = answer(&scene, |_| {});
    *forged.last_mut().expect("octets") ^= 1;
    for (what, shown, response, expected) in table! {
        ("revoked", with_issuer(), answer(&scene, |single| single.status = REVOKED), "certificate is revoked");
        ("unknown", with_issuer(), answer(&scene, |single| single.status = UNKNOWN), "does not know the certificate");
        ("stale", with_issuer(), answer(&scene, |single| single.next_update = Some("20201231010000Z")), "it was valid until");
        ("forged", with_issuer(), forged, "its signature does not hold");
        ("another's", with_issuer(), answer(&scene, |single| single.certificate = neighbour), "about no certificate");
        ("no issuer", key(&scene.leaf, &[]), answer(&scene, |_| {}), "issuer's certificate behind the leaf");
        ("not its issuer", key(&scene.leaf, &[&intermediate.der]), answer(&scene, |_| {}), "about no certificate");
        ("no response", with_issuer(), b"hello".to_vec(), "not an OCSP response");
    } {
        let mut chooser = CertificateChooser::new(Keys::one(shown));
        let problem: StapleProblem = chooser.staple(&response, then()).expect_err(what);
        assert!(problem.to_string().contains(expected), "{what}: {problem}");
        assert_eq!(
            received(chooser, Versions::default(), "server.test"),
            b"",
            "{what}"
        );
    }
}
