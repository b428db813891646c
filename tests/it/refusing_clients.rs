//! Clients that refuse what they are shown: they say so in an alert, and the doctor of either door says what it means. The
//! clients are `openssl s_client`, at both versions, and curl.

use std::fmt::Write as _;

use certs::{Authority, Issued, Leaf, Revocations, Usage, Validity};
use harness::outside::{curl, s_client};
use harness::servers::Files;
use harness::stack::{Plan, Stack};
use harness::template::quoted;

use crate::handshake_failures::{assert_failure, newest};

/// The name under which something is shown, what the client thinks of it, and what is said of that.
const ROWS: [(&str, &str, &[&str], &str, &str); 6] = [
    (
        "another authority",
        "good.test",
        &["-CAfile", "{other}"],
        "unknown_ca",
        "show a certificate that the client trusts",
    ),
    (
        "expired",
        "old.test",
        &["-CAfile", "{root}"],
        "expired",
        "renew the certificate that is shown",
    ),
    (
        "for clients",
        "purpose.test",
        &["-CAfile", "{root}", "-purpose", "sslserver"],
        "purpose",
        "see the log of the client",
    ),
    (
        "revoked",
        "revoked.test",
        &["-CAfile", "{root}", "-CRL", "{list}", "-crl_check"],
        "revoked",
        "show another certificate than this one",
    ),
    (
        "another name",
        "good.test",
        &["-CAfile", "{root}", "-verify_hostname", "other.test"],
        "refused",
        "its names or its authority",
    ),
    (
        "an old version",
        "good.test",
        &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
        "protocol",
        "TLS 1.2 or 1.3",
    ),
];

/// What is shown under a name, at the edge by a listener of its own.
struct Exhibit {
    name: &'static str,
    listener: &'static str,
    issued: Issued,
}

impl Exhibit {
    fn all(root: &Authority) -> [Self; 4] {
        let shown = |name: &'static str, listener, change: fn(Leaf) -> Leaf| Self {
            name,
            listener,
            issued: root.issue(change(Leaf::server(name))).unwrap(),
        };
        [
            shown("good.test", "off", |leaf| leaf),
            shown("old.test", "public", |leaf| {
                leaf.validity(Validity::ended_days_ago(2))
            }),
            shown("purpose.test", "verify", |leaf| leaf.usages([Usage::Client])),
            shown("revoked.test", "rfc9440", |leaf| leaf),
        ]
    }
}

/// Both doors show all of it.
fn showing(exhibits: &[Exhibit]) -> Plan {
    let mut document = "_format_version: \"3.0\"\ncertificates:\n".to_owned();
    for Exhibit { name, issued, .. } in exhibits {
        let (chain, key) = (quoted(&issued.chain_pem()), quoted(&issued.key_pem()));
        writeln!(document, "- {{cert: {chain}, key: {key}, snis: [{name}]}}").unwrap();
    }
    let mut plan = Stack::reading(document).without_lists();
    for Exhibit {
        name,
        listener,
        issued,
    } in exhibits
    {
        let keys = format!("LISTENERS__{}__TLS__", listener.to_ascii_uppercase());
        plan = plan
            .file(&format!("shown/{name}.pem"), issued.chain_pem())
            .file(&format!("shown/{name}.key"), issued.key_pem())
            .edge(&format!("{keys}CERTIFICATE"), &format!("pki/shown/{name}.pem"))
            .edge(&format!("{keys}PRIVATE_KEY"), &format!("pki/shown/{name}.key"));
    }
    plan
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_have_against_us_is_told_with_the_remedy() {
    let root = Authority::root("Shown Root").unwrap();
    let exhibits = Exhibit::all(&root);
    let list = root
        .revocation_list(Revocations::of([&exhibits[3].issued]))
        .unwrap();
    let stack = showing(&exhibits).start().await;
    let files = Files::new();
    let fill = [
        ("{root}", files.write("root.pem", &root.pem())),
        (
            "{other}",
            files.write("other.pem", &Authority::root("Other Root").unwrap().pem()),
        ),
        ("{list}", files.write("list.pem", &list.pem())),
    ];
    let at_the_edge = |name: &str| {
        let exhibit = exhibits.iter().find(|exhibit| exhibit.name == name).unwrap();
        stack.edge(exhibit.listener).address()
    };
    let (admin, status) = (stack.edge_admin(), stack.status());
    let mut failures = 0;
    for (what, name, options, class, remedy) in ROWS {
        for version in ["-tls1_2", "-tls1_3"] {
            let mut given: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
            for option in &mut given {
                for (hole, file) in &fill {
                    *option = option.replace(hole, file);
                }
            }
            given.extend(["-servername", name, "-verify_return_error"].map(str::to_owned));
            if class != "protocol" {
                given.push(version.to_owned());
            }
            failures += 1;
            for (door, address, asked, path) in [
                ("edge", at_the_edge(name), &admin, "/handshakes"),
                (
                    "gateway",
                    stack.gateway().address(),
                    &status,
                    "/status/handshakes",
                ),
            ] {
                let what = format!("{what} {version} at the {door}");
                let said = s_client(address, &given, "/");
                assert!(!said.stdout.contains("HTTP/1.1"), "{what}: {said:#?}");
                let found = newest(asked, path, failures).await;
                assert_failure(&what, &found, class, remedy);
                assert_eq!(found["layer"], "client", "{what}");
                if class != "protocol" {
                    assert_eq!(found["server_name"], name, "{what}");
                }
            }
        }
    }
    // curl without the authority.
    for (address, asked, path) in [
        (at_the_edge("good.test"), &admin, "/handshakes"),
        (stack.gateway().address(), &status, "/status/handshakes"),
    ] {
        let port = address.port();
        let (resolve, url) = (
            format!("good.test:{port}:127.0.0.1"),
            format!("https://good.test:{port}/"),
        );
        let said = tokio::task::block_in_place(|| curl(&["--resolve", &resolve, &url]));
        assert_eq!(said.code, Some(60), "{said:?}");
        let found = newest(asked, path, failures + 1).await;
        assert_failure(
            "curl",
            &found,
            "unknown_ca",
            "have the client trust the root of this one",
        );
    }
}
