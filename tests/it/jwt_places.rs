//! Where a token may come, what in it names its credential, and what becomes of what it began.

use harness::stack::{Stack, eventually};
use serde_json::{Value, json};

use crate::jwt::{SECRET, alices, assert_is, assert_refused, bearer, in_seconds, token_of};
use crate::kong_answers::both;
use crate::streams::{assert_cut_off, assert_goes_on, open_mirror};

async fn start() -> Stack {
    Stack::with("jwt.yaml").start().await
}

#[tokio::test]
async fn a_token_comes_in_one_place() {
    const SEVERAL: (&str, &str) = ("Multiple tokens provided", "token_malformed");
    const NONE: (&str, &str) = ("Unauthorized", "token_missing");
    let stack = start().await;
    let (one, two) = (alices(json!({})), alices(json!({"n": 2})));
    let (b, c) = (bearer(&one), format!("session={one}"));
    for client in both(stack.gateway()) {
        let get = |query: &str| client.get(&format!("/places{query}"));
        let rows = table! {
            ("query", get(&format!("?b={one}")), None);
            ("encoded", get(&format!("?%62={}", one.replace('.', "%2E"))), None);
            ("cookie", get("").header("cookie", &format!("x=1; token={one}; y=2")), None);
            ("header", get("").header("x-token", &b), None);
            ("authorization", get("").header("authorization", &b), None);
            ("case of the scheme", get("").header("authorization", &format!("bEARER  {one}")), None);
            ("the same in all", get(&format!("?a={one}&b={one}")).header("cookie", &c).header("x-token", &b).header("authorization", &b), None);
            ("empty elsewhere", get(&format!("?a=&b={one}")).header("cookie", "session=").header("x-token", "Bearer "), None);
            ("another scheme elsewhere", get(&format!("?a={one}")).header("authorization", "Basic x"), None);
            ("two in the query", get(&format!("?a={one}&b={two}")), Some(SEVERAL));
            ("two of a name", get(&format!("?a={one}&a={two}")), Some(SEVERAL));
            ("query and header", get(&format!("?a={one}")).header("authorization", &bearer(&two)), Some(SEVERAL));
            ("query and cookie", get(&format!("?a={one}")).header("cookie", &format!("token={two}")), Some(SEVERAL));
            ("two cookies of a name", get("").header("cookie", &format!("{c}; session={two}")), Some(SEVERAL));
            ("two lines", get("").header("x-token", &b).header("x-token", &bearer(&two)), Some(SEVERAL));
            ("a token and no value", get(&format!("?a&b={one}")), Some(SEVERAL));
            ("no value", get("?a"), Some(("Unrecognizable token", "token_malformed")));
            ("not configured", get(&format!("?jwt={one}")), Some(NONE));
            ("case of an argument", get(&format!("?A={one}")), Some(NONE));
            ("case of a cookie", get("").header("cookie", &format!("Session={one}")), Some(NONE));
            ("a cookie that ends so", get("").header("cookie", &format!("xtoken={one}")), Some(NONE));
            ("no scheme", get("").header("x-token", &one), Some(NONE));
            ("no space", get("").header("x-token", &format!("Bearer{one}")), Some(NONE));
            ("in the body", client.post("/places", format!("a={one}")), Some(NONE));
        };
        for (row, call, expected) in rows {
            match expected {
                None => assert_is(row, &call.await, "alice@example.com"),
                Some(refused) => assert_refused(&stack, row, call, refused).await,
            }
        }
    }
}

#[tokio::test]
async fn a_claim_or_a_header_names_the_credential() {
    let stack = start().await;
    let signed =
        |header: Value, claims: Value| token_of(&header.to_string(), &claims.to_string(), SECRET.as_bytes());
    for (row, token, expected) in table! {
        ("in the header", signed(json!({"alg": "HS256", "kid": "alice-key"}), json!({})), Ok("alice-key"));
        ("in the payload", signed(json!({"alg": "HS256"}), json!({"kid": "alice-key"})), Ok("alice-key"));
        ("the payload goes first", signed(json!({"alg": "HS256", "kid": "bob-key"}), json!({"kid": "alice-key"})), Ok("alice-key"));
        ("UTF-8", signed(json!({"alg": "HS256", "kid": "alice ü"}), json!({})), Ok("alice ü"));
        ("iss is another claim", signed(json!({"alg": "HS256"}), json!({"iss": "alice-key"})), Err("No mandatory 'kid' in claims"));
        ("unknown", signed(json!({"alg": "HS256", "kid": "carol"}), json!({})), Err("No credentials found for given 'kid'"));
    } {
        let answer = stack
            .gateway()
            .get("/kid")
            .header("authorization", &bearer(&token))
            .await;
        match expected {
            Ok(key) => {
                assert_is(row, &answer, "alice@example.com");
                assert_eq!(
                    answer.received("x-credential-identifier").as_deref(),
                    Some(key),
                    "{row}"
                );
            }
            Err(message) => assert_eq!(answer.message().as_deref(), Some(message), "{row}"),
        }
    }
}

/// A new secret under the old key, and the end of a token.
#[tokio::test]
async fn a_token_that_is_no_longer_good_ends_what_it_began() {
    let plan = Stack::with("jwt.yaml").gateway("stream_close_delay", "0s");
    let stack = plan.start().await;
    let gateway = stack.gateway();
    let lasting = alices(json!({"exp": in_seconds(3600), "nbf": 0}));
    let ending = alices(json!({"exp": in_seconds(3), "nbf": 0}));
    let opened = async |path: &str, token: &str| {
        open_mirror(&gateway, path, &format!("authorization: {}", bearer(token))).await
    };
    let mut ends = opened("/claims", &ending).await;
    // Nobody looks at its end there.
    let mut does_not_end = opened("/token", &ending).await;
    let mut lasts = opened("/claims", &lasting).await;
    eventually("the token's end", async || {
        let call = gateway.get("/claims").header("authorization", &bearer(&ending));
        // An answer that is under way in that moment is cut off.
        let answer = call.outcome().await.ok()?;
        (answer.status == 401).then_some(())
    })
    .await;
    assert_cut_off(&mut *ends).await;
    assert_goes_on(&mut *does_not_end).await;
    assert_goes_on(&mut *lasts).await;

    stack.change("kong.yaml", SECRET, "another-secret-of-32-octets-or-more-here");
    stack.reload_gateway().await;
    for mut answer in [does_not_end, lasts] {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut answer, b"5\r\nthird\r\n").await;
        assert_cut_off(&mut *answer).await;
    }
}
