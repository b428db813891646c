//! `explain` against the running gateway, for requests with credentials in every place, for plugins that are for one
//! consumer, and for preflights; and that none of the credentials is in what it says.

use harness::document::AUTHORITIES;
use harness::issuer::{Issuer, Signer, now};
use harness::program::{command, run_to_end};
use harness::stack::Stack;
use http::Method;
use serde_json::json;

use crate::bearer_tokens::plan;
use crate::explained_as_answered::{Door, Situation};
use crate::jwt::{SECRET, alices, bearer, token_of};

/// One request that goes straight to the gateway.
async fn check(
    stack: &Stack,
    (method, path): (Method, &str),
    who: &str,
    headers: &[(&str, &str)],
    told: &[&str],
) {
    for door in [Door::Direct, Door::Plain] {
        // By plain http nobody shows a certificate; and what is in a header is the same by both.
        if door == Door::Plain && (who != "nobody" || !headers.is_empty()) {
            continue;
        }
        let situation = Situation {
            stack,
            door,
            who,
            method: method.clone(),
            path,
            headers: headers.to_vec(),
            told,
        };
        situation.check().await;
    }
}

/// A preflight is another thing only where the plugin says so.
fn methods(path: &str) -> Vec<Method> {
    match path {
        "/preflight" | "/anonymous" => vec![Method::GET, Method::OPTIONS],
        _ => vec![Method::GET],
    }
}

#[tokio::test]
async fn tokens_of_the_consumers_own_in_every_place() {
    let stack = Stack::with("jwt.yaml").start().await;
    let good = alices(json!({"exp": now() + 100, "nbf": now() - 100}));
    let expired = alices(json!({"exp": now() - 100}));
    let unsigned = token_of(r#"{"alg":"none"}"#, r#"{"iss":"alice-key"}"#, b"");
    let strangers = token_of(r#"{"alg":"HS256"}"#, r#"{"iss":"nobodys"}"#, SECRET.as_bytes());
    let tokens = [
        good.as_str(),
        &expired,
        &unsigned,
        &strangers,
        "rubbish-of-mallet",
    ];
    for path in [
        "/token",
        "/realm",
        "/claims",
        "/furthest",
        "/kid",
        "/places",
        "/anonymous",
        "/both",
        "/preflight",
    ] {
        for method in methods(path) {
            check(&stack, (method.clone(), path), "nobody", &[], &[]).await;
            for token in tokens {
                let (bearer, cookie) = (bearer(token), format!("x=1; session={token}"));
                let (first, second) = (format!("{path}?jwt={token}"), format!("{path}?x=1&b={token}&a="));
                for (path, headers) in [
                    (path, &[("Authorization", bearer.as_str())][..]),
                    (path, &[("X-Token", token)]),
                    (path, &[("Cookie", &cookie)]),
                    (path, &[("Cookie", &cookie), ("Authorization", &bearer)]),
                    (&first, &[]),
                    (&second, &[("X-Copy", token)]),
                ] {
                    if token != good && headers.len() > 1 || method == Method::OPTIONS && token == expired {
                        continue;
                    }
                    check(&stack, (method.clone(), path), "nobody", headers, &[]).await;
                }
            }
        }
    }
    check(
        &stack,
        (Method::GET, "/both"),
        "alice",
        &[("Authorization", &bearer(&good))],
        &[],
    )
    .await;
    check(
        &stack,
        (Method::GET, "/both"),
        "bob",
        &[("Authorization", &bearer(&good))],
        &[],
    )
    .await;
}

#[tokio::test]
async fn keys_and_passwords_in_every_place() {
    let stack = Stack::with("key_auth.yaml").start().await;
    let key = "key-of-alice-0123456789";
    for path in [
        "/key",
        "/names",
        "/hidden",
        "/header-only",
        "/query-only",
        "/preflight",
        "/anonymous",
        "/anonymous-missing",
        "/either",
    ] {
        for method in methods(path) {
            let (query, twice) = (
                format!("{path}?x=1&apikey={key}"),
                format!("{path}?apikey={key}&apikey=b"),
            );
            for (path, headers) in [
                (path, &[][..]),
                (path, &[("apikey", key)][..]),
                (path, &[("X-Api-Key", key)]),
                (path, &[("api_key", key)]),
                (path, &[("apikey", "key-of-nobody")]),
                (&query, &[]),
                (&twice, &[]),
                (&query, &[("apikey", key)]),
            ] {
                check(&stack, (method.clone(), path), "nobody", headers, &[]).await;
            }
        }
    }
    let stack = Stack::with("basic_auth.yaml").start().await;
    for path in ["/basic", "/realm", "/hidden", "/anonymous", "/both"] {
        for credential in [
            "Basic YWxpY2U6b3Blbjogc2VzYW1l",
            "basic YWxpY2U6b3Blbjogc2VzYW1l",
            "Basic YWxpY2U6d3Jvbmc=",
            "Basic !",
            "Bearer YWxpY2U6b3Blbjogc2VzYW1l",
        ] {
            for name in ["Authorization", "Proxy-Authorization"] {
                for who in ["nobody", "bob"] {
                    check(&stack, (Method::GET, path), who, &[(name, credential)], &[]).await;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_provider_whose_keys_are_known() {
    let issuer = Issuer::start(1);
    let fields = "bearer_token_param_type: [header, query, cookie]; bearer_token_cookie_name: tok; \
                  consumer_claim: [azp]; audience_required: [orders]; upstream_headers_claims: [sub]; \
                  upstream_headers_names: [x-subject]";
    let stack = plan(&issuer, fields, "").start().await;
    let keys = stack.file("keys.json");
    std::fs::write(&keys, json!({"keys": [issuer.signer.jwk()]}).to_string()).unwrap();
    let told = ["--jwks", keys.as_str()];
    // The first request may have to wait for the keys.
    check(
        &stack,
        (Method::GET, "/orders"),
        "nobody",
        &[("Authorization", &bearer(&issuer.token(&json!({}))))],
        &told,
    )
    .await;
    for token in [
        issuer.token(&json!({})),
        issuer.token(&json!({"azp": "nobodys"})),
        issuer.token(&json!({"aud": "billing"})),
        issuer.token(&json!({"exp": now() - 1})),
        issuer.token(&json!({"iss": "https://evil.test"})),
        Signer::new("first").sign(&issuer.claims(&json!({}))),
        "rubbish".to_owned(),
    ] {
        let (bearer, cookie) = (bearer(&token), format!("a=b; tok={token}"));
        let query = format!("/orders?x=1&access_token={token}");
        for (path, headers) in [
            ("/orders", &[("Authorization", bearer.as_str())][..]),
            ("/orders", &[("Access-Token", &bearer)]),
            ("/orders", &[("Cookie", &cookie)]),
            ("/orders", &[("Cookie", &cookie), ("Authorization", &bearer)]),
            ("/orders", &[("X-Subject", "mallet"), ("Authorization", &bearer)]),
            (&query, &[]),
        ] {
            check(&stack, (Method::GET, path), "nobody", headers, &told).await;
        }
    }
}

/// Which configuration it is depends on who calls; and each answer says which it was.
#[tokio::test]
async fn plugins_that_are_for_some_consumers() {
    let plan = Stack::with("plugin_scopes.yaml").without_trusted_edges();
    let stack = plan.start().await;
    for path in [
        "/plain",
        "/disabled",
        "/by-service",
        "/by-route",
        "/by-both",
        "/by-everything",
    ] {
        for who in ["alice", "bob", "nobody", "mallory", "expired"] {
            check(&stack, (Method::GET, path), who, &[("Accept", "*/*")], &[]).await;
        }
    }
}

/// What would be told of a credential is told of wherever it turns up: in an echo, a redirect, another header, an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_not_told_wherever_it_turns_up() {
    let document = "_format_version: '3.0'\nservices: [{name: echo, url: 'http://{echo}'}]\nroutes:\n\
        - {name: mirror, service: echo, paths: [/mirror], plugins: [{name: key-auth}, {name: request-termination, config: {echo: true}}]}\n\
        - {name: moved, service: echo, paths: [/moved], protocols: [https], https_redirect_status_code: 301, plugins: [{name: key-auth}]}\n\
        - {name: key, service: echo, paths: [/key], plugins: [{name: key-auth}]}\n\
        consumers: [{username: alice, keyauth_credentials: [{key: 'se\"cret ü-of-alice'}, {key: hush}]}]\n";
    let document = format!("{document}{AUTHORITIES}");
    let stack = Stack::reading(document).start().await;
    let config = stack.file("gateway.toml");
    for (arguments, told) in [
        (
            &["-H", "apikey: hush", "https://api.test/mirror"][..],
            "\"apikey\":\"…\"",
        ),
        (
            &["https://api.test/mirror?apikey=hush"],
            "\"query\":{\"apikey\":\"…\"}",
        ),
        (
            &["https://api.test/mirror?apikey=se%22cret%20%C3%BC-of-alice"],
            "\"query\":{\"apikey\":\"…\"}",
        ),
        (
            &["http://api.test/moved?a=b&apikey=hush"],
            "location: https://api.test/moved?a=b&apikey=…",
        ),
        (&["https://api.test/key?a=b&ApiKey=hush"], "/key?a=b&ApiKey=…"),
        (
            &["-H", "apikey hush", "https://api.test/key"],
            "the header number 1 is none",
        ),
        (
            &["-H", "api key: hush", "https://api.test/key"],
            "the header number 1 is none",
        ),
        (&["/key?apikey=hush"], "`/key?…` is no absolute http or https URL"),
        (
            &["https://api.test/ ?apikey=hush"],
            "`https://api.test/ ?…` is no URL",
        ),
        (
            &["https://api.test/?apikey=hush", "GET"],
            "`https://api.test/?…` is no method",
        ),
        (
            &["https://alice:hush@api.test/key"],
            "`https://api.test/key` came with a user name",
        ),
        (
            &["https://api.test:70000/key?apikey=hush"],
            "has a port that is none",
        ),
    ] {
        for form in [&[][..], &["--json"]] {
            let arguments = [&["explain", "--config", &config], form, arguments].concat();
            let command = command("api-gateway", &arguments).unwrap();
            let said = tokio::task::block_in_place(|| run_to_end(command).unwrap());
            let text = format!("{}{}", said.stdout, said.stderr);
            assert!(
                !text.contains("hush") && !text.contains("cret"),
                "{arguments:?}: {text}"
            );
            let is_body = told.starts_with('"');
            if form.is_empty() || is_body && text.contains(&told.replace('"', "\\\"")) {
                assert!(
                    text.contains(told) || text.contains(&told.replace('"', "\\\"")),
                    "{arguments:?}: {text}"
                );
            }
        }
    }
}

#[tokio::test]
async fn who_lets_a_request_pass_unexamined_is_told() {
    let stack = Stack::with("key_auth.yaml").start().await;
    let told = stack.explain(&["OPTIONS", "https://api.test/preflight"]);
    let saw = "the method is OPTIONS and it has `run_on_preflight: false`: it looks at nothing";
    assert_eq!(told["plugins"][0]["saw"], json!([saw]), "{told:#}");
    let alice = stack.pki.path("clients/alice.pem").display().to_string();
    let told = stack.explain(&["--cert", &alice, "OPTIONS", "https://api.test/either"]);
    let saw = told["plugins"][1]["saw"][0].as_str().unwrap();
    assert!(saw.starts_with("somebody is authenticated already"), "{told:#}");

    // Who is given as an edge and is none.
    let mallory = stack.pki.path("clients/mallory.pem").display().to_string();
    let server = stack.pki.path("gateway/client.pem").display().to_string();
    for (edge, why) in [
        (&mallory, "makes no edge of the peer: "),
        (&server, "no entry of trusted_edges names"),
    ] {
        let told = stack.explain(&["--edge", edge, "--cert", &alice, "https://api.test/key"]);
        let notes = told["connection"]["notes"].to_string();
        assert!(notes.contains(why), "{notes}");
        assert_eq!(told["connection"]["carrier"], "nobody");
    }
    let edge = stack.pki.path("edge/client.pem").display().to_string();
    let told = stack.explain(&["--edge", &edge, "--cert", &alice, "https://api.test/key"]);
    assert!(
        !told["connection"]["notes"].to_string().contains("no edge"),
        "{told:#}"
    );
}
