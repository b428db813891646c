//! The program writes down no credential, however much it is told to write: neither the client's, good or bad, nor its own.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::client::Client;
use harness::doors::start_echo;
use harness::issuer::Issuer;
use harness::pki::Pki;
use harness::program::{Program, command};
use harness::stack::eventually;
use serde_json::json;
use tempfile::TempDir;

use crate::jwt::token_of;
use crate::kong_answers::both;

const KEY: &str = "key-of-alice-0123456789";
const PASSWORD: &str = "password-of-alice-0123";
const SECRET: &str = "secret-of-alice-of-32-octets-or-more";
const CLIENT_SECRET: &str = "secret-of-the-gateway-0123456789";
const OPAQUE: &str = "opaque-token-of-alice-0123456789";

fn document(echo: &str, issuer: &Issuer) -> String {
    let url = issuer.url();
    format!(
        "_format_version: '3.0'
consumers:
- username: alice
  keyauth_credentials: [{{key: {KEY}}}]
  basicauth_credentials: [{{username: alice, password: {PASSWORD}}}]
  jwt_secrets: [{{key: alice, secret: {SECRET}}}]
services:
- name: echo
  url: http://{echo}
  routes:
  - {{name: key, paths: [/key], plugins: [{{name: key-auth}}]}}
  - {{name: password, paths: [/password], plugins: [{{name: basic-auth}}]}}
  - {{name: jwt, paths: [/jwt], plugins: [{{name: jwt, config: {{cookie_names: [jwt]}}}}]}}
  - name: token
    paths: [/token]
    plugins:
    - name: openid-connect
      config:
        issuer: {url}
        auth_methods: [bearer, introspection]
        introspection_endpoint: {url}/introspect
        client_id: [gateway]
        client_secret: [{CLIENT_SECRET}]
        bearer_token_param_type: [header, query, cookie]
        bearer_token_cookie_name: session
        upstream_access_token_header: X-Token
"
    )
}

fn start(dir: &TempDir, document: &str) -> Program {
    let mut command = command("api-gateway", &["--log-format", "json", "run"]).unwrap();
    command
        .current_dir(dir.path())
        .env("RUST_LOG", "trace")
        .env("KONG_DATABASE", "off")
        .env("KONG_STATUS_LISTEN", "off")
        .env("KONG_PROXY_LISTEN", "127.0.0.1:0, 127.0.0.1:0 ssl http2")
        .env("KONG_SSL_CERT", "pki/gateway/server.pem")
        .env("KONG_SSL_CERT_KEY", "pki/gateway/server.key")
        .env("KONG_LUA_SSL_TRUSTED_CERTIFICATE", "pki/provider.pem")
        .env("KONG_DECLARATIVE_CONFIG_STRING", document);
    tokio::task::block_in_place(|| Program::start(command, "api-gateway")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn not_even_a_trace_holds_a_credential() {
    let issuer = Issuer::start(1);
    let dir = TempDir::new().unwrap();
    let pki = Arc::new(Pki::make(&dir.path().join("pki")).unwrap());
    std::fs::write(pki.path("provider.pem"), issuer.authority_pem()).unwrap();
    let echo = start_echo(None).await;
    let program = start(&dir, &document(&echo.http.to_string(), &issuer));
    let pair = STANDARD.encode(format!("alice:{PASSWORD}"));
    let jwt = token_of(r#"{"alg":"HS256"}"#, r#"{"iss":"alice"}"#, SECRET.as_bytes());
    let forged = token_of(
        r#"{"alg":"HS256"}"#,
        r#"{"iss":"alice"}"#,
        b"mallory's, and long enough for it",
    );
    let (token, over) = (issuer.token(&json!({})), issuer.token(&json!({"exp": 1})));
    let plain = Client::http(program.address("127.0.0.1:0").unwrap());
    let tls = Client::https(program.address("127.0.0.1:0 ssl").unwrap(), &pki, "localhost");
    let [tls, http2] = both(tls);
    let mut last = String::new();
    for client in [plain, tls, http2] {
        let get = |path: &str| client.get(path);
        let bearer = |path: &str, token: &str| get(path).header("authorization", &format!("Bearer {token}"));
        for (what, call, status) in table! {
            ("key", get("/key").header("apikey", KEY), 200);
            ("key, twice", get("/key").header("apikey", KEY).header("apikey", KEY), 401);
            ("key in the query", get(&format!("/key?apikey={KEY}")), 200);
            ("key, wrong", get("/key").header("apikey", &format!("{KEY}-")), 401);
            ("password", get("/password").header("authorization", &format!("Basic {pair}")), 200);
            ("password, broken", get("/password").header("authorization", &format!("Basic {pair}!")), 401);
            ("jwt", bearer("/jwt", &jwt), 200);
            ("jwt in the query", get(&format!("/jwt?jwt={jwt}")), 200);
            ("jwt in a cookie", get("/jwt").header("cookie", &format!("jwt={jwt}")), 200);
            ("jwt, forged", bearer("/jwt", &forged), 401);
            ("token", bearer("/token", &token), 200);
            ("token in the query", get(&format!("/token?access_token={token}")), 200);
            ("token in a cookie", get("/token").header("cookie", &format!("session={token}")), 200);
            ("token, over", bearer("/token", &over), 401);
            ("token, cut off", bearer("/token", &token[..token.len() - 2]), 401);
        } {
            let answer = call.await;
            assert_eq!(answer.status, status, "{what}: {answer:?}");
        }
        // The provider answers 405, and its client has said who he is by then.
        let opaque = bearer("/token", OPAQUE).await;
        assert_ne!(opaque.status, 200, "{opaque:?}");
        opaque.request_id().unwrap().clone_into(&mut last);
    }
    eventually("the last line", async || {
        program.output().contains(&last).then_some(())
    })
    .await;
    let told = program.output();
    assert!(
        told.contains(r#""level":"TRACE""#),
        "nothing was told that could have been too much"
    );
    assert!(told.contains("cannot be introspected"), "{told}");
    let own = STANDARD.encode(format!("gateway:{CLIENT_SECRET}"));
    let parts = [&jwt, &forged, &token, &over].map(|token| token.split('.').skip(1).map(str::to_owned));
    let secrets = [KEY, PASSWORD, SECRET, CLIENT_SECRET, OPAQUE, &pair, &own].map(str::to_owned);
    for secret in secrets.into_iter().chain(parts.into_iter().flatten()) {
        let line = told.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "{secret}");
    }
}
