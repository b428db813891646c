//! Tokens and keys in the fields of a body: found, kept from the upstream, and the rest of the body goes on as it came.

use bytes::Bytes;
use harness::answer::Answer;
use harness::client::{Call, Client};
use harness::issuer::Issuer;
use harness::stack::Stack;
use http::Method;
use http_body::Frame;
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::bearer_tokens::plan;
use crate::kong_answers::both;
use crate::streams::{Frames, read_until};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json; charset=utf-8";
const ALICE: &str = "key-of-alice-0123456789";
const BOB: &str = "key-of-bob-elsewhere";

async fn tokens(fields: &str) -> (Issuer, Stack) {
    let issuer = Issuer::start(1);
    let fields = format!("consumer_claim: [azp]; {fields}");
    let stack = plan(&issuer, &fields, "").start().await;
    (issuer, stack)
}

fn post(client: &Client, content_type: &str, body: &str) -> Call {
    let call = client.post("/orders", body.to_owned());
    call.header("content-type", content_type)
}

/// In pieces of which nobody knows how many will come.
fn chunked(client: &Client, path: &str, pieces: Vec<Bytes>) -> Call {
    let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
    client
        .request(Method::POST, path)
        .body(Frames(frames.collect()).boxed())
}

fn body_of(answer: &Answer) -> String {
    answer.json()["body"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_found_in_a_form_and_in_json() {
    // Nothing is said of places: Kong's default looks into the body.
    let (issuer, stack) = tokens("leeway: 0").await;
    let token = issuer.token(&json!({}));
    for client in both(stack.gateway()).into_iter().chain([stack.gateway_http()]) {
        for (content_type, body) in [
            (FORM, format!("access_token={token}")),
            (FORM, format!("a=%7e&access%5Ftoken={token}&b=+")),
            (
                JSON,
                format!(r#"{{"a": [1, {{"access_token": "x"}}], "access_token": "{token}"}}"#),
            ),
        ] {
            let answer = post(&client, content_type, &body).await;
            assert_eq!(answer.status, 200, "{body}: {answer:?}");
            let consumer = answer.received("x-consumer-username");
            assert_eq!(consumer.as_deref(), Some("alice@example.com"), "{body}");
            assert_eq!(body_of(&answer), body, "as it came");
            assert_eq!(answer.received("content-length"), Some(body.len().to_string()));
            let bearer = format!("Bearer {token}");
            assert_eq!(
                answer.received("authorization"),
                Some(bearer),
                "as a token from elsewhere"
            );
            let line = stack.line_of(&answer).await;
            assert!(!line.to_string().contains(&token));
            assert_eq!(line["request_bytes"], body.len());
        }
        let halves = ["x=1&access_to".to_owned(), format!("ken={token}&y=2")];
        let whole = halves.concat();
        let pieces = halves.into_iter().map(Bytes::from).collect();
        let answer = chunked(&client, "/orders", pieces)
            .header("content-type", FORM)
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(body_of(&answer), whole);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_is_taken_out_of_the_body_and_nothing_else() {
    let (issuer, stack) = tokens("hide_credentials: true; upstream_access_token_header: null").await;
    let token = issuer.token(&json!({}));
    for client in both(stack.gateway()) {
        for (content_type, body, left) in [
            (FORM, format!("access_token={token}"), ""),
            (
                FORM,
                format!("a=%7e&%61ccess_token={token}&b=+&&c"),
                "a=%7e&b=+&c",
            ),
            (
                JSON,
                format!(r#"{{"price": 1.10, "access_token": "{token}", "big": 1e999, "ü": "ü"}}"#),
                r#"{"price":1.10,"big":1e999,"ü":"ü"}"#,
            ),
        ] {
            let answer = post(&client, content_type, &body).await;
            assert_eq!(answer.status, 200, "{body}: {answer:?}");
            assert_eq!(body_of(&answer), left);
            assert_eq!(answer.received("content-length"), Some(left.len().to_string()));
            assert!(!answer.text().contains(&token), "{answer:?}");
        }
        let piece = Bytes::from(format!("a=1&access_token={token}"));
        let answer = chunked(&client, "/orders", vec![piece])
            .header("content-type", FORM)
            .await;
        assert_eq!(body_of(&answer), "a=1", "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_looked_into_only_where_that_is_its_meaning() {
    let (issuer, stack) = tokens("leeway: 0").await;
    let token = issuer.token(&json!({}));
    let client = stack.gateway_http();
    let form = format!("access_token={token}");
    let bearer = format!("Bearer {token}");
    let with_type = |method: Method, content_type: &str| {
        let call = client
            .request(method, "/orders")
            .header("content-type", content_type);
        call.body(harness::client::whole(form.clone()))
    };
    for (row, call, status, reason) in table! {
        ("a GET's body means nothing", with_type(Method::GET, FORM), 401, "token_missing");
        ("DELETE", with_type(Method::DELETE, FORM), 200, "");
        ("plain text", with_type(Method::POST, "text/plain"), 401, "token_missing");
        ("a form that says it is JSON", with_type(Method::POST, JSON), 401, "token_missing");
        ("no type", client.post("/orders", form.clone()), 401, "token_missing");
        ("two types", with_type(Method::POST, FORM).header("content-type", JSON), 401, "token_missing");
        ("compressed, it says", with_type(Method::POST, FORM).header("content-encoding", "gzip"), 401, "token_missing");
        ("twice", post(&client, FORM, &format!("{form}&{form}")), 401, "token_malformed");
        ("twice in JSON", post(&client, JSON, &format!(r#"{{"access_token":"{token}","access_token":"x"}}"#)), 401, "token_malformed");
        ("empty", post(&client, FORM, "access_token="), 401, "token_missing");
        ("no text", post(&client, JSON, r#"{"access_token": 7}"#), 401, "token_missing");
        ("another case", post(&client, FORM, &format!("Access_Token={token}")), 401, "token_missing");
        ("rubbish", post(&client, FORM, "access_token=rubbish"), 401, "token_malformed");
        ("elsewhere: the body is not read", post(&client, FORM, "access_token=rubbish").header("authorization", &bearer), 200, "");
        ("one in a header that is not good", post(&client, FORM, &form).header("authorization", "Bearer rubbish"), 401, "token_malformed");
    } {
        let answer = call.await;
        assert_eq!(answer.status, status, "{row}: {answer:?}");
        assert_eq!(stack.reason_of(&answer).await, reason, "{row}");
    }
    let (_, headers_only) = tokens("bearer_token_param_type: [header, query]").await;
    let answer = post(&headers_only.gateway_http(), FORM, &form).await;
    assert_eq!(headers_only.reason_of(&answer).await, "token_missing");
}

/// Nothing of a long body may be lost because somebody looked at its beginning.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_to_be_looked_into_goes_on_whole() {
    let (issuer, stack) = tokens("anonymous: guest").await;
    let token = issuer.token(&json!({}));
    let long = format!("a={}&access_token={token}", "x".repeat(60_000));
    let pieces = || {
        let pieces = long.as_bytes().chunks(7_000);
        pieces.map(Bytes::copy_from_slice).collect()
    };
    for client in both(stack.gateway()) {
        for call in [
            client.post("/orders", long.clone()),
            chunked(&client, "/orders", pieces()),
        ] {
            let answer = call.header("content-type", FORM).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.received("x-anonymous-consumer").as_deref(), Some("true"));
            assert!(body_of(&answer) == long, "{} bytes", body_of(&answer).len());
        }
    }
    // A short one is looked into before anybody stands in.
    let form = format!("access_token={token}");
    let answer = post(&stack.gateway_http(), FORM, &form).await;
    assert_eq!(
        answer.received("x-consumer-username").as_deref(),
        Some("alice@example.com")
    );
    let (_, strict) = tokens("leeway: 0").await;
    let answer = post(&strict.gateway_http(), FORM, &long).await;
    assert_eq!(answer.status, 401);
    assert_eq!(strict.reason_of(&answer).await, "token_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_in_the_middle_holds_nobody_up() {
    let (issuer, stack) = tokens("leeway: 0").await;
    let client = stack.gateway_http();
    let head = "POST /orders HTTP/1.1\r\nhost: a.test\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let begun = format!("{head}content-length: 1000\r\n\r\naccess_token=");
    let silent = async {
        let mut stream = client.stream().await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        read_until(&mut *stream, "\r\n\r\n").await
    };
    let good = async {
        let form = format!("access_token={}", issuer.token(&json!({})));
        for _ in 0..20 {
            assert_eq!(post(&client, FORM, &form).await.status, 200);
        }
    };
    let (silent, ()) = tokio::join!(silent, good);
    assert!(silent.starts_with("HTTP/1.1 408 "), "{silent}");
    assert_eq!(stack.upstream.count(), 20, "nothing of it went on");
}

/// Who asks first is told to go on before anything is decided: the decision needs the body.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_100_is_asked_for_its_body() {
    let (issuer, stack) = tokens("leeway: 0").await;
    let form = format!("access_token={}", issuer.token(&json!({})));
    let mut stream = stack.gateway_http().stream().await.unwrap();
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: a.test\r\nexpect: 100-continue\r\ncontent-type: {FORM}\r\ncontent-length: {}\r\n\r\n",
        form.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut *stream, "HTTP/1.1 100 ").await;
    stream.write_all(form.as_bytes()).await.unwrap();
    let answer = read_until(&mut *stream, "alice@example.com").await;
    assert!(answer.contains("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_on_bodies_holds() {
    let issuer = Issuer::start(1);
    let stack = plan(&issuer, "consumer_claim: [azp]", "")
        .gateway("nginx_http_client_max_body_size", "1k")
        .start()
        .await;
    let form = format!(
        "a={}&access_token={}",
        "x".repeat(2_000),
        issuer.token(&json!({}))
    );
    let client = stack.gateway_http();
    assert_eq!(post(&client, FORM, &form).await.status, 413, "by its length");
    let call = chunked(&client, "/orders", vec![form.into()]).header("content-type", FORM);
    assert_eq!(call.await.status, 413, "by its bytes");

    // What is kept from the upstream came in all the same.
    let stack = Stack::with("key_auth.yaml")
        .gateway("nginx_http_client_max_body_size", "1k")
        .start()
        .await;
    let body = format!("a=1&apikey={}", "x".repeat(2_000)).into();
    let call = chunked(&stack.gateway(), "/body-hidden", vec![body]).header("content-type", FORM);
    assert_eq!(
        call.header("apikey", ALICE).await.status,
        413,
        "although it is hidden"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_found_in_a_body() {
    let stack = Stack::with("key_auth.yaml").start().await;
    let form = |path: &str, body: String| stack.gateway().post(path, body).header("content-type", FORM);
    let json = |path: &str, body: String| stack.gateway().post(path, body).header("content-type", JSON);
    for (row, call, username, body) in table! {
        ("form", form("/body-too", format!("a=1&apikey={ALICE}")), "alice@example.com", format!("a=1&apikey={ALICE}"));
        ("JSON", json("/body-too", format!(r#"{{"apikey": "{ALICE}"}}"#)), "alice@example.com", format!(r#"{{"apikey": "{ALICE}"}}"#));
        ("the second name", form("/body-too", format!("key={ALICE}")), "alice@example.com", format!("key={ALICE}"));
        ("the first name's field before the second's header", form("/body-too", format!("apikey={ALICE}")).header("key", BOB), "alice@example.com", format!("apikey={ALICE}"));
        ("a header before a field", form("/body-too", "apikey=wrong".into()).header("apikey", ALICE), "alice@example.com", "apikey=wrong".into());
        ("hidden", form("/body-hidden", format!("a=1&apikey={ALICE}&b")), "alice@example.com", "a=1&b".into());
        ("hidden in every place", form("/body-hidden", format!("a=1&apikey={BOB}")).header("apikey", ALICE), "alice@example.com", "a=1".into());
        ("hidden beside an argument too", form(&format!("/body-hidden?apikey={ALICE}"), format!("apikey={BOB}&b=2")), "alice@example.com", "b=2".into());
        ("a header alone, and nothing hidden", form("/body-hidden", "a=1".into()).header("apikey", ALICE), "alice@example.com", "a=1".into());
        ("a guest is one who has none", form("/body-or-guest", "a=1".into()), "nobody", "a=1".into());
        ("not a guest", form("/body-or-guest", format!("apikey={ALICE}")), "alice@example.com", format!("apikey={ALICE}"));
    } {
        let answer = call.await;
        assert_eq!(answer.status, 200, "{row}: {answer:?}");
        assert_eq!(
            answer.received("x-consumer-username").as_deref(),
            Some(username),
            "{row}"
        );
        assert_eq!(body_of(&answer), body, "{row}");
    }
    for (row, call, reason) in table! {
        ("twice", form("/body-too", format!("apikey={ALICE}&apikey={ALICE}")), "token_malformed");
        ("wrong", form("/body-too", "apikey=wrong".into()), "token_untrusted");
        ("none", form("/body-too", "a=1".into()), "token_missing");
        ("not asked for", form("/header-only", format!("apikey={ALICE}")), "token_missing");
    } {
        let answer = call.await;
        assert_eq!(answer.status, 401, "{row}: {answer:?}");
        assert_eq!(stack.reason_of(&answer).await, reason, "{row}");
    }
}

/// The fields that nobody can see on the wire are judged by the same code.
#[tokio::test(flavor = "multi_thread")]
async fn explain_looks_into_a_body_too() {
    let stack = Stack::with("key_auth.yaml").start().await;
    let data = format!("apikey={ALICE}");
    let arguments = ["-d", &data, "https://gateway.internal/body-hidden"];
    let said = stack.explain(&arguments);
    assert_eq!(said["verdict"], "allow", "{said:#}");
    assert_eq!(said["request"]["method"], "POST");
    assert_eq!(said["consumer"]["username"], "alice@example.com");
    let headers = said["upstream"]["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["content-length", "0"])), "{said:#}");
    assert!(!said.to_string().contains(ALICE), "{said:#}");
    // The field is hidden: the upstream gets what is left.
    let words = stack.explain_in_words(&[
        "-d",
        &format!("{data}&b=1"),
        "https://gateway.internal/body-hidden",
    ]);
    assert!(words.contains("content-length: 3\n"), "{words}");
    // A field of that name is hidden beside a key in a header, too.
    let header = format!("apikey: {ALICE}");
    let data = format!("a=1&apikey={BOB}");
    let words = stack.explain_in_words(&["-H", &header, "-d", &data, "https://gateway.internal/body-hidden"]);
    assert!(words.contains("content-length: 3\n"), "{words}");
    let data = format!("apikey={ALICE}");
    assert_eq!(
        stack.explain(&["POST", "https://gateway.internal/body-hidden"])["reason"],
        "token_missing"
    );
    let long = format!("a={}&{data}", "x".repeat(40_000));
    assert_eq!(
        stack.explain(&["-d", &long, "https://gateway.internal/body-hidden"])["verdict"],
        "deny"
    );
    let (_issuer, stack) = tokens("bearer_token_param_type: [body]").await;
    let long = format!("a={}&access_token=a.b.c", "x".repeat(40_000));
    for (data, saw) in [
        (
            &*long,
            "no token that could be looked at: token_missing; the body is longer than what is looked into",
        ),
        ("a=b", "no token that could be looked at: token_missing"),
    ] {
        let said = stack.explain(&["-d", data, "https://gateway.internal/orders"]);
        assert_eq!(said["plugins"][0]["saw"], json!([saw]), "{said:#}");
    }
}
