//! OCSP answers that `openssl ocsp` made, stapled by both doors, read by `openssl s_client -status` and verified by curl.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use certs::{Authority, Issued, KeyKind, Leaf, Usage};
use harness::outside::{curl, openssl, s_client};
use harness::stack::{Plan, Stack};
use tempfile::TempDir;

/// An authority that can be asked about its certificates.
struct Responder {
    folder: TempDir,
    authority: Authority,
}

impl Responder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::root("Stapled Root").unwrap();
        let delegate = Leaf::client("responder").usages([Usage::OcspSigning]);
        let delegate = authority.issue(delegate).unwrap();
        let client = authority.issue(Leaf::client("client")).unwrap();
        for (name, certificate, key) in [
            ("ca", authority.pem(), authority.key_pem()),
            ("delegate", delegate.certificate_pem(), delegate.key_pem()),
            ("client", client.certificate_pem(), client.key_pem()),
        ] {
            fs::write(folder.path().join(format!("{name}.pem")), certificate).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), key).unwrap();
        }
        Self { folder, authority }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn issue(&self, name: &str, kind: KeyKind) -> Issued {
        self.authority.issue(Leaf::server(name).key(kind)).unwrap()
    }

    /// The response `name`.der about a certificate, signed by `signer`; the file's path.
    fn answer(&self, name: &str, about: &Issued, (status, signer): (char, &str)) -> String {
        let leaf = self.path(&format!("{name}.leaf.pem"));
        fs::write(&leaf, about.certificate_pem()).unwrap();
        let said = openssl(&["x509", "-in", &leaf, "-noout", "-serial"], b"");
        let serial = said.stdout.trim().strip_prefix("serial=").unwrap().to_owned();
        let revoked = if status == 'R' { "250101000000Z" } else { "" };
        let index = format!("{status}\t491231000000Z\t{revoked}\t{serial}\tunknown\t/CN=x\n");
        fs::write(self.path("index.txt"), index).unwrap();
        let (response, index, ca) = (
            self.path(&format!("{name}.der")),
            self.path("index.txt"),
            self.path("ca.pem"),
        );
        let (signing, key) = (
            self.path(&format!("{signer}.pem")),
            self.path(&format!("{signer}.key")),
        );
        let arguments = [
            "ocsp",
            "-index",
            &index,
            "-CA",
            &ca,
            "-rsigner",
            &signing,
            "-rkey",
            &key,
            "-issuer",
            &ca,
            "-cert",
            &leaf,
            "-ndays",
            "7",
            "-respout",
            &response,
            "-noverify",
        ];
        let said = openssl(&arguments, b"");
        assert!(Path::new(&response).exists(), "{said:?}");
        response
    }
}

/// A gateway and an edge that show these certificates, each with its issuer behind it.
fn shows(responder: &Responder, plan: Plan, certificates: &[(&str, &Issued)]) -> Plan {
    let mut plan = plan;
    for (name, issued) in certificates {
        let chain = issued.certificate_pem() + &responder.authority.pem();
        plan = plan
            .file(&format!("stapled/{name}.pem"), chain)
            .file(&format!("stapled/{name}.key"), issued.key_pem());
    }
    let listed = |suffix: &str| {
        let names = certificates.iter();
        names
            .map(|(name, _)| format!("pki/stapled/{name}.{suffix}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (first, _) = certificates[0];
    plan.gateway("ssl_cert", &listed("pem"))
        .gateway("ssl_cert_key", &listed("key"))
        .edge(
            "LISTENERS__OFF__TLS__CERTIFICATE",
            &format!("pki/stapled/{first}.pem"),
        )
        .edge(
            "LISTENERS__OFF__TLS__PRIVATE_KEY",
            &format!("pki/stapled/{first}.key"),
        )
}

/// What `openssl` reads in the handshake: `good`, or `-` for no response.
pub(crate) fn status(address: SocketAddr, options: &[&str]) -> String {
    let said = s_client(address, &[&["-status"], options].concat(), "/public");
    let text = &said.stdout;
    if text.contains("OCSP response: no response sent") {
        return "-".to_owned();
    }
    let status = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Cert Status: "));
    status.unwrap_or_else(|| panic!("{said:?}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_is_stapled_to_the_certificate_that_it_is_about() {
    let responder = Responder::new();
    let (ecdsa, rsa) = (
        responder.issue("edge.test", KeyKind::P256),
        responder.issue("edge.test", KeyKind::Rsa2048),
    );
    for (signer, about, [for_ecdsa, for_rsa]) in [
        ("ca", [Some(&ecdsa), Some(&rsa)], ["good", "good"]),
        ("delegate", [Some(&ecdsa), None], ["good", "-"]),
        ("delegate", [None, Some(&rsa)], ["-", "good"]),
    ] {
        let files = about.iter().flatten().enumerate();
        let files =
            files.map(|(number, about)| responder.answer(&format!("{signer}{number}"), about, ('V', signer)));
        let files = files.collect::<Vec<_>>().join(",");
        let plan = shows(
            &responder,
            Stack::with("hop.yaml"),
            &[("ecdsa", &ecdsa), ("rsa", &rsa)],
        );
        let stack = plan
            .gateway("ssl_stapling_file", &files)
            .edge("LISTENERS__OFF__TLS__STAPLING_FILES", &files)
            .start()
            .await;
        let (gateway, edge) = (stack.gateway().address(), stack.edge("off").address());
        for (address, options, expected) in [
            (gateway, ["-sigalgs", "ECDSA+SHA256"], for_ecdsa),
            (gateway, ["-sigalgs", "rsa_pss_rsae_sha256"], for_rsa),
            (edge, ["-sigalgs", "ECDSA+SHA256"], for_ecdsa),
        ] {
            for version in ["-tls1_2", "-tls1_3"] {
                let options = [&options[..], &[version]].concat();
                assert_eq!(status(address, &options), expected, "{signer} {options:?}");
            }
        }
        // curl verifies the response itself, and demands one.
        let port = edge.port();
        let resolve = format!("edge.test:{port}:127.0.0.1");
        let (ca, url) = (
            responder.path("ca.pem"),
            format!("https://edge.test:{port}/public"),
        );
        let arguments = [
            "--cert-status",
            "--cacert",
            &ca,
            "--resolve",
            &resolve,
            "--output",
            "/dev/null",
            &url,
        ];
        let said = tokio::task::block_in_place(|| curl(&arguments));
        assert_eq!(said.code == Some(0), for_ecdsa == "good", "{signer}: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_good_is_warned_of_and_clients_do_without() {
    let responder = Responder::new();
    let shown = responder.issue("edge.test", KeyKind::P256);
    let other = responder.issue("other.test", KeyKind::P256);
    let garbage = responder.path("garbage.der");
    fs::write(&garbage, "hello").unwrap();
    for (what, file, warning) in table! {
        ("revoked", responder.answer("revoked", &shown, ('R', "ca")), "says that the certificate is revoked");
        ("another's", responder.answer("other", &other, ('V', "ca")), "it is about no certificate that is shown here");
        ("no delegate", responder.answer("client", &shown, ('V', "client")), "lacks the extended key usage id-kp-OCSPSigning");
        ("garbage", garbage, "it is not an OCSP response in DER");
    } {
        let plan = || {
            shows(&responder, Stack::with("hop.yaml"), &[("shown", &shown)])
                .gateway("ssl_stapling_file", &file)
                .edge("LISTENERS__OFF__TLS__STAPLING_FILES", &file)
        };
        let warnings = plan().warnings().join("\n");
        assert!(
            warnings.contains("warning[not-stapled]") && warnings.contains(warning),
            "{what}: {warnings}"
        );
        let stack = plan().start().await;
        for door in [stack.gateway(), stack.edge("off")] {
            assert_eq!(status(door.address(), &["-tls1_3"]), "-", "{what} {door:?}");
        }
    }
    let missing = shows(&responder, Stack::with("hop.yaml"), &[("shown", &shown)])
        .gateway("ssl_stapling_file", "pki/missing.der")
        .refusal();
    assert!(
        missing.is_some_and(|report| report.to_string().contains("missing.der")),
        "never skipped"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_reads_the_responses_again() {
    let responder = Responder::new();
    let shown = responder.issue("edge.test", KeyKind::P256);
    let file = responder.answer("answer", &shown, ('V', "ca"));
    let stack = shows(&responder, Stack::with("hop.yaml"), &[("shown", &shown)])
        .gateway("ssl_stapling_file", &file)
        .edge("LISTENERS__OFF__TLS__STAPLING_FILES", &file)
        .start()
        .await;
    let doors = [stack.gateway(), stack.edge("off")];
    for (said, expected) in [('R', "-"), ('V', "good")] {
        responder.answer("answer", &shown, (said, "delegate"));
        stack.reload_gateway().await;
        stack.reload_edge();
        for door in &doors {
            assert_eq!(status(door.address(), &["-tls1_3"]), expected, "{said} {door:?}");
        }
    }
}
