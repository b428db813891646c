//! Sessions: resumed by tickets where nobody is asked for a certificate, and nowhere else, under no other name, and not
//! after a reload (CVE-2025-23419 and its relatives).

use std::path::Path;

use harness::client::Client;
use harness::outside::{gnutls_cli, s_client};
use harness::stack::{Plan, Stack};

fn no_edges(document: &str) -> Plan {
    Stack::with(document)
        .gateway("trusted_edges", "")
        .gateway("trusted_edge_ca", "")
        .gateway("trusted_edge_revocation_lists", "")
}

/// Begins a session under one name and offers it under another; whether it is resumed.
fn resumes(door: &Client, file: &Path, version: &str, names: [&str; 2], between: impl FnOnce()) -> bool {
    let file = file.display().to_string();
    let _ = std::fs::remove_file(&file);
    let first = s_client(
        door.address(),
        &["-servername", names[0], version, "-sess_out", &file],
        "/public",
    );
    assert!(
        first.stdout.contains("HTTP/1.1 200 ") && first.stdout.contains("New, "),
        "{first:?}"
    );
    between();
    if !std::fs::exists(&file).unwrap() {
        return false; // no ticket came
    }
    let second = s_client(
        door.address(),
        &["-servername", names[1], version, "-sess_in", &file],
        "/public",
    );
    assert!(second.stdout.contains("HTTP/1.1 200 "), "{second:?}");
    second.stdout.contains("Reused, ")
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_resumed_only_where_nobody_is_asked_and_under_their_own_name() {
    let stack = no_edges("sni.yaml").start().await;
    let file = stack.pki.path("session.pem");
    let (gateway, off, public) = (stack.gateway(), stack.edge("off"), stack.edge("public"));
    for (door, names, resumed) in [
        (&off, ["edge.test", "edge.test"], true),
        (&off, ["edge.test", "EDGE.test"], true),
        (&off, ["edge.test", "other.test"], false),
        (&public, ["edge.test", "edge.test"], false),
        // Begun where nobody is asked, offered to a listener that asks.
        (&gateway, ["gateway.test", "gateway.test"], true),
        (&gateway, ["gateway.test", "other.test"], false),
        (&gateway, ["gateway.test", "secure.test"], false),
        (&gateway, ["gateway.test", "SECURE.test."], false),
        (&gateway, ["secure.test", "secure.test"], false),
        (&gateway, ["secure.test", "gateway.test"], false),
    ] {
        for version in ["-tls1_2", "-tls1_3"] {
            let seen = resumes(door, &file, version, names, || {});
            assert_eq!(seen, resumed, "{names:?} {version} {door:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_worth_nothing_elsewhere() {
    let stack = no_edges("sni.yaml").start().await;
    let file = stack.pki.path("session.pem");
    let (gateway, off, public) = (stack.gateway(), stack.edge("off"), stack.edge("public"));
    for version in ["-tls1_2", "-tls1_3"] {
        for (from, to) in [(&off, &public), (&gateway, &off), (&off, &gateway)] {
            assert!(resumes(from, &file, version, ["a.test", "a.test"], || {}));
            let file = file.display().to_string();
            let options = ["-servername", "a.test", version, "-sess_in", &file];
            let said = s_client(to.address(), &options, "/public");
            assert!(
                said.stdout.contains("New, "),
                "{version} {from:?} → {to:?}: {said:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_keys_of_the_tickets() {
    let stack = no_edges("sni.yaml").start().await;
    let file = stack.pki.path("session.pem");
    let reload_gateway = || {
        tokio::runtime::Handle::current().block_on(stack.reload_gateway());
    };
    for version in ["-tls1_2", "-tls1_3"] {
        for names in [["gateway.test"; 2], ["other.test"; 2]] {
            let door = stack.gateway();
            let reload = || tokio::task::block_in_place(reload_gateway);
            assert!(
                !resumes(&door, &file, version, names, reload),
                "{version} {names:?}"
            );
            let door = stack.edge("off");
            assert!(
                !resumes(&door, &file, version, names, || stack.reload_edge()),
                "{version} {names:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gnutls_resumes_where_it_may() {
    let stack = Stack::with("hop.yaml").start().await;
    for (door, resumed) in [
        (stack.edge("off"), true),
        (stack.edge("public"), false),
        (stack.gateway(), false),
    ] {
        for version in ["NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"] {
            let priority = format!("--priority={version}");
            // It would wait for ever where no ticket comes.
            let wait: &[&str] = if resumed { &["--waitresumption"] } else { &[] };
            let options = [&["--insecure", "--resume", &priority], wait].concat();
            let said = gnutls_cli(door.address(), &options, "/public");
            assert!(said.stdout.contains("HTTP/1.1 "), "{version} {door:?}: {said:?}");
            assert_eq!(
                said.stdout.contains("This is a resumed session"),
                resumed,
                "{version} {door:?}: {said:?}"
            );
        }
    }
}
