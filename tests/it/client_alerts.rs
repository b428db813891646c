//! Whom the edge refuses, what its doctor says of it, and what the client is told: the alert names the kind of refusal, so
//! that whoever runs the client need not guess. The other end is `openssl s_client`, at both versions.

use certs::{Authority, Ca, Issued, Leaf, Revocations, Usage, Validity};
use harness::outside::s_client;
use harness::servers::Files;
use harness::stack::{Plan, Stack};

use crate::handshake_failures::{assert_failure, marked, newest};
use crate::upstream_trust::{Shown, weak};

/// Whom the edge believes, with the lists of two of them, and somebody else.
struct World {
    root: Authority,
    listed: Authority,
    stale: Authority,
    other: Authority,
    revoked: Issued,
}

impl World {
    fn new() -> Self {
        let [root, listed, stale, other] =
            ["Root", "Listed", "Stale", "Other"].map(|name| Authority::root(name).unwrap());
        let revoked = listed.issue(client()).unwrap();
        Self {
            root,
            listed,
            stale,
            other,
            revoked,
        }
    }

    fn plan(&self) -> Plan {
        const LISTENER: &str = "LISTENERS__VERIFY__MUTUAL_AUTHENTICATION__";
        let trust = [&self.root, &self.listed, &self.stale].map(Authority::pem);
        let list = self.listed.revocation_list(Revocations::of([&self.revoked]));
        let stale = self.stale.revocation_list(Revocations::none().stale());
        Stack::with("hop.yaml")
            .file("own/trust.pem", trust.concat())
            .file("own/list.pem", list.unwrap().pem())
            .file("own/stale.pem", stale.unwrap().pem())
            .edge(&format!("{LISTENER}TRUST_STORE"), "pki/own/trust.pem")
            .edge(
                &format!("{LISTENER}REVOCATION_LISTS"),
                "pki/own/list.pem,pki/own/stale.pem",
            )
            .edge(&format!("{LISTENER}MAX_CHAIN_DEPTH"), "2")
    }
}

fn client() -> Leaf {
    Leaf::client("carol")
}

struct Row {
    what: &'static str,
    shown: Option<Shown>,
    alert: &'static str,
    class: &'static str,
    remedy: &'static str,
    marked: Option<&'static str>,
}

#[allow(clippy::too_many_lines)] // a table
fn rows(world: &World) -> Vec<Row> {
    let World {
        root,
        listed: _,
        stale,
        other,
        revoked,
    } = world;
    let by = |authority: &Authority, leaf| Some(Shown::from(authority.issue(leaf).unwrap()));
    let ended = Ca::named("Old Department").validity(Validity::ended_days_ago(2));
    let deep = root
        .intermediate("First")
        .unwrap()
        .intermediate("Second")
        .unwrap();
    let carol = Some("CN=carol");
    let row = |what, shown, alert, (class, remedy), marked| Row {
        what,
        shown,
        alert,
        class,
        remedy,
        marked,
    };
    table! {
        row("expired", by(root, client().validity(Validity::ended_days_ago(2))),
            "SSL alert number 45", ("expired", "renew that certificate"), carol);
        row("an issuer expired", by(&root.intermediate(ended).unwrap(), client()),
            "SSL alert number 45", ("expired", "renew that certificate"), Some("CN=Old Department"));
        row("not yet valid", by(root, client().validity(Validity::starts_in_days(2))),
            "SSL alert number 45", ("not_yet_valid", "compare the clocks of both sides"), carol);
        row("revoked", Some(Shown { chain: revoked.chain_pem(), key: revoked.key_pem() }),
            "SSL alert number 44", ("revoked", "give the client a new certificate"), carol);
        row("another authority", by(other, client()),
            "SSL alert number 48", ("unknown_ca", "add that authority to those that are trusted for this client"), carol);
        row("for servers", by(root, client().usages([Usage::Server])),
            "SSL alert number 43", ("purpose", "issued for a client"), carol);
        row("an authority", by(root, client().claiming_to_be_an_authority()),
            "SSL alert number 43", ("purpose", "by an authority that may issue"), carol);
        row("a weak key", Some(weak(root, client())),
            "SSL alert number 42", ("weak_key", "RSA of 2048 to 8192 bits"), carol);
        row("a critical extension that nobody knows", by(root, client().critical_extension(&[1, 2, 3], vec![5, 0])),
            "SSL alert number 42", ("unsupported", "give the client another certificate"), carol);
        // What could help an attacker has one word for all.
        row("a stale list", by(stale, client()),
            "SSL alert number 46", ("revocation_unknown", "install the current revocation list"), None);
        row("too deep", by(&deep, client()),
            "SSL alert number 46", ("depth", "allow more intermediates for this client"), None);
        row("none", None,
            "SSL alert number 116", ("no_certificate", "a certificate and its key to show"), None);
    }
    .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_is_told_what_kind_of_refusal_it_is() {
    let world = World::new();
    let stack = world.plan().start().await;
    let (address, admin) = (stack.edge("verify").address(), stack.edge_admin());
    let files = Files::new();
    let said = |shown: Option<&Shown>, version: &str| {
        let mut options = vec![
            version.to_owned(),
            "-cipher".to_owned(),
            "DEFAULT@SECLEVEL=0".to_owned(),
        ];
        if let Some(Shown { chain, key }) = shown {
            const END: &str = "-----END CERTIFICATE-----\n";
            let (leaf, issuers) = chain.split_once(END).unwrap();
            let leaf = files.write("leaf.pem", &format!("{leaf}{END}"));
            options.extend([
                "-cert".to_owned(),
                leaf,
                "-key".to_owned(),
                files.write("key.pem", key),
            ]);
            if !issuers.is_empty() {
                options.extend(["-cert_chain".to_owned(), files.write("issuers.pem", issuers)]);
            }
        }
        s_client(address, &options, "/verify")
    };
    let mut failures = 0;
    for row in rows(&world) {
        for version in ["-tls1_2", "-tls1_3"] {
            let what = format!("{} {version}", row.what);
            let said = said(row.shown.as_ref(), version);
            assert!(said.stderr.contains(row.alert), "{what}: {said:#?}");
            assert!(!said.stdout.contains("HTTP/1.1"), "{what}: {said:#?}");
            failures += 1;
            let found = newest(&admin, "/handshakes", failures).await;
            assert_failure(&what, &found, row.class, row.remedy);
            assert_eq!(marked(&found), row.marked, "{what}: {found:#}");
        }
    }
    for authority in [&world.root, &world.listed] {
        let good = Shown::from(authority.issue(client()).unwrap());
        for version in ["-tls1_2", "-tls1_3"] {
            let said = said(Some(&good), version);
            assert!(said.stdout.contains("HTTP/1.1 "), "{said:#?}");
        }
    }
}

/// What we show ourselves has no key that nobody would take: it is refused before anybody sees it.
#[tokio::test(flavor = "multi_thread")]
async fn a_weak_key_of_our_own_is_refused_by_check() {
    let root = Authority::root("Root").unwrap();
    let Shown { chain, key } = weak(&root, Leaf::server("gateway.internal"));
    let with_files = |plan: Plan| plan.file("own/weak.pem", &*chain).file("own/weak.key", &*key);
    let entity = "_format_version: \"3.0\"\ncertificates: [{cert: \"@own/weak.pem\", key: \"@own/weak.key\", snis: [a.test]}]\n";
    for (what, plan) in [
        (
            "ssl_cert",
            Stack::with("hop.yaml")
                .gateway("ssl_cert", "pki/own/weak.pem")
                .gateway("ssl_cert_key", "pki/own/weak.key"),
        ),
        (
            "client_ssl_cert",
            Stack::with("hop.yaml")
                .gateway("client_ssl", "on")
                .gateway("client_ssl_cert", "pki/own/weak.pem")
                .gateway("client_ssl_cert_key", "pki/own/weak.key"),
        ),
        ("certificates", Stack::reading(entity)),
    ] {
        let report = with_files(plan).refusal().map(|report| report.to_string());
        let report = report.unwrap_or_else(|| panic!("{what} is taken"));
        assert!(
            report.contains("error[") && report.contains("key"),
            "{what}: {report}"
        );
    }
}
