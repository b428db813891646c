//! What is no principal, whatever it looks like: a guest, somebody else's credential, a plugin's namesake. And what is
//! one, each in the log line.

use harness::document::{AUTHORITIES, by_header, by_socket};
use harness::exhibit::route;
use harness::stack::Stack;
use serde_json::{Value, json};

use crate::acl::{carrying, showing};
use crate::jwt::{SECRET, alices, bearer};

const BASIC: &str = "Basic YWxpY2U6b3BlbjogdGhlIGRvb3Igc2VzYW1l"; // alice:open: the door sesame
const KEY: &str = "key-of-alice-0123456789";

/// The guest has everything that anybody could be asked for; alice stands for guests too.
fn people() -> String {
    format!(
        "_format_version: '3.0'\nservices: [{{name: echo, url: 'http://{{echo}}'}}]\nconsumers:\n\
         - {{username: guest, custom_id: g1, tags: ['org:acme'], acls: [{{group: partners}}]}}\n\
         - username: alice@example.com\n  custom_id: a1\n  tags: ['org:acme']\n  acls: [{{group: partners}}]\n  \
         keyauth_credentials: [{{key: {KEY}}}]\n  \
         basicauth_credentials: [{{username: alice, password: 'open: the door sesame'}}]\n  \
         jwt_secrets: [{{key: alice-key, secret: {SECRET}}}]\n\
         - {{username: bob@example.com, custom_id: b1, tags: ['org:beta'], acls: [{{group: partners}}]}}\nroutes:\n"
    )
}

async fn start(routes: &[(String, String)]) -> Stack {
    let routes: String = routes
        .iter()
        .map(|(name, plugins)| route(name, plugins))
        .collect();
    let plan = Stack::reading([people(), routes, AUTHORITIES.to_owned()].concat()).without_trusted_edges();
    plan.gateway("trusted_ips", "127.0.0.1").start().await
}

/// Each plugin that authenticates, with an anonymous consumer; whose credential is good for it.
fn plugins(anonymous: &str) -> [(&'static str, String); 5] {
    let with = |name: &str| format!("{{name: {name}, config: {{anonymous: {anonymous}}}}}");
    let more = format!(", anonymous: {anonymous}");
    [
        ("mtls-auth", by_socket(&more)),
        ("header-cert-auth", by_header(&more)),
        ("key-auth", with("key-auth")),
        ("basic-auth", with("basic-auth")),
        ("jwt", with("jwt")),
    ]
}

#[tokio::test]
async fn a_guest_is_no_principal_whatever_he_has() {
    let required = |name: &str, more: &str| {
        format!("{{name: principals_100, config: {{require: [{name}]{more}, upstream_headers: true}}}}")
    };
    let mut routes = Vec::new();
    for (name, plugin) in plugins("guest") {
        let allow = format!(", allow: {{{name}: [partners]}}");
        routes.push((
            format!("bare/{name}"),
            format!("{plugin}, {}", required(name, "")),
        ));
        routes.push((
            format!("allow/{name}"),
            format!("{plugin}, {}", required(name, &allow)),
        ));
    }
    let stack = start(&routes).await;
    for (name, _) in plugins("guest") {
        for (credential, is_good) in [("none", false), ("bad", false), ("good", true)] {
            for kind in ["bare", "allow"] {
                let who = match (name, credential) {
                    ("mtls-auth", "good") => "alice",
                    _ => "nobody",
                };
                let client = showing(&stack, stack.gateway(), who);
                let call = client.get(&format!("/{kind}/{name}"));
                let call = call.header("X-Principal-Key-Auth-Username", "mallet");
                let call = match (name, credential) {
                    ("header-cert-auth", "good") => carrying(&stack, call, "alice"),
                    ("header-cert-auth", "bad") => carrying(&stack, call, "mallory"),
                    ("key-auth", "good") => call.header("apikey", KEY),
                    ("key-auth", "bad") => call.header("apikey", "guest"),
                    ("basic-auth", "good") => call.header("Authorization", BASIC),
                    ("basic-auth", "bad") => call.header("Authorization", "Basic Z3Vlc3Q6Zw=="),
                    ("jwt", "good") => call.header("Authorization", &bearer(&alices(json!({})))),
                    ("jwt", "bad") => call.header("Authorization", "Bearer a.b.c"),
                    _ => call,
                };
                let answer = call.await;
                let context = format!("{kind} {name} {credential}: {answer:?}");
                let line = stack.line_of(&answer).await;
                let principals = line["principals"].as_array().unwrap();
                if is_good {
                    assert_eq!(answer.status, 200, "{context}");
                    let header = format!("x-principal-{name}-username");
                    assert_eq!(
                        answer.received(&header).as_deref(),
                        Some("alice@example.com"),
                        "{context}"
                    );
                    assert_eq!(principals.len(), 1, "{context}");
                } else {
                    assert_eq!(answer.status, 403, "{context}");
                    assert_eq!(line["decision"]["reason"], "principal_missing", "{context}");
                    assert_eq!(line["consumer"]["username"], "guest", "{context}");
                    assert!(principals.is_empty(), "{context}");
                }
            }
        }
    }
}

/// Who stands for guests may be somebody who could have been authenticated: that is not the same.
#[tokio::test]
async fn standing_for_guests_is_no_credential() {
    let rule = |same: &str| {
        format!("{{name: principals, config: {{require: [mtls-auth, key-auth], same: '{same}'}}}}")
    };
    let anonymous = by_socket(", anonymous: alice@example.com");
    let bonds = ["consumer", "custom_id", "tag:org:"];
    let routes: Vec<(String, String)> = bonds
        .iter()
        .enumerate()
        .map(|(number, same)| {
            let plugins = format!("{anonymous}, {{name: key-auth}}, {}", rule(same));
            (format!("r{number}"), plugins)
        })
        .collect();
    let stack = start(&routes).await;
    for (number, same) in bonds.iter().enumerate() {
        for (who, reason) in [
            ("alice", ""),
            ("bob", "principals_differ"),
            ("nobody", "principal_missing"),
        ] {
            let call = showing(&stack, stack.gateway(), who).get(&format!("/r{number}"));
            let answer = call.header("apikey", KEY).await;
            assert_eq!(stack.reason_of(&answer).await, reason, "{who} {same}: {answer:?}");
        }
    }
}

/// Three that authenticate, a clone of one of them, and each of them in the line, refused or not.
#[tokio::test]
async fn a_clone_is_a_principal_of_its_own_and_the_line_has_all_of_them() {
    let all = format!(
        "{}, {}, {{name: key-auth}}, {{name: key-auth_1240, config: {{key_names: [second]}}}}",
        by_socket(""),
        by_header("")
    );
    let rule = |more: &str| {
        format!(
            "{all}, {{name: principals, config: {{require: [key-auth, key-auth_1240], upstream_headers: true{more}}}}}"
        )
    };
    let stack = start(&[
        ("same".to_owned(), rule(", same: consumer")),
        ("denied".to_owned(), rule(", allow: {key-auth_1240: [nobodys]}")),
        ("none".to_owned(), all.clone()),
    ])
    .await;
    let call = |path: &str| {
        let call = showing(&stack, stack.gateway(), "bob").get(path);
        let call = carrying(&stack, call, "bob").header("apikey", KEY);
        call.header("X_Principal_Key_Auth_1240_Username", "mallet")
            .header("x.principal.anything", "mallet")
    };
    for (path, second, reason) in [
        ("/same", true, ""),
        ("/same", false, "token_missing"),
        ("/denied", true, "acl_denied"),
        ("/none", true, ""),
    ] {
        let call = call(path);
        let call = if second { call.header("second", KEY) } else { call };
        let answer = call.await;
        let line = stack.line_of(&answer).await;
        assert_eq!(
            line["decision"]["reason"].as_str().unwrap_or_default(),
            reason,
            "{path}: {line:#}"
        );
        let told: Vec<[&Value; 4]> = line["principals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                [
                    &one["plugin"],
                    &one["consumer"]["username"],
                    &one["evidence"],
                    &one["certificate_serial"],
                ]
            })
            .collect();
        let (bob, alice) = (json!("bob@example.com"), json!("alice@example.com"));
        let expected = [
            ("mtls-auth", &bob, "socket", true),
            ("key-auth", &alice, "token", false),
            ("key-auth_1240", &alice, "token", false),
            ("header-cert-auth", &bob, "header", true),
        ];
        let count = if second { 4 } else { 2 };
        assert_eq!(told.len(), count, "{path}: {line:#}");
        for (told, (plugin, consumer, evidence, has_certificate)) in told.iter().zip(expected) {
            assert_eq!(told[..3], [&json!(plugin), consumer, &json!(evidence)], "{path}");
            assert_eq!(told[3].is_string(), has_certificate, "{path}: {line:#}");
        }
        if reason.is_empty() {
            let names = answer.received_names("x");
            let folded = |name: &&String| name.replace(['_', '.'], "-").starts_with("x-principal-");
            let count = names.iter().filter(folded).count();
            assert_eq!(count > 0, path == "/same", "{names:?}");
            let told = answer.received("x-principal-key-auth-1240-username");
            assert_eq!(told.as_deref(), (path == "/same").then_some("alice@example.com"));
        }
    }
}
