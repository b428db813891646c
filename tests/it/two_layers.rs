//! A client certificate *and* an access token: every combination of the two and of the groups of their owners, straight to
//! the gateway and from the edge. What Kong's one `acl` lets through, what a second `acl` closes, what only `principals`
//! does; and `explain`, which says of each the same as the gateway did.

use std::fmt::Write as _;

use certs::pki::pem_block;
use harness::client::Call;
use harness::document::{AUTHORITIES, by_header, by_socket};
use harness::issuer::{Issuer, now};
use harness::stack::{Plan, Stack};
use serde_json::{Value, json};

use crate::acl::showing;

/// Whose certificate, and of what: whether partners, and of which organisation.
const CERTIFICATES: [(&str, bool, &str); 5] = [
    ("acme", true, "org:acme"),
    ("acme-intern", false, "org:acme"),
    ("beta", true, "org:beta"),
    ("mallory", false, ""),
    ("nobody", false, ""),
];

/// Whose token, whether they may read orders, and of which organisation.
const TOKENS: [(&str, bool, &str); 5] = [
    ("acme-shop", true, "org:acme"),
    ("acme-toy", false, "org:acme"),
    ("beta-shop", true, "org:beta"),
    ("expired", false, ""),
    ("nobody", false, ""),
];

/// What judges, and in what order the two come. `{first}` and `{second}` are the names of the two plugins in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// `mtls-auth` (1600), then `openid-connect` (1050).
    Socket,
    /// `openid-connect` (1050), then `header-cert-auth` (1009), from the edge.
    Edge,
}

impl Door {
    fn route(self, policy: &str) -> String {
        let way = if self == Self::Socket { "socket" } else { "edge" };
        format!("{way}-{policy}")
    }

    fn certificate_plugin(self) -> &'static str {
        match self {
            Self::Socket => "mtls-auth",
            Self::Edge => "header-cert-auth",
        }
    }
}

fn document(issuer: &Issuer) -> String {
    let url = issuer.url();
    let token = format!(
        "{{name: openid-connect, config: {{issuer: '{url}', auth_methods: [bearer], audience_required: [orders], \
         consumer_claim: [azp], consumer_by: [username]}}}}"
    );
    let mut text =
        "_format_version: '3.0'\nservices:\n  - name: echo\n    url: http://{echo}\n    routes:\n".to_owned();
    for door in [Door::Socket, Door::Edge] {
        let certificate = match door {
            Door::Socket => by_socket(""),
            Door::Edge => by_header(""),
        };
        let plugin = door.certificate_plugin();
        // Between the two; and after both.
        let (early, first, last) = match door {
            Door::Socket => ("acl_1595", "partners", "orders-read"),
            Door::Edge => ("acl_1020", "orders-read", "partners"),
        };
        let one = format!("{{name: acl, config: {{allow: [{last}]}}}}");
        let policies = [
            ("one", one.clone()),
            (
                "two",
                format!("{{name: {early}, config: {{allow: [{first}]}}}}, {one}"),
            ),
            (
                "together",
                format!(
                    "{{name: principals, config: {{require: [{plugin}, openid-connect], same: 'tag:org:', \
                     allow: {{{plugin}: [partners], openid-connect: [orders-read]}}}}}}"
                ),
            ),
        ];
        let told = format!(
            "{{name: principals, config: {{require: [{plugin}, openid-connect], upstream_headers: true}}}}"
        );
        for (policy, judges) in policies.into_iter().chain([("told", told)]) {
            let name = door.route(policy);
            writeln!(
                text,
                "      - {{name: {name}, paths: [/{name}], plugins: [{certificate}, {token}, {judges}]}}"
            )
            .unwrap();
        }
    }
    text += "consumers:\n";
    for (name, member, org) in CERTIFICATES.into_iter().filter(|row| !row.2.is_empty()) {
        let groups = if member { "{group: partners}" } else { "" };
        writeln!(
            text,
            "  - {{username: {name}@example.com, tags: ['{org}'], acls: [{groups}]}}"
        )
        .unwrap();
    }
    for (name, member, org) in TOKENS.into_iter().filter(|row| !row.2.is_empty()) {
        let groups = if member { "{group: orders-read}" } else { "" };
        writeln!(
            text,
            "  - {{username: {name}, tags: ['{org}'], acls: [{groups}]}}"
        )
        .unwrap();
    }
    text + AUTHORITIES
}

fn plan(issuer: &Issuer) -> Plan {
    Stack::reading(document(issuer)).believing_providers(issuer.authority_pem())
}

/// Status, plugin and reason; 200 has the last two from whoever agreed last.
fn expected(
    door: Door,
    policy: &str,
    certificate: (&str, bool, &str),
    token: (&str, bool, &str),
) -> (u16, &'static str, &'static str) {
    let by_certificate = match certificate.0 {
        "mallory" => Some((401, door.certificate_plugin(), "certificate_untrusted")),
        "nobody" => Some((401, door.certificate_plugin(), "certificate_missing")),
        _ => None,
    };
    let by_token = match token.0 {
        "expired" => Some((401, "openid-connect", "token_expired")),
        "nobody" => Some((401, "openid-connect", "token_missing")),
        _ => None,
    };
    let denied = |plugin| Some((403, plugin, "acl_denied"));
    let by_policy = |who: &str, member: bool| match (policy, who, member) {
        ("one" | "two", "last", false) => denied("acl"),
        ("two", "first", false) => denied(if door == Door::Socket {
            "acl_1595"
        } else {
            "acl_1020"
        }),
        _ => None,
    };
    let steps = match door {
        Door::Socket => [
            by_certificate,
            by_policy("first", certificate.1),
            by_token,
            by_policy("last", token.1),
        ],
        Door::Edge => [
            by_token,
            by_policy("first", token.1),
            by_certificate,
            by_policy("last", certificate.1),
        ],
    };
    let refused = steps.into_iter().flatten().next();
    let together = || match policy {
        "together" if certificate.2 != token.2 => Some((403, "principals", "principals_differ")),
        "together" if !certificate.1 || !token.1 => denied("principals"),
        _ => None,
    };
    let agreed = if policy == "together" { "principals" } else { "acl" };
    refused.or_else(together).unwrap_or((200, agreed, ""))
}

fn call(stack: &Stack, door: Door, path: &str, certificate: &str, token: Option<&str>) -> Call {
    let call = match (door, certificate) {
        (Door::Socket, "mallory") => stack.gateway().cert("mallory").get(path),
        (Door::Socket, who) => showing(stack, stack.gateway(), who).get(path),
        (Door::Edge, "mallory") => stack.edge("public").cert("mallory").get(path),
        (Door::Edge, who) => showing(stack, stack.edge("public"), who).get(path),
    };
    match token {
        Some(token) => call.header("Authorization", &format!("Bearer {token}")),
        None => call,
    }
}

fn token_of(issuer: &Issuer, who: &str) -> Option<String> {
    match who {
        "nobody" => None,
        "expired" => Some(issuer.token(&json!({"aud": "orders", "azp": "acme-shop", "exp": now() - 60}))),
        who => Some(issuer.token(&json!({"aud": "orders", "azp": who}))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_combination_of_certificate_token_and_groups() {
    let issuer = Issuer::start(1);
    let stack = plan(&issuer).start().await;
    let keys = stack.file("keys.json");
    std::fs::write(&keys, json!({"keys": [issuer.signer.jwk()]}).to_string()).unwrap();
    let (edge, _) = stack.pki.pair("edge/client");
    let edge = edge.display().to_string();
    for certificate in CERTIFICATES {
        let shown = shown(&stack, certificate.0);
        for token in TOKENS {
            let bearer = token_of(&issuer, token.0);
            for (door, policy) in [Door::Socket, Door::Edge]
                .into_iter()
                .flat_map(|door| ["one", "two", "together"].map(|policy| (door, policy)))
            {
                let path = format!("/{}", door.route(policy));
                let context = format!("{} with {} at {path}", certificate.0, token.0);
                let (status, plugin, reason) = expected(door, policy, certificate, token);
                let answer = call(&stack, door, &path, certificate.0, bearer.as_deref()).await;
                assert_eq!(answer.status, status, "{context}: {answer:?}");
                let line = stack.line_of(&answer).await;
                let decision = &line["decision"];
                assert_eq!(decision["plugin"], plugin, "{context}");
                assert_eq!(
                    decision["reason"].as_str().unwrap_or_default(),
                    reason,
                    "{context}"
                );
                let principals = line["principals"].as_array().unwrap();
                if status == 200 {
                    assert_eq!(principals.len(), 2, "both stay on record: {context}");
                }

                let url = format!("https://gateway.internal{path}");
                let mut arguments = vec!["--jwks", &keys];
                if let Some(file) = &shown {
                    arguments.extend(["--cert", file]);
                }
                if door == Door::Edge {
                    arguments.extend(["--edge", &edge]);
                }
                if let Some(token) = &bearer {
                    arguments.extend(["--token", token]);
                }
                arguments.push(&url);
                let told = stack.explain(&arguments);
                assert_eq!(told["unknown"], Value::Null, "{context}: {told:#}");
                assert_eq!(told["plugin"], plugin, "{context}: {told:#}");
                assert_eq!(told["reason"].as_str().unwrap_or_default(), reason, "{context}");
                assert_eq!(
                    told["cause"],
                    decision.get("cause").cloned().unwrap_or_default(),
                    "{context}"
                );
                if let Some(token) = &bearer {
                    assert!(!told.to_string().contains(token.as_str()), "{context}");
                }
            }
        }
    }
}

/// Somebody's certificate as a file.
fn shown(stack: &Stack, who: &str) -> Option<String> {
    let file = stack.file(&format!("{who}.pem"));
    match who {
        "nobody" => None,
        "mallory" => Some(stack.pki.path("clients/mallory.pem").display().to_string()),
        who => {
            let leaf = certs::Leaf::client(who).email(&format!("{who}@example.com"));
            let issued = stack.pki.authority("clients-intermediate").issue(leaf).unwrap();
            let chain = issued.chain();
            let pem: String = chain.iter().map(|der| pem_block("CERTIFICATE", der)).collect();
            std::fs::write(&file, pem).unwrap();
            Some(file)
        }
    }
}

/// What the table shows under `one` is found before anybody is let through; a second `acl` closes it, and so does
/// `principals`.
#[tokio::test(flavor = "multi_thread")]
async fn the_hole_is_found_and_the_others_are_none() {
    let issuer = Issuer::start(2);
    let text = document(&issuer);
    let line = |route: &str| {
        1 + text
            .lines()
            .position(|line| line.contains(&format!("name: {route},")))
            .unwrap()
    };
    let warnings = plan(&issuer).warnings();
    let mut found: Vec<usize> = warnings
        .iter()
        .filter(|line| line.contains("[principal-not-judged]"))
        .filter_map(|line| line.split_once("kong.yaml:")?.1.split(':').next()?.parse().ok())
        .collect();
    found.sort_unstable();
    assert_eq!(found, [line("socket-one"), line("edge-one")], "{warnings:#?}");
}

/// Without keys nothing can be said of a token, and that is what is said.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_network_knows_is_told() {
    let issuer = Issuer::start(3);
    let stack = plan(&issuer).start().await;
    let token = token_of(&issuer, "acme-shop").unwrap();
    let (acme, url) = (
        shown(&stack, "acme").unwrap(),
        "https://gateway.internal/socket-together",
    );
    let told = stack.explain(&["--cert", &acme, "--token", &token, url]);
    assert_eq!(
        told["unknown"],
        format!("the keys of {}", issuer.url()),
        "{told:#}"
    );
    assert_eq!(told["verdict"], "deny");
    let words = stack.explain_in_words(&["--cert", &acme, "--token", &token, url]);
    assert!(
        words.contains("the gateway would ask the network first"),
        "{words}"
    );
    let keys = stack.file("keys.json");
    std::fs::write(&keys, json!({"keys": [issuer.signer.jwk()]}).to_string()).unwrap();
    let told = stack.explain(&["--jwks", &keys, "--cert", &acme, "--token", &token, url]);
    assert_eq!(
        (&told["verdict"], &told["unknown"]),
        (&json!("allow"), &Value::Null),
        "{told:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_is_told_of_both() {
    let issuer = Issuer::start(4);
    let stack = plan(&issuer).start().await;
    let token = token_of(&issuer, "acme-shop").unwrap();
    for (door, evidence, last) in [
        (Door::Socket, "socket", "acme-shop"),
        (Door::Edge, "header", "acme@example.com"),
    ] {
        let path = format!("/{}", door.route("told"));
        let call = call(&stack, door, &path, "acme", Some(&token));
        let answer = call.header("X-Principal-Openid-Connect-Subject", "mallet").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let received = |name: &str| answer.received(name);
        let of_certificate =
            |what: &str| received(&format!("x-principal-{}-{what}", door.certificate_plugin()));
        assert_eq!(of_certificate("username").as_deref(), Some("acme@example.com"));
        assert_eq!(of_certificate("groups").as_deref(), Some("partners"));
        assert_eq!(of_certificate("evidence").as_deref(), Some(evidence));
        let of_token = |what: &str| received(&format!("x-principal-openid-connect-{what}"));
        assert_eq!(of_token("username").as_deref(), Some("acme-shop"));
        assert_eq!(of_token("groups").as_deref(), Some("orders-read"));
        assert_eq!(of_token("subject").as_deref(), Some("alice"), "the token's `sub`");
        assert_eq!(of_token("evidence").as_deref(), Some("token"));
        assert_eq!(
            received("x-consumer-username").as_deref(),
            Some(last),
            "Kong's last word"
        );
    }
}
