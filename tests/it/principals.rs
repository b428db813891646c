//! `principals`: everybody who was authenticated is judged, each by its own, and whether they belong together.

use harness::document::{AUTHORITIES, by_header, by_socket};
use harness::exhibit::route;
use harness::stack::Stack;

use crate::acl::{carrying, showing};

#[tokio::test]
async fn each_principal_is_judged_by_its_own_and_all_of_them_together() {
    let stack = Stack::with("principals.yaml").start().await;
    let (denied, differ, missing) = ("acl_denied", "principals_differ", "principal_missing");
    #[rustfmt::skip]
    let rows = [
        ("both", "alice", 200, None),
        ("both", "bob", 403, Some(("principals", denied, "whom 'header-cert-auth' authenticated is in none of the groups that may pass"))),
        ("both", "mallory", 401, Some(("header-cert-auth", "certificate_untrusted", ""))),
        ("both", "nobody", 401, Some(("header-cert-auth", "certificate_missing", ""))),
        ("swapped", "alice", 403, Some(("principals", denied, "whom 'mtls-auth' authenticated is in none of the groups that may pass"))),
        // Bob is in the edges' group, and that does not make an edge of him.
        ("swapped", "bob", 403, Some(("principals", denied, "whom 'mtls-auth' authenticated is in none of the groups that may pass"))),
        ("same-org", "alice", 200, None),
        ("same-org", "bob", 403, Some(("principals", differ, "whom 'mtls-auth' and 'header-cert-auth' authenticated have no tag in common that begins with 'org:'"))),
        ("same-consumer", "alice", 403, Some(("principals", differ, "whom 'header-cert-auth' and 'mtls-auth' authenticated are not one consumer"))),
        ("same-id", "alice", 403, Some(("principals", differ, "whom 'header-cert-auth' and 'mtls-auth' authenticated have not one custom_id"))),
        // A guest has the right tag and the right group, and is no principal.
        ("guests", "alice", 200, None),
        ("guests", "nobody", 403, Some(("principals", missing, "'header-cert-auth' has authenticated nobody"))),
        ("guests", "mallory", 403, Some(("principals", missing, "'header-cert-auth' has authenticated nobody"))),
    ];
    for (route, who, status, refused) in rows {
        let client = stack.edge("public");
        let client = if who == "nobody" { client } else { client.cert(who) };
        for client in [client.clone(), client.over_http2()] {
            let answer = client.get(&format!("/{route}")).await;
            assert_eq!(answer.status, status, "{who} at {route}: {answer:?}");
            let line = stack.line_of(&answer).await;
            let decision = &line["decision"];
            let Some((plugin, reason, cause)) = refused else {
                assert_eq!(decision["plugin"], "principals", "{who} at {route}");
                assert_eq!(
                    answer.received("x-consumer-username").as_deref(),
                    Some("alice@example.com"),
                    "Kong's last word stays as it is"
                );
                continue;
            };
            assert_eq!(decision["plugin"], plugin, "{who} at {route}");
            assert_eq!(decision["reason"], reason, "{who} at {route}");
            if status == 403 {
                assert_eq!(decision["cause"], cause, "{who} at {route}");
                assert_eq!(answer.message().unwrap(), "You cannot consume this service");
                assert!(answer.json()["request_id"].is_string(), "acl's form: {answer:?}");
            }
        }
    }
}

/// Nobody is an edge here: who calls has a certificate of his own, and carries one.
#[tokio::test]
#[allow(clippy::too_many_lines)] // a table
async fn two_certificates_of_one_consumer_and_of_two() {
    let text = "_format_version: '3.0'\nservices: [{name: echo, url: 'http://{echo}'}]\nconsumers:\n\
                - {username: alice@example.com, custom_id: a1, tags: ['org:acme']}\n\
                - {username: bob@example.com, tags: ['org:acme', 'org:beta']}\n\
                - {username: carol@example.com, custom_id: c1, tags: ['ORG:acme', 'organic']}\n\
                - {username: guest, custom_id: g1, tags: ['org:acme']}\nroutes:\n"
        .to_owned();
    let required = "{name: principals, config: {require: [mtls-auth, header-cert-auth]";
    let routes: String = [
        ("consumer", ""),
        ("custom_id", ""),
        ("tag:org:", ""),
        ("tag:org", ""),
    ]
    .iter()
    .enumerate()
    .map(|(number, (same, _))| {
        let plugins = [
            by_socket(""),
            by_header(""),
            format!("{required}, same: '{same}'}}}}"),
        ];
        route(&format!("r{number}"), &plugins.join(", "))
    })
    .collect();
    let guest = [
        by_socket(", anonymous: guest"),
        by_header(""),
        format!("{required}, same: 'tag:org:'}}}}"),
    ];
    let nobodys = ", skip_consumer_lookup: true";
    let named = [
        by_socket(nobodys),
        by_header(nobodys),
        format!("{required}, allow: {{mtls-auth: [alice], header-cert-auth: [bob]}}}}}}"),
    ];
    let consumerless = [
        by_socket(nobodys),
        by_header(nobodys),
        format!("{required}, same: consumer}}}}"),
    ];
    let document = [
        text,
        routes,
        route("guest", &guest.join(", ")),
        route("named", &named.join(", ")),
        route("consumerless", &consumerless.join(", ")),
        AUTHORITIES.to_owned(),
    ];
    let plan = Stack::reading(document.concat()).without_trusted_edges();
    let stack = plan.gateway("trusted_ips", "127.0.0.1").start().await;
    for (path, own, carried, reason) in table![
        ("r0", "alice", "alice", "");
        ("r0", "alice", "bob", "principals_differ");
        ("r0", "bob", "alice", "principals_differ");
        ("r0", "nobody", "alice", "certificate_missing");
        ("r1", "alice", "alice", "");
        ("r1", "bob", "bob", "principals_differ");
        ("r1", "alice", "carol", "principals_differ");
        ("r2", "alice", "bob", "");
        ("r2", "bob", "bob", "");
        ("r2", "alice", "carol", "principals_differ");
        ("r2", "carol", "carol", "principals_differ");
        ("r3", "carol", "carol", "");
        ("r3", "alice", "carol", "principals_differ");
        ("guest", "alice", "bob", "");
        ("guest", "nobody", "bob", "principal_missing");
        ("named", "alice", "bob", "");
        ("named", "bob", "alice", "acl_denied");
        ("named", "alice", "alice", "acl_denied");
        ("consumerless", "alice", "alice", "principals_differ");
    ] {
        let client = showing(&stack, stack.gateway(), own);
        let answer = carrying(&stack, client.get(&format!("/{path}")), carried).await;
        assert_eq!(
            stack.reason_of(&answer).await,
            reason,
            "{own} with {carried} at {path}"
        );
        assert_eq!(
            answer.status == 200,
            reason.is_empty(),
            "{own} with {carried} at {path}"
        );
    }
}

/// Spellings that some program behind us would take for one of ours.
const CLAIMED: [&str; 6] = [
    "X-Principal-Mtls-Auth-Username",
    "X_Principal_Mtls_Auth_Username",
    "x.principal.mtls.auth.username",
    "X-Principal_Header-Cert-Auth.Groups",
    "X-PRINCIPAL-OPENID-CONNECT-SUBJECT",
    "x-principal-",
];

#[tokio::test]
async fn the_upstream_is_told_of_each_on_demand_and_by_nobody_else() {
    let stack = Stack::with("principals.yaml").start().await;
    let alice = stack.edge("public").cert("alice");
    for client in [alice.clone(), alice.over_http2()] {
        for (path, told) in [("/told", true), ("/both", false), ("/untold", false)] {
            let call = CLAIMED
                .iter()
                .fold(client.get(path), |call, name| call.header(name, "mallet"));
            let answer = call.await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            let mut names = answer.received_names("x");
            names.retain(|name| name.replace(['_', '.'], "-").starts_with("x-principal"));
            if !told {
                assert!(names.is_empty(), "{path}: {names:?}");
                continue;
            }
            let received: Vec<(String, String)> = names
                .into_iter()
                .map(|name| (name.clone(), answer.received(&name).unwrap()))
                .filter(|(name, _)| !name.ends_with("-consumer-id"))
                .collect();
            let expected = [
                (
                    "x-principal-header-cert-auth-credential-identifier",
                    "alice@example.com",
                ),
                ("x-principal-header-cert-auth-custom-id", "alice-1"),
                ("x-principal-header-cert-auth-evidence", "header"),
                ("x-principal-header-cert-auth-groups", "partners"),
                ("x-principal-header-cert-auth-subject", "CN=alice"),
                ("x-principal-header-cert-auth-username", "alice@example.com"),
                ("x-principal-mtls-auth-credential-identifier", "edge.internal"),
                ("x-principal-mtls-auth-custom-id", "the-edge"),
                ("x-principal-mtls-auth-evidence", "socket"),
                ("x-principal-mtls-auth-groups", "edges"),
                ("x-principal-mtls-auth-subject", "CN=edge.internal"),
                ("x-principal-mtls-auth-username", "edge.internal"),
            ];
            let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(received, expected);
            assert_eq!(
                answer.received("x-principal-header-cert-auth-consumer-id"),
                answer.received("x-consumer-id"),
                "the last one found is the consumer"
            );
            assert_ne!(
                answer.received("x-principal-mtls-auth-consumer-id"),
                answer.received("x-consumer-id")
            );
        }
    }
}

/// A reload takes the bond away: what is still open ends, by the same decision.
#[tokio::test]
async fn a_tunnel_is_judged_by_it_again() {
    let plan = Stack::with("principals.yaml").gateway("stream_close_delay", "0s");
    let stack = plan.start().await;
    let alice = stack.gateway().cert("edge/client");
    let header = stack.clientcert_header("alice");
    let request = format!(
        "GET /same-org HTTP/1.1\r\nHost: gateway.internal\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         X-Amzn-Mtls-Clientcert: {header}\r\n\r\n"
    );
    let open = tokio::spawn(async move { alice.raw(request.as_bytes()).await });
    harness::stack::eventually("the tunnel", async || (stack.upstream.count() > 0).then_some(())).await;
    stack.change(
        "kong.yaml",
        "tags: [\"org:acme\", \"tier:edge\"]",
        "tags: [\"org:other\"]",
    );
    stack.reload_gateway().await;
    let text = open.await.unwrap().unwrap();
    assert!(text.starts_with("HTTP/1.1 101"), "{text}");
    let again = stack.edge("public").cert("alice").get("/same-org").await;
    assert_eq!(stack.reason_of(&again).await, "principals_differ");
}
