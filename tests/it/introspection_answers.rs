//! What an introspection endpoint may answer (RFC 7662 §2.2), and what is no answer: nothing but a clear yes lets a token
//! pass, and a yes may name a certificate (RFC 8705 §3.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::issuer::{Issuer, now};
use harness::servers::{Files, Server, own_address};
use harness::stack::Stack;
use serde_json::json;

use crate::bearer_tokens::{UNJUDGED, plan};

/// An endpoint for each answer: a status, a type and a body.
fn endpoints(answers: &[(u16, &str, String)]) -> (Vec<String>, Server) {
    let (address, files) = (own_address(11), Files::new());
    let location = |(number, (status, media_type, body)): (usize, &(u16, &str, String))| {
        let file = files.write(&format!("{number}.body"), body);
        // A file is no answer to POST for nginx, unless that is an error that it answers with the file.
        format!(
            "location = /{number} {{ default_type {media_type}; alias {file}; error_page 405 ={status} /{number}; }}\n"
        )
    };
    let locations = answers
        .iter()
        .enumerate()
        .map(location)
        .collect::<Vec<_>>()
        .concat();
    let http = format!(
        "log_format what '$request_uri'; access_log access.log what; server {{ listen {address}; {locations} }}"
    );
    let server = tokio::task::block_in_place(|| files.nginx(&http, &[address]));
    let urls = (0..answers.len()).map(|number| format!("http://{address}/{number}"));
    (urls.collect(), server)
}

const JSON: &str = "application/json";
const YES: (u16, &str) = (200, "");
const NO: (u16, &str) = (401, "token_untrusted");

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_clear_yes_is_one() {
    let issuer = Issuer::start(1);
    let url = issuer.url();
    let (soon, over) = (now() + 3600, now() - 10);
    let rows: Vec<(u16, &str, String, (u16, &str))> = table! {
        (200, JSON, r#"{"active":true}"#.to_owned(), YES);
        (200, JSON, format!(r#"{{"active":true,"exp":{soon},"iss":"{url}","sub":"alice"}}"#), YES);
        (200, JSON, format!(" {{ \"active\" : true, \"exp\" : {soon}.5 }}\n"), YES);
        // The type says nothing of what is in it.
        (200, "text/html", r#"{"active":true}"#.to_owned(), YES);
        (200, JSON, r#"{"active":false}"#.to_owned(), NO);
        (200, JSON, r#"{"active":false,"sub":"alice","exp":4102444800}"#.to_owned(), NO);
        (200, JSON, format!(r#"{{"active":true,"nbf":{soon}}}"#), NO);
        (200, JSON, format!(r#"{{"active":true,"iat":{soon}}}"#), NO);
        (200, JSON, format!(r#"{{"active":true,"exp":{over}}}"#), (401, "token_expired"));
        (200, JSON, r#"{"active":true,"iss":"https://evil.test"}"#.to_owned(), NO);
        (200, JSON, r#"{"active":true,"iss":null}"#.to_owned(), NO);
        // Of these nobody can tell what they say.
        (200, JSON, r#"{"active":"true"}"#.to_owned(), UNJUDGED);
        (200, JSON, r#"{"active":1}"#.to_owned(), UNJUDGED);
        (200, JSON, r#"{"active":[true]}"#.to_owned(), UNJUDGED);
        (200, JSON, r#"{"active":null}"#.to_owned(), UNJUDGED);
        (200, JSON, r#"{"Active":true}"#.to_owned(), UNJUDGED);
        (200, JSON, r#"{"sub":"alice"}"#.to_owned(), UNJUDGED);
        (200, JSON, r#"{"active":false,"active":true}"#.to_owned(), UNJUDGED);
        (200, JSON, r#"{"active":true,"active":false}"#.to_owned(), UNJUDGED);
        (200, JSON, r#"{"active":true,"exp":"4102444800"}"#.to_owned(), UNJUDGED);
        (200, JSON, r#"{"active":true,"exp":-1}"#.to_owned(), UNJUDGED);
        (200, JSON, r#"[{"active":true}]"#.to_owned(), UNJUDGED);
        (200, JSON, "true".to_owned(), UNJUDGED);
        (200, JSON, String::new(), UNJUDGED);
        (200, JSON, r#"{"active":true"#.to_owned(), UNJUDGED);
        (200, JSON, r#"{"active":true} {"active":true}"#.to_owned(), UNJUDGED);
        (200, JSON, "<html>active</html>".to_owned(), UNJUDGED);
        (200, JSON, format!(r#"{{"active":true,"a":{}1{}}}"#, "[".repeat(40), "]".repeat(40)), UNJUDGED);
        (200, JSON, format!(r#"{{"active":true,"a":"{}"}}"#, "x".repeat(1 << 20)), UNJUDGED);
        // Another status is no answer, whatever is in it.
        (201, JSON, r#"{"active":true}"#.to_owned(), UNJUDGED);
        (302, JSON, r#"{"active":true}"#.to_owned(), UNJUDGED);
        (401, JSON, r#"{"active":true}"#.to_owned(), UNJUDGED);
        (500, JSON, r#"{"active":true}"#.to_owned(), UNJUDGED);
    }
    .into();
    let answers: Vec<_> = rows.iter().map(|row| (row.0, row.1, row.2.clone())).collect();
    let (urls, server) = endpoints(&answers);
    // One gateway for all: a route for each endpoint.
    let route = |(number, endpoint): (usize, &String)| {
        format!(
            "  - {{name: r{number}, paths: [/r{number}/], plugins: [{{name: openid-connect, config: {{issuer: '{url}', \
             auth_methods: [introspection], introspection_endpoint: '{endpoint}', \
             introspection_endpoint_auth_method: none}}}}]}}\n"
        )
    };
    let routes = urls.iter().enumerate().map(route).collect::<Vec<_>>().concat();
    let document = format!(
        "_format_version: '3.0'\nservices:\n- name: echo\n  url: http://{{echo}}\n  routes:\n{routes}"
    );
    let stack = Stack::reading(document)
        .believing_providers(issuer.authority_pem())
        .gateway("revocation_lists", "")
        .without_edge()
        .start()
        .await;
    for (number, (status, media_type, body, expected)) in rows.iter().enumerate() {
        let shown: String = body.chars().take(80).collect();
        let row = format!("{status} {media_type} {shown}");
        // The second time from memory.
        for _ in 0..2 {
            let call = stack.gateway_http().get(&format!("/r{number}/"));
            let answer = call.header("authorization", "Bearer opaque").await;
            let line = stack.line_of(&answer).await;
            let reason = line["decision"]["reason"].as_str().unwrap_or_default();
            assert_eq!((answer.status.as_u16(), reason), *expected, "{row} {line}");
        }
    }
    // Each is asked about once, and its answer stays for a while whatever it is.
    let asked = server.read("access.log");
    let asked: Vec<usize> = (0..rows.len())
        .map(|number| asked.lines().filter(|line| *line == format!("/{number}")).count())
        .collect();
    assert_eq!(asked, vec![1; rows.len()]);
}

/// The endpoint's word binds a token as the token's own would, with every request, remembered or not.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_bind_its_token_to_a_certificate() {
    let issuer = Issuer::start(1);
    // Whose thumbprints are not known yet: the PKI is made with the stack.
    let probe = plan(&issuer, "leeway: 0", "").start().await;
    let thumbprint = |name: &str| {
        let leaf = probe.pki.chain(name).unwrap().remove(0);
        URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &leaf))
    };
    let bound = |claims: serde_json::Value| (200, JSON, claims.to_string());
    let (urls, _server) = endpoints(&[
        bound(json!({"active": true, "cnf": {"x5t#S256": thumbprint("alice")}})),
        bound(json!({"active": true})),
        bound(json!({"active": true, "cnf": {"jkt": "x"}})),
    ]);
    for (rule, endpoint, who, status) in table! {
        ("strict", 0, Some("alice"), 200);
        ("strict", 0, Some("bob"), 401);
        ("strict", 0, None, 401);
        ("strict", 1, Some("alice"), 401);
        ("strict", 2, Some("alice"), 401);
        ("optional", 0, Some("alice"), 200);
        ("optional", 0, Some("bob"), 401);
        ("optional", 1, Some("bob"), 200);
        ("'off'", 0, Some("bob"), 200);
    } {
        let fields = format!(
            "auth_methods: [introspection]; introspection_endpoint: '{}'; introspection_endpoint_auth_method: none; \
             proof_of_possession_mtls: {rule}",
            urls[endpoint]
        );
        let plan = plan(&issuer, &fields, "").replace("auth_methods: [bearer]\n        ", "");
        // With `trusted_edges` everybody is asked for a certificate.
        let stack = plan.start().await;
        let client = |who: Option<&str>| match who {
            // The certificates are the probe's, which nobody here need trust.
            Some(name) => stack.gateway().with(probe.pki.identity(name).unwrap()),
            None => stack.gateway(),
        };
        let ask = async |who: Option<&str>| {
            let call = client(who).get("/orders");
            call.header("authorization", "Bearer opaque")
                .await
                .status
                .as_u16()
        };
        assert_eq!(ask(who).await, status, "{rule} {endpoint} {who:?}");
        // What is remembered of the token is compared anew.
        if (rule, endpoint) == ("strict", 0) {
            for (other, status) in [
                (Some("alice"), 200),
                (Some("bob"), 401),
                (None, 401),
                (Some("alice"), 200),
            ] {
                assert_eq!(ask(other).await, status, "after {who:?}: {other:?}");
            }
        }
    }
}
