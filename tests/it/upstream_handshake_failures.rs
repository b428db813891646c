//! A handshake with an upstream that failed is kept by the gateway as one with a client is. The other ends are nginx and
//! `openssl s_server`.

use std::fmt::Write as _;

use certs::{Authority, Leaf, Usage, Validity};
use harness::servers::{Files, own_address};
use harness::stack::{Stack, eventually};
use harness::template::quoted;

use crate::handshake_failures::{assert_failure, marked, newest};
use crate::upstream_trust::{Shown, alone, weak};

/// What an upstream shows, and what becomes of it.
struct Row {
    shown: Shown,
    class: &'static str,
    remedy: &'static str,
    marked: Option<&'static str>,
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines)] // a table
async fn upstreams_of_the_gateway() {
    let root = Authority::root("Upstreams Root").unwrap();
    let other = Authority::root("Other Root").unwrap();
    let issuing = root.intermediate("Upstreams Issuing").unwrap();
    let leaf = || {
        (1..=20).fold(Leaf::server("orders.test"), |leaf, row| {
            leaf.ip(own_address(row).ip())
        })
    };
    let issued = |authority: &Authority, leaf| Shown::from(authority.issue(leaf).unwrap());
    let row = |shown, class, remedy, marked| Row {
        shown,
        class,
        remedy,
        marked,
    };
    let orders = Some("CN=orders.test");
    let halfway = {
        let Shown { chain, key } = alone(&issuing.issue(leaf()).unwrap());
        let chain = chain + &root.intermediate("Another").unwrap().pem();
        Shown { chain, key }
    };
    let rows = [
        row(
            issued(&other, leaf()),
            "unknown_ca",
            "add that authority to those that are trusted",
            orders,
        ),
        row(
            issued(&root, leaf().validity(Validity::ended_days_ago(2))),
            "expired",
            "renew that certificate",
            orders,
        ),
        row(
            issued(&root, leaf().usages([Usage::Client])),
            "purpose",
            "issued for a server",
            orders,
        ),
        row(
            halfway,
            "missing_intermediate",
            "have the server send that intermediate",
            orders,
        ),
        row(
            weak(&root, leaf()),
            "weak_key",
            "RSA of 2048 to 8192 bits",
            orders,
        ),
        row(
            issued(&root, Leaf::server("orders.test")),
            "wrong_name",
            "a certificate for that name",
            orders,
        ),
        row(
            issued(&root, leaf().validity(Validity::starts_in_days(2))),
            "not_yet_valid",
            "compare the clocks of both sides",
            orders,
        ),
        row(
            issued(&issuing.intermediate("Upstreams Department").unwrap(), leaf()),
            "depth",
            "allow more intermediates for this server",
            None,
        ),
        row(
            issued(&root, leaf().critical_extension(&[1, 2, 3], vec![5, 0])),
            "unsupported",
            "give the server another certificate",
            orders,
        ),
    ];
    let at = |row: usize| own_address(u8::try_from(row + 1).unwrap());
    let (files, plain, demanding) = (Files::new(), at(rows.len()), at(rows.len() + 1));
    let mut http = format!("server {{ listen {plain}; }}\n");
    for (number, row) in rows.iter().enumerate() {
        let chain = files.write(&format!("{number}.pem"), &row.shown.chain);
        let key = files.write(&format!("{number}.key"), &row.shown.key);
        writeln!(
            http,
            "server {{ listen {} ssl; ssl_ciphers DEFAULT@SECLEVEL=0; ssl_certificate {chain}; ssl_certificate_key {key}; }}",
            at(number)
        )
        .unwrap();
    }
    let listening: Vec<_> = (0..=rows.len()).map(at).collect();
    let keys = Files::new();
    let (chain, key) = keys.pair("server", &root.issue(leaf()).unwrap());
    let arguments = [
        "-cert",
        &*chain,
        "-key",
        &*key,
        "-Verify",
        "1",
        "-verify_return_error",
    ];
    let (nginx, _openssl) = tokio::task::block_in_place(|| {
        (
            files.nginx(&http, &listening),
            keys.openssl(&arguments, demanding),
        )
    });

    let id = "c1a00000-0000-4000-8000-0000000000a1";
    let mut document = format!(
        "_format_version: \"3.0\"\nca_certificates:\n- {{id: {id}, cert: {}}}\nservices:\n",
        quoted(&root.pem())
    );
    for number in 0..rows.len() + 2 {
        writeln!(
            document,
            "- {{name: row-{number}, url: 'https://{}', retries: 0, ca_certificates: [{id}], routes: [{{paths: [/{number}]}}]}}",
            at(number)
        )
        .unwrap();
    }
    let stack = Stack::reading(document)
        .without_edge()
        .without_lists()
        .gateway("client_ssl", "off")
        .start()
        .await;
    let (client, status) = (stack.gateway(), stack.status());
    let expected = rows.iter().map(|row| (row.class, row.remedy, row.marked)).chain([
        ("protocol", "whether that port speaks TLS at all", None),
        ("no_certificate", "configure a certificate to be shown", None),
    ]);
    for (number, (class, remedy, certificate)) in expected.enumerate() {
        assert_eq!(client.get(&format!("/{number}")).await.status, 502, "{class}");
        let found = newest(&status, "/status/handshakes", number + 1).await;
        assert_failure(class, &found, class, remedy);
        assert_eq!(found["layer"], "upstream", "{class}");
        assert_eq!(found["peer"], at(number).to_string(), "{class}");
        assert_eq!(marked(&found), certificate, "{class}: {found:#}");
        let line = format!("gateway_handshakes_failed_total{{layer=\"upstream\",class=\"{class}\"}} 1\n");
        assert!(status.get("/metrics").await.text().contains(&line), "{line}");
    }
    // The servers are told the kind, in their own logs: expired or not yet valid, unknown authority, purpose, weak key or
    // wrong name or extension, and depth.
    for (alert, count) in [(45, 2), (48, 2), (43, 1), (42, 3), (46, 1)] {
        let text = format!("SSL alert number {alert})");
        let seen = || nginx.read("error.log").matches(&text).count();
        eventually(&text, async || (seen() >= count).then_some(())).await;
        assert_eq!(seen(), count, "{text}: {}", nginx.read("error.log"));
    }
}
