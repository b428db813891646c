//! A certificate that tells clients to insist on a stapled answer (RFC 7633), and a configuration that has none for it.

use certs::{Authority, Issued, KeyKind, Leaf};
use harness::stack::Stack;
use harness::template::quoted;

use crate::pair::{Files, free_address};

/// TLS feature: `status_request`.
fn insisting(authority: &Authority, responder: Option<&str>) -> Issued {
    let leaf = Leaf::server("edge.test").key(KeyKind::P256);
    let leaf = leaf.extension(&[1, 3, 6, 1, 5, 5, 7, 1, 24], vec![0x30, 3, 2, 1, 5]);
    let leaf = match responder {
        Some(url) => leaf.ocsp_url(url),
        None => leaf,
    };
    authority.issue(leaf).unwrap()
}

const URL: &str = "http://ocsp.test/";

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_warns() {
    let authority = Authority::root("Root").unwrap();
    let plain = authority.issue(Leaf::server("edge.test").ocsp_url(URL)).unwrap();
    let (with, without) = (insisting(&authority, Some(URL)), insisting(&authority, None));
    let ca = authority.pem();
    for (what, shown, stapling, issuer, expected) in table! {
        ("no such wish", &plain, "off", &*ca, &[][..]);
        ("nothing", &with, "off", &*ca, &["must-staple"]);
        ("fetched", &with, "on", &*ca, &[]);
        ("nobody to ask", &without, "on", &*ca, &["not-stapled", "must-staple"]);
        ("no issuer to ask about", &with, "on", "", &["not-stapled", "must-staple"]);
        ("no issuer, no wish", &plain, "on", "", &["not-stapled"]);
    } {
        let chain = shown.certificate_pem() + issuer;
        let document = format!(
            "_format_version: \"3.0\"\ncertificates: [{{cert: {}, key: {}, snis: [a.test, b.test]}}]\n",
            quoted(&chain),
            quoted(&shown.key_pem())
        );
        let node = |plan: harness::stack::Plan| plan.without_edge().gateway("ssl_stapling", stapling);
        let as_default = Stack::with("hop.yaml")
            .file("own.pem", &*chain)
            .file("own.key", shown.key_pem())
            .gateway("ssl_cert", "pki/own.pem")
            .gateway("ssl_cert_key", "pki/own.key");
        for (where_, plan) in [
            ("default", as_default),
            ("by name", Stack::reading(document).without_lists()),
        ] {
            let warnings = node(plan).warnings();
            let about_ours = warnings
                .iter()
                .filter(|line| line.contains("CN=edge.test") && line.contains("stapl"));
            let codes: Vec<&str> = about_ours
                .filter_map(|line| line.split_once("warning[")?.1.split_once(']'))
                .map(|(code, _)| code)
                .collect();
            assert_eq!(codes, expected, "{what} {where_}: {warnings:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_warns() {
    let authority = Authority::root("Root").unwrap();
    for (stapling, responder, expected) in [
        ("", Some(URL), &["warning[must-staple]"][..]),
        ("stapling = \"fetch\"\n", Some(URL), &[]),
        (
            "stapling = \"fetch\"\n",
            None,
            &["warning[must-staple]", "warning[not-stapled]"],
        ),
    ] {
        let files = Files::new(free_address(), free_address());
        let shown = insisting(&authority, responder);
        std::fs::write(
            files.path().join("own.pem"),
            shown.certificate_pem() + &authority.pem(),
        )
        .unwrap();
        std::fs::write(files.path().join("own.key"), shown.key_pem()).unwrap();
        files.change(
            "edge.toml",
            "[listeners.off.tls]\ncertificate = \"pki/edge/server.pem\"\nprivate_key = \"pki/edge/server.key\"",
            &format!("[listeners.off.tls]\n{stapling}certificate = \"own.pem\"\nprivate_key = \"own.key\""),
        );
        let said = files.run("edge-proxy", &["check"], "edge.toml");
        assert_eq!(said.code, Some(0), "{said:#?}");
        let mut codes: Vec<&str> = said
            .stdout
            .lines()
            .filter(|line| line.contains("CN=edge.test"))
            .filter_map(|line| line.split([' ']).find(|word| word.starts_with("warning[")))
            .map(|word| word.trim_end_matches(':'))
            .collect();
        codes.sort_unstable();
        assert_eq!(codes, expected, "{stapling} {responder:?}: {said:#?}");
    }
}
