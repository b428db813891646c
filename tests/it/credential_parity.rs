//! `key-auth`, `basic-auth` and `jwt` side by side: what the upstream is told of a consumer, what a configuration full of
//! nulls means, who may be anonymous, and that no credential is ever written down.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use harness::client::Call;
use harness::document::AUTHORITIES;
use harness::stack::{Plan, Stack};
use http::Method;
use serde_json::json;

use crate::jwt::{bearer, token_of};
use crate::kong_answers::both;

const SECRET: &str = "secret-of-everybody-of-32-octets-or-more";
const PLUGINS: [&str; 3] = ["key-auth", "basic-auth", "jwt"];

/// Whom a credential belongs to: their key, user name and `iss` are made of this.
const PEOPLE: [&str; 4] = ["both", "named", "numbered", "größe"];

fn credential(plugin: &str, who: &str) -> (&'static str, String) {
    match plugin {
        "key-auth" => ("apikey", format!("key-of-{who}-0123456789")),
        "basic-auth" => {
            let pair = format!("user-{who}:password: of {who}");
            ("authorization", format!("Basic {}", STANDARD.encode(pair)))
        }
        _ => {
            let claims = json!({"iss": format!("iss-{who}")}).to_string();
            let token = token_of(r#"{"alg":"HS256"}"#, &claims, SECRET.as_bytes());
            ("authorization", bearer(&token))
        }
    }
}

fn with(call: Call, plugin: &str, who: &str) -> Call {
    let (name, value) = credential(plugin, who);
    call.header(name, &value)
}

/// One consumer for each combination of names, and a route for each plugin and configuration.
fn plan(routes: &[(&str, &str)]) -> Plan {
    let consumers: Vec<String> = PEOPLE
        .iter()
        .map(|who| {
            let names = match *who {
                "both" => "username: alice@example.com\n  custom_id: '4711'",
                "named" => "username: only a name",
                "numbered" => "custom_id: '4712'",
                _ => "username: Größe\n  custom_id: 'ß'",
            };
            format!(
                "- {names}
  keyauth_credentials: [{{key: 'key-of-{who}-0123456789'}}]
  basicauth_credentials: [{{username: 'user-{who}', password: 'password: of {who}'}}]
  jwt_secrets: [{{key: 'iss-{who}', secret: {SECRET}}}]
"
            )
        })
        .collect();
    let routes: String = routes
        .iter()
        .flat_map(|(path, config)| {
            PLUGINS.map(|plugin| {
                format!(
                    "  - {{name: '{path}-{plugin}', paths: [/{path}/{plugin}], plugins: [{{name: {plugin}, config: {config}}}]}}\n"
                )
            })
        })
        .collect();
    Stack::reading(format!(
        "_format_version: '3.0'
consumers:
{}- {{username: nobody, custom_id: nobodys-number, id: a0000000-0000-4000-8000-000000000001}}
services:
- name: echo
  url: http://{{echo}}
  routes:
{routes}{AUTHORITIES}",
        consumers.concat()
    ))
}

/// Kong's headers, each of them set or absent; the client's own never get through.
#[tokio::test]
async fn the_upstream_is_told_who_it_is_in_kongs_headers() {
    let stack = plan(&[("plain", "{}")]).start().await;
    for plugin in PLUGINS {
        for (who, username, custom_id) in table! {
            ("both", Some("alice@example.com"), Some("4711"));
            ("named", Some("only a name"), None);
            ("numbered", None, Some("4712"));
            ("größe", Some("Größe"), Some("ß"));
        } {
            for client in both(stack.gateway()) {
                let mut call = with(client.get(&format!("/plain/{plugin}")), plugin, who);
                for name in [
                    "X-Consumer-Id",
                    "X-Consumer-Username",
                    "X-Consumer-Custom-Id",
                    "X_Consumer_Username",
                    "X-Credential-Identifier",
                    "X-Credential-Username",
                    "X-Anonymous-Consumer",
                ] {
                    call = call.header(name, "mallory");
                }
                let answer = call.await;
                let row = format!("{plugin} {who}: {answer:?}");
                assert_eq!(answer.status, 200, "{row}");
                assert!(!answer.text().contains("mallory"), "{row}");
                let told = |name: &str| answer.received(name);
                assert!(told("x-consumer-id").is_some(), "{row}");
                assert_eq!(told("x-consumer-username").as_deref(), username, "{row}");
                assert_eq!(told("x-consumer-custom-id").as_deref(), custom_id, "{row}");
                assert_eq!(told("x-anonymous-consumer"), None, "{row}");
                let identifier = told("x-credential-identifier").unwrap();
                match plugin {
                    "basic-auth" => assert_eq!(identifier, format!("user-{who}"), "{row}"),
                    "jwt" => assert_eq!(identifier, format!("iss-{who}"), "{row}"),
                    _ => {
                        let is_id = identifier.len() == 36 && identifier.matches('-').count() == 4;
                        assert!(is_id, "{row}");
                        assert!(!identifier.contains(who), "{row}");
                    }
                }
            }
        }
    }
}

/// By id or username; a custom id names nobody, and nobody is an error and not a refusal.
#[tokio::test]
async fn anonymous_is_an_id_or_a_username() {
    let stack = plan(&[
        ("id", "{anonymous: a0000000-0000-4000-8000-000000000001}"),
        ("username", "{anonymous: nobody}"),
        ("number", "{anonymous: nobodys-number}"),
        ("case", "{anonymous: Nobody}"),
    ])
    .start()
    .await;
    for plugin in PLUGINS {
        for (path, status) in [("id", 200), ("username", 200), ("number", 500), ("case", 500)] {
            let path = format!("/{path}/{plugin}");
            let answer = stack.gateway().get(&path).await;
            assert_eq!(answer.status, status, "{path}");
            if status == 200 {
                assert_eq!(
                    answer.received("x-consumer-custom-id").as_deref(),
                    Some("nobodys-number"),
                    "{path}"
                );
                assert_eq!(answer.received("x-anonymous-consumer").as_deref(), Some("true"));
                assert_eq!(answer.received("x-credential-identifier"), None, "{path}");
            } else {
                let message = answer.message();
                assert_eq!(message.as_deref(), Some("An unexpected error occurred"), "{path}");
            }
            // Whoever has a credential is not anonymous.
            let answer = with(stack.gateway().get(&path), plugin, "both").await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.received("x-anonymous-consumer"), None, "{path}");
        }
    }
}

/// What a tool writes out for a field that is not set is not a value.
#[tokio::test]
async fn a_null_is_the_default() {
    let fields = |plugin: &str| match plugin {
        "key-auth" => {
            "{key_names: [apikey], anonymous: ~, realm: ~, hide_credentials: false, key_in_body: false, \
             key_in_header: true, key_in_query: true, run_on_preflight: true, identity_realms: [{scope: cp, id: ~, region: ~}]}"
        }
        "basic-auth" => "{anonymous: ~, hide_credentials: false, realm: service}",
        _ => {
            "{anonymous: ~, realm: ~, claims_to_verify: ~, cookie_names: [], header_names: [authorization], \
             key_claim_name: iss, maximum_expiration: 0, run_on_preflight: true, secret_is_base64: false, uri_param_names: [jwt]}"
        }
    };
    let routes: Vec<String> = PLUGINS
        .iter()
        .map(|plugin| {
            format!(
                "  - {{name: 'written-{plugin}', paths: [/written/{plugin}], plugins: [{{name: {plugin}, config: {}}}]}}\n",
                fields(plugin)
            )
        })
        .collect();
    let stack = plan(&[("plain", "{}")])
        .replace("  routes:\n", &format!("  routes:\n{}", routes.concat()))
        .start()
        .await;
    for plugin in PLUGINS {
        for (who, method) in [
            (Some("both"), Method::GET),
            (None, Method::GET),
            (None, Method::OPTIONS),
        ] {
            let told = async |path: &str| {
                let call = stack
                    .gateway()
                    .request(method.clone(), &format!("/{path}/{plugin}"));
                let answer = match who {
                    Some(who) => with(call, plugin, who).await,
                    None => call.await,
                };
                let challenge = answer.header("www-authenticate").map(str::to_owned);
                (answer.status, challenge, answer.received("x-consumer-username"))
            };
            assert_eq!(told("written").await, told("plain").await, "{plugin} {who:?}");
        }
    }
}

/// A credential goes with its consumer, and the answer is that to one that there never was.
#[tokio::test]
async fn a_consumer_that_is_removed_takes_the_credentials_along() {
    let stack = plan(&[("plain", "{}")]).start().await;
    let get = |plugin: &str| with(stack.gateway().get(&format!("/plain/{plugin}")), plugin, "named");
    for plugin in PLUGINS {
        assert_eq!(get(plugin).await.status, 200, "{plugin}");
    }
    stack.change(
        "kong.yaml",
        "- username: only a name\n",
        "- username: somebody else\n",
    );
    for (credential, other) in [
        ("key-of-named-0123456789", "key-of-another-0123456789"),
        ("'user-named'", "'user-another'"),
        ("'iss-named'", "'iss-another'"),
    ] {
        stack.change("kong.yaml", credential, other);
    }
    stack.reload_gateway().await;
    for (plugin, message) in table! {
        ("key-auth", "Unauthorized");
        ("basic-auth", "Unauthorized");
        ("jwt", "No credentials found for given 'iss'");
    } {
        let answer = get(plugin).await;
        assert_eq!(answer.status, 401, "{plugin}");
        assert_eq!(answer.message().as_deref(), Some(message), "{plugin}");
        assert_eq!(stack.reason_of(&answer).await, "token_untrusted", "{plugin}");
    }
}

/// Kong tells the first of several faults in an order of its own.
#[tokio::test]
async fn of_several_faults_the_first_is_told() {
    let stack = plan(&[("plain", "{}")]).start().await;
    let signed = |header: &str, payload: &str| token_of(header, payload, SECRET.as_bytes());
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let iss = r#"{"iss":"iss-both"}"#;
    for (row, token, message) in table! {
        ("payload before alg", signed(r#"{"alg":"none"}"#, "no JSON"), "Bad token; invalid JSON");
        ("payload before typ", signed(r#"{"alg":"HS256","typ":"x"}"#, "no JSON"), "Bad token; invalid JSON");
        ("typ before alg", signed(r#"{"alg":"none","typ":"x"}"#, iss), "Bad token; invalid typ");
        ("another typ before alg", signed(r#"{"alg":"none","typ":"at+jwt"}"#, iss), "Bad token; invalid typ");
        ("alg before crit", signed(r#"{"alg":"none","crit":["exp"]}"#, iss), "Bad token; invalid alg");
        ("alg before signature", format!("{}.{}.!", encode(r#"{"alg":"none"}"#), encode(iss)), "Bad token; invalid alg");
        ("signature before key", format!("{}.{}.!", encode(r#"{"alg":"HS256"}"#), encode("{}")), "Bad token; invalid signature");
        ("key before algorithm", signed(r#"{"alg":"HS384"}"#, "{}"), "No mandatory 'iss' in claims");
        ("algorithm before signature", signed(r#"{"alg":"HS384"}"#, iss), "Invalid algorithm");
        ("typ in another case", signed(r#"{"alg":"HS256","typ":"jwt"}"#, iss), "");
        ("typ with a prefix", signed(r#"{"alg":"HS256","typ":"application/jwt"}"#, iss), "Bad token; invalid typ");
        ("typ is no text", signed(r#"{"alg":"HS256","typ":1}"#, iss), "Bad token; invalid typ");
    } {
        for client in both(stack.gateway()) {
            let call = client.get("/plain/jwt").header("authorization", &bearer(&token));
            let answer = call.await;
            assert_eq!(answer.message().unwrap_or_default(), message, "{row}");
        }
    }
}

/// What is hidden is hidden from whoever serves anonymous callers too: a credential that is no good here, or came twice.
#[tokio::test]
async fn a_credential_that_is_refused_is_hidden_all_the_same() {
    let stack = plan(&[("hidden", "{anonymous: nobody, hide_credentials: true}")])
        .replace(
            "plugins: [{name: jwt, config: {anonymous: nobody, hide_credentials: true}}]",
            "plugins: [{name: jwt, config: {anonymous: nobody}}]",
        )
        .start()
        .await;
    let get = |path: &str| stack.gateway().get(path);
    for (row, call) in table! {
        ("a wrong key", get("/hidden/key-auth").header("apikey", "top-secret"));
        ("two keys", get("/hidden/key-auth").header("apikey", "top-secret").header("apikey", "top-secret"));
        ("two arguments", get("/hidden/key-auth?apikey=top-secret&apikey=top-secret"));
        ("two spellings", get("/hidden/key-auth?apikey=top-secret&%61pikey=top-secret"));
        ("a wrong password", get("/hidden/basic-auth").header("authorization", "Basic dG9wOnNlY3JldA=="));
        ("two passwords", get("/hidden/basic-auth").header("authorization", "Basic dG9wOnNlY3JldA==").header("authorization", "Basic dG9wOnNlY3JldA=="));
    } {
        let answer = call.await;
        assert_eq!(
            answer.received("x-anonymous-consumer").as_deref(),
            Some("true"),
            "{row}"
        );
        for secret in ["top-secret", "dG9wOnNlY3JldA"] {
            assert!(!answer.text().contains(secret), "{row}: {answer:?}");
        }
    }
}

/// Neither the log nor `explain` has any of a credential, good or bad; both say why it was refused.
#[tokio::test]
async fn the_reason_is_told_and_the_credential_is_not() {
    let stack = plan(&[("plain", "{}")]).start().await;
    let token =
        |header: &str, payload: &str, secret: &str| bearer(&token_of(header, payload, secret.as_bytes()));
    let hs256 = r#"{"alg":"HS256"}"#;
    let iss = r#"{"iss":"iss-both","x":"payload-that-nobody-else-has"}"#;
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let other = "another secret that is long enough for it";
    for (plugin, name, value, reason, cause) in table! {
        ("key-auth", "apikey", "a-key-that-is-nobodys".to_owned(), "token_untrusted", "no keyauth_credential has this key");
        ("basic-auth", "authorization", basic("user-both:a-wrong-password"), "token_untrusted", "no basicauth_credential has this user name and password");
        ("basic-auth", "authorization", basic("no-colon-in-it"), "token_malformed", "the header holds no user name and password");
        ("jwt", "authorization", token(hs256, iss, other), "token_untrusted", "the credential's key did not sign this token");
        ("jwt", "authorization", token(r#"{"alg":"HS512"}"#, iss, SECRET), "token_untrusted", "the credential is for HS256");
        ("jwt", "authorization", token(hs256, r#"{"iss":"iss-nobody"}"#, SECRET), "token_untrusted", "no jwt_secret has the key 'iss-nobody' (iss)");
        ("jwt", "authorization", token(hs256, r#"{"sub":"payload-that-nobody-else-has"}"#, SECRET), "claim_missing", "No mandatory 'iss' in claims");
        ("jwt", "authorization", token(hs256, r#"{"iss":["payload-that-nobody-else-has"]}"#, SECRET), "claim_missing", "'iss' is no text, or empty");
        ("jwt", "authorization", token(r#"{"alg":"none"}"#, iss, SECRET), "token_malformed", "the token's algorithm is not accepted: none");
        ("jwt", "authorization", token(r#"{"alg":"HS256","crit":[]}"#, iss, SECRET), "token_malformed", "the token's header parameter 'crit' is not accepted");
        ("jwt", "authorization", bearer("a-token-that-is-none"), "token_malformed", "the token has not three parts");
    } {
        let path = format!("/plain/{plugin}");
        let answer = stack.gateway().get(&path).header(name, &value).await;
        assert_eq!(answer.status, 401, "{path} {cause}");
        let line = stack.line_of(&answer).await;
        assert_eq!(line["decision"]["reason"], reason, "{line}");
        assert_eq!(line["decision"]["cause"], cause, "{line}");
        let (header, url) = (
            format!("{name}: {value}"),
            format!("https://gateway.internal{path}"),
        );
        let told = stack.explain_in_words(&["-H", &header, &url]);
        assert!(told.contains(cause) && told.contains(reason), "{told}");
        let parts = value.split([' ', '.']).filter(|part| part.len() > 8);
        for part in parts {
            assert!(!told.contains(part), "{part}: {told}");
            assert!(!line.to_string().contains(part), "{part}: {line}");
        }
    }
    let (_, bad) = token(hs256, iss, other)
        .rsplit_once(' ')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    for (path, secret) in table! {
        ("/plain/key-auth?apikey=", "a-key-that-is-nobodys");
        ("/plain/key-auth?a=b&%61pi%6bey=", "a-key-that-is-nobodys");
        ("/plain/key-auth?x&apikey=1&apikey=", "a-key-that-is-nobodys");
        ("/plain/jwt?jwt=", &*bad);
        ("/plain/jwt?%6awt=", &*bad);
    } {
        let path = format!("{path}{secret}");
        let answer = stack.gateway().get(&path).await;
        assert_eq!(answer.status, 401, "{path}");
        let url = format!("https://gateway.internal{path}");
        let texts = [
            stack.line_of(&answer).await.to_string(),
            stack.explain_in_words(&[&url]),
            stack.explain(&[&url]).to_string(),
        ];
        for (text, part) in texts
            .iter()
            .flat_map(|text| secret.split('.').map(move |part| (text, part)))
        {
            assert!(!text.contains(part), "{part}: {text}");
        }
    }
    for plugin in PLUGINS {
        for who in PEOPLE {
            let answer = with(stack.gateway().get(&format!("/plain/{plugin}")), plugin, who).await;
            assert_eq!(answer.status, 200);
            let (_, value) = credential(plugin, who);
            let line = stack.line_of(&answer).await.to_string();
            let secret = value.split([' ', '.']).next_back().unwrap();
            assert!(!line.contains(secret), "{line}");
        }
    }
}
