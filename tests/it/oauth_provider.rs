//! A provider that is not ours: oidc-provider-mock with Authlib's introspection endpoint, on plain http and behind nginx
//! with TLS. Tokens come out of its authorization code flow.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use certs::{Authority, Leaf};
use harness::answer::Answer;
use harness::outside::curl;
use harness::servers::{Files, Server, own_address};
use harness::stack::{Plan, Stack, eventually};
use serde_json::Value;

use crate::token_streams::{answer, goes_on, is_cut_off};

/// The provider, and a client that is registered there.
pub(crate) struct Provider {
    url: String,
    client: String,
    pub(crate) secret: String,
    pub(crate) server: Server,
    _door: Option<Server>,
    authority: Authority,
}

/// What the provider gives a user.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) id: String,
}

fn ask(arguments: &[&str]) -> String {
    let said = tokio::task::block_in_place(|| curl(arguments));
    assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
    said.stdout
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

impl Provider {
    pub(crate) fn start(over_tls: bool) -> Self {
        // Freed at once, so that the provider can have it.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = free.local_addr().unwrap();
        drop(free);
        Self::at(address, over_tls)
    }

    /// Another one, with other keys and clients, where this one was; on plain http.
    pub(crate) fn again(mut self) -> Self {
        self.server.end();
        let address = self.url.trim_start_matches("http://").parse().unwrap();
        Self::at(address, false)
    }

    fn at(address: SocketAddr, over_tls: bool) -> Self {
        let authority = Authority::root("Providers").unwrap();
        let server = tokio::task::block_in_place(|| Files::new().oidc_provider(address));
        let (url, door) = if over_tls {
            let outside = own_address(9);
            let files = Files::new();
            let issued = authority
                .issue(Leaf::server("provider.test").ip(outside.ip()))
                .unwrap();
            let (certificate, key) = files.pair("provider", &issued);
            let http = format!(
                "access_log off; server {{ listen {outside} ssl; ssl_certificate {certificate}; \
                 ssl_certificate_key {key}; location / {{ proxy_pass http://{address}; \
                 proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-Host {outside}; \
                 proxy_set_header X-Forwarded-Port {}; }} }}",
                outside.port()
            );
            let door = tokio::task::block_in_place(|| files.nginx(&http, &[outside]));
            (format!("https://{outside}"), Some(door))
        } else {
            (format!("http://{address}"), None)
        };
        let body = r#"{"redirect_uris":["http://localhost/done"],"token_endpoint_auth_method":"client_secret_basic"}"#;
        let to = format!("{url}/oauth2/clients");
        let client = json(&ask(&[
            "-k",
            &to,
            "-H",
            "content-type: application/json",
            "-d",
            body,
        ]));
        Self {
            client: text(&client["client_id"]),
            secret: text(&client["client_secret"]),
            url,
            server,
            _door: door,
            authority,
        }
    }

    /// Walks through the authorization code flow as a user would.
    pub(crate) fn tokens(&self, user: &str) -> Tokens {
        let Self {
            url, client, secret, ..
        } = self;
        let to = format!(
            "{url}/oauth2/authorize?client_id={client}&redirect_uri=http://localhost/done&response_type=code&scope=openid%20email"
        );
        let head = ask(&["-k", "-i", &to, "-d", &format!("sub={user}")]);
        let code = head.split("code=").nth(1).unwrap_or_else(|| panic!("{head}"));
        let code: String = code
            .chars()
            .take_while(|char| !"&\r\n ".contains(*char))
            .collect();
        let form = format!("grant_type=authorization_code&code={code}&redirect_uri=http://localhost/done");
        let (to, who) = (format!("{url}/oauth2/token"), format!("{client}:{secret}"));
        let given = json(&ask(&["-k", &to, "-u", &who, "-d", &form]));
        Tokens {
            access: text(&given["access_token"]),
            id: text(&given["id_token"]),
        }
    }

    fn revoke_all_of(&self, user: &str) {
        ask(&[
            "-k",
            "-X",
            "POST",
            &format!("{}/users/{user}/revoke-tokens", self.url),
        ]);
    }

    /// How often a token was introspected.
    fn introspections(&self) -> usize {
        self.server.read("introspections").lines().count()
    }

    pub(crate) fn plan(&self, fields: &str) -> Plan {
        Stack::reading(format!(
            "_format_version: '3.0'
services:
- name: echo
  url: http://{{echo}}
  routes:
  - name: orders
    paths: [/orders]
    plugins:
    - name: openid-connect
      config: {{issuer: '{}', client_id: [{}], {fields}}}
consumers: [{{username: alice@example.com}}]
",
            self.url, self.client
        ))
        .file("provider.pem", self.authority.pem())
        .gateway("lua_ssl_trusted_certificate", "pki/provider.pem")
        .gateway("revocation_lists", "")
        .without_edge()
    }
}

pub(crate) async fn with_token(stack: &Stack, token: &str) -> Answer {
    let call = stack.gateway_http().get("/orders");
    call.header("authorization", &format!("Bearer {token}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_tokens_of_a_real_provider_are_verified() {
    for over_tls in [false, true] {
        let provider = Provider::start(over_tls);
        let tokens = provider.tokens("alice@example.com");
        let fields = format!(
            "auth_methods: [bearer], audience_required: ['{}'], consumer_claim: [sub]",
            provider.client
        );
        let stack = provider.plan(&fields).start().await;
        let answer = with_token(&stack, &tokens.id).await;
        assert_eq!(answer.status, 200, "{over_tls} {answer:?}");
        assert_eq!(
            answer.json()["headers"]["x-consumer-username"][0],
            "alice@example.com"
        );
        let nobody = with_token(&stack, &provider.tokens("bob@example.com").id).await;
        assert_eq!(nobody.status, 403);
        // Its access tokens say nothing to anybody else.
        let opaque = with_token(&stack, &tokens.access).await;
        assert_eq!(opaque.status, 401);
        assert_eq!(stack.reason_of(&opaque).await, "token_malformed");
    }
    let provider = Provider::start(true);
    let stack = provider
        .plan("auth_methods: [bearer]")
        .file("provider.pem", Authority::root("Others").unwrap().pem());
    let stack = stack.start().await;
    let answer = with_token(&stack, &provider.tokens("alice@example.com").id).await;
    assert_eq!(answer.status, 503, "who answers there is not the provider");
    let error = stack.status().get("/status").await.json()["providers"][0]["error"].to_string();
    assert!(error.contains("cannot be reached"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn opaque_tokens_are_introspected_and_remembered_for_as_long_as_configured() {
    for method in ["client_secret_basic", "client_secret_post"] {
        // The provider's client may do it in one way; the other is refused by it.
        let provider = Provider::start(true);
        let tokens = provider.tokens("alice@example.com");
        let fields = format!(
            "auth_methods: [introspection], client_secret: ['{}'], cache_ttl: 3, consumer_claim: [username],
             introspection_endpoint_auth_method: {method}, scopes_required: [email]",
            provider.secret
        );
        let stack = provider.plan(&fields).start().await;
        let first = with_token(&stack, &tokens.access).await;
        if method == "client_secret_post" {
            assert_eq!(first.status, 503);
            assert_eq!(stack.reason_of(&first).await, "provider_unreachable");
            continue;
        }
        assert_eq!(first.status, 200, "{first:?}");
        assert_eq!(
            first.json()["headers"]["x-consumer-username"][0],
            "alice@example.com"
        );
        let asked = provider.introspections();
        for _ in 0..20 {
            assert_eq!(with_token(&stack, &tokens.access).await.status, 200);
        }
        assert_eq!(provider.introspections(), asked, "it is remembered");
        // Another token is another question, and a wrong one is asked about once in a while.
        let other = provider.tokens("alice@example.com");
        assert_eq!(with_token(&stack, &other.access).await.status, 200);
        assert_eq!(provider.introspections(), asked + 1);
        for _ in 0..20 {
            let refused = with_token(&stack, "made-up").await;
            assert_eq!(refused.status, 401);
        }
        assert!(
            provider.introspections() <= asked + 4,
            "{}",
            provider.introspections()
        );
        provider.revoke_all_of("alice@example.com");
        let refused = eventually("the end of what is remembered", async || {
            let answer = with_token(&stack, &tokens.access).await;
            (answer.status == 401).then_some(answer)
        })
        .await;
        assert_eq!(stack.reason_of(&refused).await, "token_untrusted");
    }
}

/// `cache_introspection` says whether one request's answer is another's, not how long a request may take.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_outlives_the_second_in_which_its_token_was_introspected() {
    let provider = Provider::start(false);
    let (token, secret) = (provider.tokens("alice@example.com").access, &provider.secret);
    let fields = format!(
        "auth_methods: [introspection], client_secret: ['{secret}'], cache_introspection: false, cache_ttl: 6"
    );
    let plan = provider.plan(&fields).gateway("stream_close_delay", "0s");
    let stack = plan.start().await;
    let mut stream = answer(&stack.gateway_http(), &token).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        goes_on(&mut stream).await;
    }
    let asked = provider.introspections();
    for _ in 0..3 {
        assert_eq!(with_token(&stack, &token).await.status, 200);
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    assert_eq!(provider.introspections(), asked + 3, "no answer is another's");
    // The second that it was good until, and the rest of that second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    is_cut_off(stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_and_opaque_tokens_meet_in_one_plugin() {
    let provider = Provider::start(false);
    let tokens = provider.tokens("alice@example.com");
    let secret = &provider.secret;
    let stack = provider
        .plan(&format!(
            "auth_methods: [bearer, introspection], client_secret: ['{secret}']"
        ))
        .start()
        .await;
    let asked = provider.introspections();
    assert_eq!(with_token(&stack, &tokens.id).await.status, 200);
    assert_eq!(
        provider.introspections(),
        asked,
        "a signed token is verified here"
    );
    assert_eq!(with_token(&stack, &tokens.access).await.status, 200);
    let forged = format!("{}x", tokens.id);
    assert_eq!(with_token(&stack, &forged).await.status, 401);
    assert_eq!(
        provider.introspections(),
        asked + 1,
        "a forged one is nobody else's business"
    );

    for further in ["", ", anonymous: alice@example.com"] {
        let fields = format!("auth_methods: [introspection], client_secret: [wrong]{further}");
        let wrong = provider.plan(&fields).start().await;
        let refused = with_token(&wrong, &tokens.access).await;
        assert_eq!(refused.status, 503, "{further}");
        let line = wrong.line_of(&refused).await;
        assert_eq!(line["decision"]["reason"], "provider_unreachable", "{line}");
    }

    // An anonymous consumer stands in for a token that is not good, and not for one that nobody has judged.
    let fields =
        format!("auth_methods: [introspection], client_secret: ['{secret}'], anonymous: alice@example.com");
    let stack = provider.plan(&fields).start().await;
    let guest = with_token(&stack, "made-up").await;
    assert_eq!(guest.status, 200);
    assert_eq!(guest.json()["headers"]["x-anonymous-consumer"][0], "true");
}

/// A provider that knows its clients by their certificates (RFC 8705 §2): without the right one there is no answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_proves_itself_to_the_provider_by_its_certificate() {
    use base64::Engine as _;
    let provider = Provider::start(true);
    let tokens = provider.tokens("alice@example.com");
    let (outside, files) = (own_address(10), Files::new());
    let issued = provider
        .authority
        .issue(Leaf::server("provider.test").ip(outside.ip()))
        .unwrap();
    let (certificate, key) = files.pair("mtls", &issued);
    let clients = Authority::root("Clients of the provider").unwrap();
    let own = clients.issue(Leaf::client("gateway")).unwrap();
    let trusted = files.write("clients.pem", &clients.pem());
    // What stands behind knows the client by a password, which the door has; the gateway has none.
    let password =
        base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", provider.client, provider.secret));
    let (url, host) = (&provider.url, provider.url.trim_start_matches("https://"));
    let http = format!(
        "access_log off; server {{ listen {outside} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; \
         ssl_client_certificate {trusted}; ssl_verify_client on; location / {{ proxy_pass {url}; \
         proxy_set_header Host {host}; proxy_set_header Authorization 'Basic {password}'; }} }}"
    );
    let door = tokio::task::block_in_place(|| files.nginx(&http, &[outside]));
    for (shown, status) in [(&own, 200), (&issued, 503)] {
        let fields = format!(
            "auth_methods: [introspection], introspection_endpoint_auth_method: tls_client_auth,
             tls_client_auth_cert_id: a1ce0000-0000-4000-8000-000000000002,
             introspection_endpoint: 'https://{outside}/oauth2/introspect'"
        );
        let stack = provider
            .plan(&fields)
            .replace(
                "consumers:",
                "certificates: [{id: a1ce0000-0000-4000-8000-000000000002, cert: \"@own.pem\", key: \"@own.key\"}]\nconsumers:",
            )
            .file("own.pem", shown.chain_pem())
            .file("own.key", shown.key_pem())
            .start()
            .await;
        let answer = with_token(&stack, &tokens.access).await;
        let line = stack.line_of(&answer).await;
        assert_eq!(answer.status, status, "{line} {}", door.read("error.log"));
    }
}
