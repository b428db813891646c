//! What an introspection endpoint really receives, as Authlib's writes it down, and which clients it lets in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::{Authority, Leaf};
use harness::issuer::now;
use harness::provider::Provider;
use harness::servers::{Files, Server, own_address};
use harness::stack::Stack;
use serde_json::{Value, json};

use crate::bearer_tokens::{UNJUDGED, with_token};

/// RFC 6750 §2.1 has this one. A second has all that a token may hold (`b64token`).
const TOKENS: [&str; 2] = ["mF_9.B5f-4.1JqM", "a.Z-0_9~+/x=="];

/// A call as it came: the headers that somebody may have configured, and the form, in order.
#[derive(Debug, PartialEq)]
struct Call {
    authorization: Option<String>,
    accept: Option<String>,
    further: Vec<(String, String)>,
    form: Vec<(String, String)>,
}

/// What every call has, and nobody configures.
const USUAL: [&str; 12] = [
    "authorization",
    "accept",
    "connection",
    "content-length",
    "content-type",
    "host",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-prefix",
];

fn call(heard: &Value) -> Call {
    let headers: Vec<(String, String)> = serde_json::from_value(heard["headers"].clone()).unwrap();
    let headers: Vec<(String, String)> = headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let one = |name: &str| {
        let mut lines = headers.iter().filter(|(own, _)| own == name);
        let line = lines.next().map(|(_, value)| value.clone());
        assert!(lines.next().is_none(), "{name} is there twice: {heard}");
        line
    };
    assert_eq!(
        one("content-type").as_deref(),
        Some("application/x-www-form-urlencoded"),
        "{heard}"
    );
    let form = form_urlencoded::parse(heard["body"].as_str().unwrap().as_bytes());
    Call {
        authorization: one("authorization"),
        accept: one("accept"),
        form: form.into_owned().collect(),
        further: headers
            .iter()
            .filter(|(name, _)| !USUAL.contains(&name.as_str()))
            .cloned()
            .collect(),
    }
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(own).collect()
}

/// Every field that says something of the call. The client's own headers, cookies and query are none of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_is_asked_as_configured() {
    const HINT: (&str, &str) = ("token_type_hint", "access_token");
    let provider = Provider::start(false);
    let (id, secret) = (provider.client.as_str(), provider.secret.as_str());
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let mine = format!("client_secret: ['{secret}']");
    for token in TOKENS {
        provider.grant("alice@example.com", token, now() + 3600);
    }
    let by_post = "introspection_endpoint_auth_method: client_secret_post";
    let further = "introspection_post_args_names: [resource, 'a b&=ü'],
                   introspection_post_args_values: ['https://api.test/orders?a=b', '+&=%'],
                   introspection_headers_names: [X-Tenant, X-Zone], introspection_headers_values: [shop, 'a, b']";
    let in_headers = "introspection_headers_names: [Authorization, Accept, Content-Type],
                      introspection_headers_values: [Bearer abc, text/html, text/plain]";
    let sent_further = owned(&[("x-tenant", "shop"), ("x-zone", "a, b")]);
    // The status is the endpoint's word: it knows one way for this client, and the token by one name.
    for (fields, status, authorization, form, headers) in table! {
        (String::new(), 200, Some(&*basic), vec![HINT], vec![]);
        ("introspection_hint: refresh_token".into(), 200, Some(&basic), vec![("token_type_hint", "refresh_token")], vec![]);
        ("introspection_hint: null".into(), 200, Some(&basic), vec![], vec![]);
        ("introspection_accept: application/json".into(), 200, Some(&basic), vec![HINT], vec![]);
        (further.into(), 200, Some(&basic), vec![HINT, ("resource", "https://api.test/orders?a=b"), ("a b&=ü", "+&=%")], sent_further.clone());
        (in_headers.into(), 200, Some(&basic), vec![HINT], vec![]);
        (by_post.into(), UNJUDGED.0, None, vec![HINT, ("client_id", id), ("client_secret", secret)], vec![]);
        (format!("{by_post}, {further}"), UNJUDGED.0, None, vec![HINT, ("resource", "https://api.test/orders?a=b"), ("a b&=ü", "+&=%"), ("client_id", id), ("client_secret", secret)], sent_further);
        ("client_auth: [client_secret_post]".into(), UNJUDGED.0, None, vec![HINT, ("client_id", id), ("client_secret", secret)], vec![]);
        ("introspection_endpoint_auth_method: none".into(), UNJUDGED.0, None, vec![HINT, ("client_id", id)], vec![]);
        (format!("introspection_endpoint_auth_method: none, {in_headers}"), UNJUDGED.0, Some("Bearer abc"), vec![HINT, ("client_id", id)], vec![]);
    } {
        for token in TOKENS {
            let plan = provider.plan(&format!("auth_methods: [introspection], {mine}, {fields}"));
            let stack = plan.start().await;
            let before = provider.introspections();
            let answer = stack
                .gateway_http()
                .get("/orders?client_id=mallory")
                .header("authorization", &format!("Bearer {token}"))
                .header("cookie", "session=of-the-client")
                .header("x-of-the-client", "1")
                .await;
            assert_eq!(answer.status, status, "{fields} {answer:?}");
            let heard = provider.introspected();
            assert_eq!(heard.len(), before + 1, "{fields}");
            let expected = Call {
                authorization: authorization.map(str::to_owned),
                accept: Some("application/json".into()),
                further: headers.clone(),
                form: owned(&[&[("token", token)], &form[..]].concat()),
            };
            assert_eq!(call(&heard[before]), expected, "{fields}");
        }
    }
    // Another name for the token is a question that this endpoint does not understand.
    let fields =
        format!("auth_methods: [introspection], {mine}, introspection_token_param_name: access_token");
    let stack = provider.plan(&fields).start().await;
    let refused = with_token(&stack, TOKENS[0]).await;
    assert_eq!(refused.status, UNJUDGED.0);
    let line = stack.line_of(&refused).await;
    assert!(line["decision"]["cause"].to_string().contains("400"), "{line}");
    let heard = provider.introspected();
    let form = call(heard.last().unwrap()).form;
    assert_eq!(form, owned(&[("access_token", TOKENS[0]), HINT]));
}

/// Each client may say who it is in one way, and is refused in the other. What is reserved in its name and its secret is
/// encoded before it is put together (RFC 6749 §2.3.1).
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_let_in_by_the_method_that_its_provider_knows() {
    const METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];
    let provider = Provider::start(true);
    provider.grant("alice@example.com", TOKENS[0], now() + 3600);
    for (id, secret) in [
        ("gateway", "correct horse battery staple"),
        ("gate way:1", "a+b & c=d % e?f/g:h;i*j~k"),
        ("gäteway", "%41%2B+%%"),
        ("", ""),
    ] {
        for registered in METHODS {
            let own = (provider.client.clone(), provider.secret.clone());
            let is_own = id.is_empty();
            if is_own && registered == METHODS[1] {
                continue;
            }
            let (id, secret) = if is_own {
                own
            } else {
                (id.to_owned(), secret.to_owned())
            };
            if !is_own {
                provider.register(&id, &secret, registered);
            }
            for method in METHODS {
                let fields = format!(
                    "auth_methods: [introspection], client_secret: [{}],
                     introspection_endpoint_auth_method: {method}",
                    json!(secret)
                );
                let stack = provider
                    .plan(&fields)
                    .replace(
                        &format!("client_id: [{}]", provider.client),
                        &format!("client_id: [{}]", json!(id)),
                    )
                    .start()
                    .await;
                let answer = with_token(&stack, TOKENS[0]).await;
                let status = if registered == method { 200 } else { UNJUDGED.0 };
                assert_eq!(answer.status, status, "{id} {registered} by {method}: {answer:?}");
                let line = stack.line_of(&answer).await;
                let secret: String = json!(secret).to_string();
                assert!(!line.to_string().contains(secret.trim_matches('"')), "{line}");
            }
        }
    }
}

/// `bearer` verifies a signed token here; `introspect_jwt_tokens` leaves it to the provider, whose word then counts alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_token_is_introspected_where_the_configuration_says_so() {
    let provider = Provider::start(false);
    let signed = provider.tokens("alice@example.com").id;
    let known = provider.tokens("bob@example.com").id;
    // To the endpoint it is a token like any other; what it says itself is not looked at.
    provider.grant("alice@example.com", &known, now() + 3600);
    let secret = &provider.secret;
    for (fields, token, status, who, asked) in table! {
        ("auth_methods: [bearer, introspection]", &signed, 200, Some("alice@example.com"), 0);
        ("auth_methods: [bearer, introspection]", &known, 403, None, 0);
        ("auth_methods: [bearer, introspection], introspect_jwt_tokens: true", &signed, 401, None, 1);
        ("auth_methods: [bearer, introspection], introspect_jwt_tokens: true", &known, 200, Some("alice@example.com"), 1);
        ("auth_methods: [introspection]", &signed, 401, None, 1);
        ("auth_methods: [introspection]", &known, 200, Some("alice@example.com"), 1);
        ("auth_methods: [bearer], introspect_jwt_tokens: true", &signed, 200, Some("alice@example.com"), 0);
    } {
        let fields = format!("{fields}, client_secret: ['{secret}'], consumer_claim: [sub]");
        let stack = provider.plan(&fields).start().await;
        let before = provider.introspections();
        // The second time from memory.
        for _ in 0..2 {
            let answer = with_token(&stack, token).await;
            assert_eq!(answer.status, status, "{fields}: {answer:?}");
            assert_eq!(answer.received("x-consumer-username").as_deref(), who, "{fields}");
        }
        assert_eq!(provider.introspections() - before, asked, "{fields}");
    }
}

/// A door to the endpoint for clients with a certificate of this authority; what it was asked, and by whom, is in
/// `access.log`. What stands behind knows the client by a password, which the door has; the gateway has none.
fn door(provider: &Provider, clients: &Authority, number: u8) -> (String, Server) {
    let (address, files) = (own_address(number), Files::new());
    let issued = provider
        .authority
        .issue(Leaf::server("provider.test").ip(address.ip()))
        .unwrap();
    let (certificate, key) = files.pair("door", &issued);
    let trusted = files.write("clients.pem", &clients.pem());
    let password = STANDARD.encode(format!("{}:{}", provider.client, provider.secret));
    let (url, host) = (&provider.url, provider.url.trim_start_matches("https://"));
    let http = format!(
        "log_format who '$ssl_client_s_dn $uri'; access_log access.log who; server {{ listen {address} ssl; \
         ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_client_certificate {trusted}; \
         ssl_verify_client on; location / {{ proxy_pass {url}; proxy_set_header Host {host}; \
         proxy_set_header Authorization 'Basic {password}'; }} }}"
    );
    let server = tokio::task::block_in_place(|| files.nginx(&http, &[address]));
    (format!("https://{address}/oauth2/introspect"), server)
}

/// RFC 8705 §5: a client that proves itself by its certificate is sent to another door, by the discovery document or by
/// the configuration, which goes before it. Nobody else is.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_certificate_goes_where_certificates_are_asked_for() {
    let provider = Provider::start(true);
    provider.grant("alice@example.com", TOKENS[0], now() + 3600);
    let clients = Authority::root("Clients of the provider").unwrap();
    let (own, other) = (
        clients.issue(Leaf::client("gateway")).unwrap(),
        Authority::root("Others")
            .unwrap()
            .issue(Leaf::client("gateway"))
            .unwrap(),
    );
    let doors = [10, 11].map(|number| door(&provider, &clients, number));
    let [(alias, _), (named, _)] = &doors;
    provider.describe(&json!({"mtls_endpoint_aliases": {"introspection_endpoint": alias}}));
    let by_certificate = "introspection_endpoint_auth_method: tls_client_auth";
    let self_signed = "introspection_endpoint_auth_method: self_signed_tls_client_auth";
    let secret = format!("client_secret: ['{}']", provider.secret);
    let elsewhere = format!("{by_certificate}, mtls_introspection_endpoint: '{named}'");
    let by_secret = format!("{secret}, introspection_endpoint_auth_method: client_secret_basic");
    let both = format!("{by_secret}, mtls_introspection_endpoint: '{named}'");
    let said = format!("{by_certificate}, introspection_endpoint: '{named}'");
    for (fields, shown, status, asked) in table! {
        (by_certificate, &own, 200, [1, 0]);
        (self_signed, &own, 200, [1, 0]);
        // A certificate that is configured is how it proves itself, unless something else is said.
        ("consumer_claim: [sub]", &own, 200, [1, 0]);
        (&*elsewhere, &own, 200, [0, 1]);
        (&*said, &own, 200, [0, 1]);
        // Whom the door does not know, it answers with a 400: nginx takes the handshake.
        (by_certificate, &other, UNJUDGED.0, [1, 0]);
        (&*by_secret, &own, 200, [0, 0]);
        (&*both, &own, 200, [0, 0]);
    } {
        let before = doors
            .each_ref()
            .map(|(_, door)| door.read("access.log").lines().count());
        let plan = provider.plan(&format!(
            "auth_methods: [introspection], tls_client_auth_cert_id: a1ce0000-0000-4000-8000-000000000002, {fields}"
        ));
        let stack = plan
            .replace(
                "consumers:",
                "certificates: [{id: a1ce0000-0000-4000-8000-000000000002, cert: \"@own.pem\", key: \"@own.key\"}]\nconsumers:",
            )
            .file("own.pem", shown.chain_pem())
            .file("own.key", shown.key_pem())
            .start()
            .await;
        let answer = with_token(&stack, TOKENS[0]).await;
        let line = stack.line_of(&answer).await;
        assert_eq!(answer.status, status, "{fields} {line}");
        let form = call(provider.introspected().last().unwrap()).form;
        if status == 200 && asked != [0, 0] {
            let id = &*provider.client;
            let expected = [
                ("token", TOKENS[0]),
                ("token_type_hint", "access_token"),
                ("client_id", id),
            ];
            assert_eq!(form, owned(&expected), "{fields}: without a secret");
        }
        drop(stack);
        // nginx writes its line when it has answered.
        let after = doors
            .each_ref()
            .map(|(_, door)| door.read("access.log").lines().count());
        assert_eq!([after[0] - before[0], after[1] - before[1]], asked, "{fields}");
    }
}

/// Answers to questions that nobody should have to ask: `check` says what lacks, and where.
#[test]
fn a_client_that_could_not_say_who_it_is_is_refused() {
    for (fields, said) in [
        ("client_id: [gateway]", None),
        (
            "introspection_endpoint_auth_method: client_secret_basic, client_secret: [s]",
            Some("introspection needs client_id"),
        ),
        (
            "introspection_endpoint_auth_method: client_secret_post, client_id: [gateway]",
            Some("introspection needs client_secret"),
        ),
        (
            "introspection_endpoint_auth_method: tls_client_auth, client_id: [gateway]",
            Some("introspection needs tls_client_auth_cert_id"),
        ),
        (
            "introspection_endpoint_auth_method: private_key_jwt, client_id: [gateway]",
            Some("error[not-yet]"),
        ),
        ("introspection_accept: application/jwt", Some("error[not-yet]")),
        (
            "introspection_post_args_names: [a, b], introspection_post_args_values: [c]",
            Some("must be of one length"),
        ),
        (
            "introspection_headers_names: ['a b'], introspection_headers_values: [c]",
            Some("error[invalid-value]"),
        ),
        (
            "introspection_headers_names: [a], introspection_headers_values: [\"b\\nc\"]",
            Some("error[invalid-value]"),
        ),
    ] {
        let document = format!(
            "_format_version: '3.0'\nservices:\n- {{name: echo, url: 'http://{{echo}}', routes: [{{name: all, paths: [/]}}], \
             plugins: [{{name: openid-connect, config: {{issuer: 'https://login.test', auth_methods: [introspection], \
             audience_required: [orders], {fields}}}}}]}}\n"
        );
        let refusal = Stack::reading(document).gateway("revocation_lists", "").refusal();
        let refusal = refusal.map(|report| report.to_string()).unwrap_or_default();
        match said {
            None => assert_eq!(refusal, "", "{fields}"),
            Some(said) => assert!(refusal.contains(said), "{fields}: {refusal}"),
        }
    }
}
