//! What the RFCs print of bearer tokens: the certificate that one is bound to (RFC 8705), the headers that they come in and
//! are asked for by (RFC 6750).

use harness::issuer::{Issuer, now};
use serde_json::{Value, json};

use crate::bearer_tokens::plan;
use crate::kong_answers::both;

/// RFC 8705 Appendix A: a certificate whose key is not printed, so that nobody can show it; `explain` takes it for shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_bound_by_the_thumbprint_that_the_rfc_has() {
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx
ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG
SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ
/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID
SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV
bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=
-----END CERTIFICATE-----
";
    const BOUND: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
    /// §3.1, of a certificate that is not shown.
    const ANOTHER: &str = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";
    let issuer = Issuer::start(1);
    let stack = plan(&issuer, "proof_of_possession_mtls: strict", "")
        .start()
        .await;
    let (keys, certificate) = (stack.file("keys.json"), stack.file("rfc8705.pem"));
    std::fs::write(&keys, json!({"keys": [issuer.signer.jwk()]}).to_string()).unwrap();
    std::fs::write(&certificate, CERTIFICATE).unwrap();
    for (cnf, shown, reason) in [
        (json!({"x5t#S256": BOUND}), true, Value::Null),
        (json!({"x5t#S256": ANOTHER}), true, json!("token_not_bound")),
        (json!({"x5t#S256": BOUND}), false, json!("token_not_bound")),
        (
            json!({"x5t#S256": format!("{BOUND}=")}),
            true,
            json!("token_not_bound"),
        ),
        (json!({"x5t": BOUND}), true, json!("token_not_bound")),
    ] {
        let token = issuer.token(&json!({"cnf": cnf}));
        let mut arguments = vec!["--jwks", &keys, "--token", &token];
        if shown {
            arguments.extend(["--cert", &certificate]);
        }
        arguments.push("https://gateway.internal/orders");
        let told = stack.explain(&arguments);
        assert_eq!(
            (&told["reason"], &told["unknown"]),
            (&reason, &Value::Null),
            "{cnf} {told:#}"
        );
    }
}

/// RFC 6750 §2.1, §2.3, §3: how a token comes, and how it is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn bearer_tokens_come_and_are_asked_for_as_the_rfc_has_it() {
    let issuer = Issuer::start(1);
    let stack = plan(&issuer, "scopes_required: ['orders:read']", "")
        .start()
        .await;
    let good = issuer.token(&json!({}));
    let (over, poor) = (
        issuer.token(&json!({"exp": now() - 60})),
        issuer.token(&json!({"scope": "openid"})),
    );
    let realm = format!("Bearer realm=\"{}\"", issuer.address.ip());
    let with = |error: &str| format!("{realm}, error=\"{error}\"");
    let (invalid, insufficient) = (with("invalid_token"), with("insufficient_scope"));
    for (path, lines, status, challenge) in table! {
        ("", vec![format!("Bearer {good}")], 200, None);
        // Schemes are compared without regard to case (RFC 9110 §11.1).
        ("", vec![format!("bearer {good}")], 200, None);
        ("", vec![format!("BEARER   {good} ")], 200, None);
        (&*format!("?access_token={good}"), vec![], 200, None);
        // §3.1: whoever brings nothing is told what to bring, and of no error.
        ("", vec![], 401, Some(&realm));
        ("", vec!["Bearer".to_owned()], 401, Some(&realm));
        ("", vec![format!("Basic {good}")], 401, Some(&realm));
        ("", vec![format!("Bearer{good}")], 401, Some(&realm));
        ("", vec![format!("Bearer {over}")], 401, Some(&invalid));
        (&*format!("?access_token={over}"), vec![], 401, Some(&invalid));
        ("", vec!["Bearer mF_9.B5f-4.1JqM".to_owned()], 401, Some(&invalid));
        ("", vec![format!("Bearer {good} {good}")], 401, Some(&invalid));
        ("", vec![format!("Bearer \"{good}\"")], 401, Some(&invalid));
        ("", vec![format!("Bearer {good},{good}")], 401, Some(&invalid));
        // §2: one way in one request.
        (&*format!("?access_token={good}"), vec![format!("Bearer {good}")], 401, Some(&invalid));
        ("", vec![format!("Bearer {good}"), format!("Bearer {good}")], 401, Some(&invalid));
        ("", vec![format!("Bearer {poor}")], 403, Some(&insufficient));
    } {
        for client in both(stack.gateway()).into_iter().chain([stack.gateway_http()]) {
            let mut call = client.get(&format!("/orders{path}"));
            for line in &lines {
                call = call.header("authorization", line);
            }
            let answer = call.await;
            assert_eq!(answer.status, status, "{path} {lines:?}: {answer:?}");
            assert_eq!(
                answer.header("www-authenticate"),
                challenge.map(String::as_str),
                "{path} {lines:?}"
            );
        }
    }
}
