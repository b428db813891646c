//! WebSockets end with the credential that opened them, whatever it was: when its provider says so, when its time is over,
//! when a reload takes it away or gives it to somebody else. An anonymous consumer does not inherit them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::client::Client;
use harness::document::AUTHORITIES;
use harness::issuer::now;
use harness::provider::Provider;
use harness::stack::{Stack, eventually};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::bearer_tokens::with_token;
use crate::jwt::{bearer, token_of};
use crate::streams::{open_websocket, open_websocket_with, read_to_the_end, read_until};
use crate::token_streams::Open;

async fn tunnel(client: &Client, path: &str, header: &str) -> Open {
    let (stream, head) = open_websocket_with(client, path, header).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{path} {header}: {head}");
    stream
}

/// What is sent comes back.
async fn is_open(tunnel: &mut Open, message: &str) {
    tunnel.write_all(message.as_bytes()).await.unwrap();
    read_until(&mut **tunnel, message).await;
}

/// Whom the upstream was told of when it last opened a tunnel.
fn told(stack: &Stack) -> Value {
    stack.upstream.requests().last().unwrap()["headers"]["x-consumer-username"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_ends_with_its_introspected_token() {
    let provider = Provider::start(false);
    for further in ["", ", anonymous: guest"] {
        let fields = format!(
            "auth_methods: [introspection], client_secret: ['{}'], cache_ttl: 2, consumer_claim: [sub]{further}",
            provider.secret
        );
        let stack = provider
            .plan(&fields)
            .replace(
                "{username: alice@example.com}",
                "{username: alice@example.com}, {username: bob@example.com}, {username: guest}",
            )
            .gateway("stream_close_delay", "0s")
            .start()
            .await;
        provider.grant("alice@example.com", "lasting", now() + 3600);
        provider.grant("bob@example.com", "to-be-revoked", now() + 3600);
        provider.grant("alice@example.com", "ending", now() + 6);
        let client = stack.gateway_http();
        let mut tunnels = Vec::new();
        for (token, owner) in [
            ("lasting", "alice@example.com"),
            ("to-be-revoked", "bob@example.com"),
            ("ending", "alice@example.com"),
        ] {
            tunnels.push(tunnel(&client, "/orders", &format!("Authorization: Bearer {token}")).await);
            assert_eq!(told(&stack), owner, "{further}");
        }
        let [mut lasting, mut revoked, mut ending] = <[Open; 3]>::try_from(tunnels).ok().unwrap();
        is_open(&mut revoked, "while it is good").await;
        let asked = provider.introspections();
        provider.revoke_all_of("bob@example.com");
        let rest = read_to_the_end(&mut *revoked).await;
        assert_eq!(rest, "", "{further}");
        read_to_the_end(&mut *ending).await;
        is_open(&mut lasting, "the others go on").await;
        // It was asked about the lasting one as well, and more than once.
        eventually("a further question about the lasting token", async || {
            let asked_since = &provider.introspected()[asked..];
            let about = |heard: &&Value| heard["body"].as_str().unwrap().starts_with("token=lasting&");
            (asked_since.iter().filter(about).count() > 1).then_some(())
        })
        .await;
        is_open(&mut lasting, "still").await;
        for (token, status) in [("to-be-revoked", 401), ("ending", 401), ("lasting", 200)] {
            let status = if further.is_empty() { status } else { 200 };
            assert_eq!(with_token(&stack, token).await.status, status, "{token}{further}");
        }
    }
}

const SECRETS: [&str; 2] = [
    "secret-of-alice-of-32-octets-or-more",
    "secret-of-bobby-of-32-octets-or-more",
];

/// Every way, with a guest for whoever brings nothing good and without.
fn document() -> String {
    let route = |name: &str, plugin: &str, config: &str| {
        let routes = [
            ("", config.to_owned()),
            ("-or-guest", format!("{config}anonymous: guest")),
        ];
        routes.map(|(end, config)| {
            format!(
                "  - {{name: {name}{end}, paths: [/{name}{end}/], plugins: [{{name: {plugin}, config: {{{config}}}}}]}}\n"
            )
        })
    };
    let routes = [
        route("key", "key-auth", ""),
        route("basic", "basic-auth", ""),
        route("jwt", "jwt", ""),
    ];
    format!(
        "_format_version: '3.0'
services:
- name: echo
  url: http://{{echo}}
  routes:
{}
consumers:
- username: guest
- username: alice
  keyauth_credentials: [{{key: key-of-alice-0123456789}}]
  basicauth_credentials: [{{username: alice, password: password-of-alice}}]
  jwt_secrets: [{{key: alices, secret: {}}}]
- username: bob
  keyauth_credentials: [{{key: key-of-bobby-0123456789}}]
  basicauth_credentials: [{{username: bobby, password: password-of-bobby}}]
  jwt_secrets: [{{key: bobbys, secret: {}}}]
{AUTHORITIES}",
        routes.concat().concat(),
        SECRETS[0],
        SECRETS[1],
    )
}

/// Somebody's three credentials, as header lines, each with the route that reads it.
fn credentials(name: &str, secret: &str) -> [(&'static str, String); 3] {
    let pair = STANDARD.encode(format!("{name}:password-of-{name}"));
    let payload = format!(r#"{{"iss":"{name}s"}}"#);
    let token = token_of(r#"{"alg":"HS256"}"#, &payload, secret.as_bytes());
    [
        ("key", format!("apikey: key-of-{name}-0123456789")),
        ("basic", format!("Authorization: Basic {pair}")),
        ("jwt", format!("Authorization: {}", bearer(&token))),
    ]
}

#[tokio::test]
async fn a_tunnel_ends_when_a_reload_takes_its_credential_away() {
    let others = "key-of-other-0123456789";
    for (what, changes) in [
        // The consumer stays, and the credential's place.
        (
            "another secret",
            vec![
                ("key-of-bobby-0123456789", others),
                ("password-of-bobby", "password-of-other"),
                (SECRETS[1], "secret-of-other-of-32-octets-or-more"),
            ],
        ),
        // Whoever has the key is somebody else from now on.
        (
            "another consumer",
            vec![("- username: bob\n", "- username: carol\n")],
        ),
        (
            "no credential",
            vec![
                ("  keyauth_credentials: [{key: key-of-bobby-0123456789}]\n", ""),
                (
                    "  basicauth_credentials: [{username: bobby, password: password-of-bobby}]\n",
                    "",
                ),
                ("key: bobbys,", "key: nobodys,"),
            ],
        ),
    ] {
        let plan = Stack::reading(document()).gateway("stream_close_delay", "0s");
        let stack = plan.without_edge().start().await;
        let client = stack.gateway_http();
        let (mut staying, mut ending) = (Vec::new(), Vec::new());
        let owners = [
            ("alice", credentials("alice", SECRETS[0]), &mut staying),
            ("bob", credentials("bobby", SECRETS[1]), &mut ending),
        ];
        for (owner, credentials, tunnels) in owners {
            for (route, header) in credentials {
                for path in [format!("/{route}/"), format!("/{route}-or-guest/")] {
                    tunnels.push((path.clone(), tunnel(&client, &path, &header).await));
                    assert_eq!(told(&stack), owner, "{path}");
                }
            }
        }
        // Somebody who brought nothing is a guest before and after.
        let mut guests = tunnel(&client, "/key-or-guest/", "Accept: */*").await;
        assert_eq!(told(&stack), "guest");
        stack.reload_gateway().await;
        for (path, tunnel) in staying.iter_mut().chain(&mut ending) {
            is_open(tunnel, &format!("{path} is as it was")).await;
        }
        for (from, to) in &changes {
            stack.change("kong.yaml", from, to);
        }
        stack.reload_gateway().await;
        for (path, mut tunnel) in ending {
            let rest = read_to_the_end(&mut *tunnel).await;
            assert_eq!(rest, "", "{what}: {path}");
        }
        for (path, mut tunnel) in staying {
            is_open(&mut tunnel, &format!("{path} goes on")).await;
        }
        is_open(&mut guests, "as a guest").await;
    }
}

/// What has an end of its own: a key with `ttl`, a token whose `exp` is verified.
#[tokio::test]
async fn a_tunnel_ends_when_the_time_of_its_credential_is_over() {
    let document = format!(
        "_format_version: '3.0'
services:
- name: echo
  url: http://{{echo}}
  routes:
  - {{name: key, paths: [/key/], plugins: [{{name: key-auth}}]}}
  - {{name: key-or-guest, paths: [/key-or-guest/], plugins: [{{name: key-auth, config: {{anonymous: guest}}}}]}}
  - {{name: jwt, paths: [/jwt/], plugins: [{{name: jwt, config: {{claims_to_verify: [exp]}}}}]}}
  - {{name: jwt-or-guest, paths: [/jwt-or-guest/], plugins: [{{name: jwt, config: {{claims_to_verify: [exp], anonymous: guest}}}}]}}
consumers:
- username: guest
- username: alice
  keyauth_credentials: [{{key: a-key-for-some-seconds, created_at: 4000000000, ttl: 8}}, {{key: a-key-for-an-age}}]
  jwt_secrets: [{{key: alices, secret: {}}}]
{AUTHORITIES}",
        SECRETS[0],
    );
    let token = |end: u64| {
        let payload = format!(r#"{{"iss":"alices","exp":{end}}}"#);
        bearer(&token_of(r#"{"alg":"HS256"}"#, &payload, SECRETS[0].as_bytes()))
    };
    let plan = Stack::reading(document).gateway("stream_close_delay", "0s");
    let stack = plan.without_edge().start().await;
    let client = stack.gateway_http();
    let begun = now();
    stack.change(
        "kong.yaml",
        "created_at: 4000000000",
        &format!("created_at: {begun}"),
    );
    stack.reload_gateway().await;
    let (mut ending, mut lasting) = (Vec::new(), Vec::new());
    let (short, long) = (token(begun + 8), token(begun + 3600));
    for (route, over, good) in [
        (
            "key",
            "apikey: a-key-for-some-seconds",
            "apikey: a-key-for-an-age",
        ),
        (
            "jwt",
            &*format!("Authorization: {short}"),
            &*format!("Authorization: {long}"),
        ),
    ] {
        for path in [format!("/{route}/"), format!("/{route}-or-guest/")] {
            for (header, tunnels) in [(over, &mut ending), (good, &mut lasting)] {
                tunnels.push(tunnel(&client, &path, header).await);
                assert_eq!(told(&stack), "alice", "{path}");
            }
        }
    }
    for mut tunnel in ending {
        assert_eq!(read_to_the_end(&mut *tunnel).await, "");
        assert!(now() >= begun + 8, "not before its time");
    }
    for tunnel in &mut lasting {
        is_open(tunnel, "still here").await;
    }
}

/// The same for certificates, in a header and on the connection.
#[tokio::test]
async fn a_guest_does_not_inherit_the_tunnel_of_a_revoked_client() {
    let plugin = |name: &str, more: &str| {
        format!(
            "{{name: {name}, config: {{ca_certificates: [c1a00000-0000-4000-8000-000000000001, \
             c1a00000-0000-4000-8000-000000000002], anonymous: guest{more}}}}}"
        )
    };
    let header = ", certificate_header_name: X-Amzn-Mtls-Clientcert, certificate_header_format: url_encoded";
    let document = format!(
        "_format_version: '3.0'\nservices:\n- name: echo\n  url: http://{{echo}}\n  routes:\n  - {{name: header, paths: \
         [/header], plugins: [{}]}}\n  - {{name: socket, paths: [/socket], plugins: [{}]}}\nconsumers:\n- {{username: \
         guest}}\n- {{username: alice@example.com}}\n- {{username: bob@example.com}}\n{AUTHORITIES}",
        plugin("header-cert-auth", header),
        plugin("mtls-auth", ""),
    );
    let plan = Stack::reading(document).gateway("stream_close_delay", "0s");
    let stack = plan.start().await;
    let mut tunnels = Vec::new();
    for who in ["alice", "bob"] {
        for (client, path) in [
            (stack.edge("public").cert(who), "/header"),
            (stack.gateway().cert(who), "/socket"),
        ] {
            let (tunnel, head) = open_websocket(&client, path).await;
            assert!(head.starts_with("HTTP/1.1 101 "), "{who} {path}: {head}");
            assert_eq!(told(&stack), format!("{who}@example.com"), "{path}");
            tunnels.push((who, path, tunnel));
        }
    }
    stack.pki.revoke("alice").unwrap();
    stack.reload_gateway().await;
    for (who, path, mut tunnel) in tunnels {
        if who == "alice" {
            assert_eq!(read_to_the_end(&mut *tunnel).await, "", "{path}");
        } else {
            is_open(&mut tunnel, "still here").await;
        }
    }
}
