//! API keys: where they may come, what is answered without a good one, and what the upstream sees.

use harness::answer::Answer;
use harness::stack::Stack;
use http::Method;

use crate::answer_forms::{JSON, body};
use crate::kong_answers::both;
use crate::streams::{assert_cut_off, assert_goes_on, open_mirror};

const ALICE: &str = "key-of-alice-0123456789";
const BOB: &str = "key-of-bob-that-lasts";
const NONE: &str = "No API key found in request";
const TWICE: &str = "Duplicate API key found";
const WRONG: &str = "Unauthorized";

async fn start() -> Stack {
    Stack::with("key_auth.yaml").start().await
}

/// Kong's answer, to the byte and with its headers.
async fn assert_refused(stack: &Stack, row: &str, answer: &Answer, (message, reason): (&str, &str)) {
    assert_eq!(answer.status, 401, "{row}: {answer:?}");
    assert_eq!(answer.text(), body(JSON, message, answer), "{row}");
    assert_eq!(answer.header("content-type"), Some(JSON), "{row}");
    assert_eq!(answer.header("www-authenticate"), Some("Key"), "{row}");
    let line = stack.line_of(answer).await;
    assert_eq!(line["decision"]["plugin"], "key-auth", "{row}");
    assert_eq!(line["decision"]["reason"], reason, "{row}");
    assert!(line["consumer"].is_null(), "{row}");
}

#[tokio::test]
async fn a_good_key_leads_to_its_consumer() {
    let stack = start().await;
    for client in both(stack.gateway()) {
        for (row, call, username) in table! {
            ("header", client.get("/key").header("apikey", ALICE), "alice@example.com");
            ("case of the header", client.get("/key").header("ApiKey", ALICE), "alice@example.com");
            ("query", client.get(&format!("/key?apikey={ALICE}")), "alice@example.com");
            ("encoded", client.get("/key?x&%61pikey=key+of%20alice:+%C3%BC%2b%26=%25"), "alice@example.com");
            ("header before query", client.get("/key?apikey=wrong").header("apikey", ALICE), "alice@example.com");
            ("top level", client.get("/key").header("apikey", "key-of-bob-elsewhere"), "bob@example.com");
            ("no ttl", client.get("/key").header("apikey", "key-of-bob-that-lasts"), "bob@example.com");
            ("ttl to come", client.get("/key").header("apikey", "key-of-bob-for-an-age"), "bob@example.com");
            ("with a body", client.post("/key", "apikey=wrong").header("apikey", ALICE), "alice@example.com");
        } {
            let answer = call.await;
            assert_eq!(answer.status, 200, "{row}: {answer:?}");
            assert_eq!(
                answer.received("x-consumer-username").as_deref(),
                Some(username),
                "{row}"
            );
            assert_eq!(answer.received("x-anonymous-consumer"), None, "{row}");
            assert_eq!(answer.header("www-authenticate"), None, "{row}");
        }
    }
    let answer = stack.gateway().get("/key").header("apikey", ALICE).await;
    for (name, value) in table! {
        ("x-consumer-custom-id", "4711");
        ("x-credential-identifier", "aaaaaaaa-0000-4000-8000-00000000000a");
        ("apikey", ALICE);
    } {
        assert_eq!(answer.received(name).as_deref(), Some(value), "{name}");
    }
    assert!(answer.received("x-consumer-id").is_some());
    let line = stack.line_of(&answer).await;
    let principal = &line["principals"][0];
    assert_eq!(principal["plugin"], "key-auth");
    assert_eq!(principal["evidence"], "token");
    assert_eq!(principal["consumer"]["username"], "alice@example.com");
    assert_eq!(principal["subject"], "aaaaaaaa-0000-4000-8000-00000000000a");
    assert!(!line.to_string().contains(ALICE), "a key is not logged");
}

#[tokio::test]
async fn refusals_are_kongs_to_the_byte() {
    const MISSING: (&str, &str) = (NONE, "token_missing");
    const DUPLICATE: (&str, &str) = (TWICE, "token_malformed");
    const UNKNOWN: (&str, &str) = (WRONG, "token_untrusted");
    let stack = start().await;
    for client in both(stack.gateway()) {
        let get = |path: &str| client.get(path);
        let long = "k".repeat(15_000);
        let rows = table! {
            ("nothing", get("/key"), MISSING);
            ("preflight", client.request(Method::OPTIONS, "/key"), MISSING);
            ("empty header", get("/key").header("apikey", ""), MISSING);
            ("empty header hides the query", get(&format!("/key?apikey={ALICE}")).header("apikey", ""), MISSING);
            ("no value", get("/key?apikey"), MISSING);
            ("empty argument", get("/key?apikey="), MISSING);
            ("another case", get(&format!("/key?ApiKey={ALICE}")), MISSING);
            ("another separator", get(&format!("/key?a=b;apikey={ALICE}")), MISSING);
            ("in the body", client.post("/key", format!("apikey={ALICE}")), MISSING);
            ("as an array", get(&format!("/key?apikey[]={ALICE}")), MISSING);
            ("another scheme", get("/key").header("authorization", &format!("Key {ALICE}")), MISSING);
            ("folded otherwise", get("/key").header("api-key", ALICE), MISSING);
            ("wrong", get("/key").header("apikey", "wrong"), UNKNOWN);
            ("case of the key", get("/key").header("apikey", &ALICE.to_uppercase()), UNKNOWN);
            ("a part", get("/key").header("apikey", &ALICE[..22]), UNKNOWN);
            ("more", get("/key").header("apikey", &format!("{ALICE}0")), UNKNOWN);
            ("two in one", get("/key").header("apikey", &format!("{ALICE},{ALICE}")), UNKNOWN);
            ("NUL", get(&format!("/key?apikey={ALICE}%00")), UNKNOWN);
            ("not UTF-8", get("/key?apikey=%ff%fe"), UNKNOWN);
            ("very long", get("/key").header("apikey", &long), UNKNOWN);
            ("wrong header before a good argument", get(&format!("/key?apikey={ALICE}")).header("apikey", "wrong"), UNKNOWN);
            ("twice in headers", get("/key").header("apikey", ALICE).header("apikey", ALICE), DUPLICATE);
            ("twice in the query", get(&format!("/key?apikey={ALICE}&%61pikey={ALICE}")), DUPLICATE);
            ("over", get("/key").header("apikey", "key-of-bob-0123456789"), (WRONG, "token_expired"));
        };
        for (row, call, expected) in rows {
            assert_refused(&stack, row, &call.await, expected).await;
        }
    }
    assert_eq!(stack.upstream.count(), 0);
    let html = stack.gateway().get("/key").header("Accept", "text/html").await;
    assert!(
        html.text().contains("<p>No API key found in request.</p>"),
        "negotiated"
    );
    let realm = stack.gateway().get("/realm").await;
    assert_eq!(realm.header("www-authenticate"), Some("Key realm=\"our house\""));
}

#[tokio::test]
async fn every_name_is_looked_for_in_its_order() {
    let stack = start().await;
    let get = |query: &str| stack.gateway().get(&format!("/names{query}"));
    for (row, call, expected) in table! {
        ("the first", get("").header("x-api-key", ALICE), Ok("alice@example.com"));
        ("underscores", get("").header("X_Api_Key", ALICE), Ok("alice@example.com"));
        ("hyphens", get("").header("api-key", ALICE), Ok("alice@example.com"));
        ("the third", get(&format!("?K={ALICE}")), Ok("alice@example.com"));
        ("an argument keeps its underscore", get(&format!("?api-key={ALICE}")), Err(NONE));
        ("one spelling and another", get("").header("api_key", ALICE).header("api-key", ALICE), Err(TWICE));
        ("the first of two", get("").header("api_key", BOB).header("x-api-key", ALICE), Ok("alice@example.com"));
        ("a wrong first of two", get("").header("api_key", ALICE).header("x-api-key", "wrong"), Err(WRONG));
        ("no value, and the next", get(&format!("?X-Api-Key&K={ALICE}")), Ok("alice@example.com"));
        ("an empty one ends the search", get(&format!("?X-Api-Key=&K={ALICE}")), Err(NONE));
        ("the default is gone", get("").header("apikey", ALICE), Err(NONE));
    } {
        let answer = call.await;
        match expected {
            Ok(username) => {
                assert_eq!(
                    answer.received("x-consumer-username").as_deref(),
                    Some(username),
                    "{row}"
                );
            }
            Err(message) => assert_eq!(answer.message().as_deref(), Some(message), "{row}"),
        }
    }
    for (path, in_header, in_query) in [("/header-only", 200, 401), ("/query-only", 401, 200)] {
        let header = stack.gateway().get(path).header("apikey", ALICE).await;
        let query = stack.gateway().get(&format!("{path}?apikey={ALICE}")).await;
        assert_eq!(
            (header.status.as_u16(), query.status.as_u16()),
            (in_header, in_query),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_hidden_key_does_not_go_upstream() {
    let stack = start().await;
    for client in both(stack.gateway()) {
        let get = |query: &str| client.get(&format!("/hidden{query}"));
        for (row, call, query) in table! {
            ("header", get("").header("apikey", ALICE), None);
            ("query", get(&format!("?apikey={ALICE}")), None);
            ("others stay as they are", get(&format!("?a=%7e+b&%61pikey={ALICE}&c")), Some("a=%7e+b&c"));
            ("both", get(&format!("?a=1&apikey={ALICE}")).header("apikey", ALICE), Some("a=1"));
            ("other spellings", get("").header("api-key", ALICE), None);
            ("two arguments beside a header", get("?apikey=1&apikey=2&b=").header("apikey", ALICE), Some("b="));
        } {
            let answer = call.await;
            assert_eq!(answer.status, 200, "{row}: {answer:?}");
            assert_eq!(answer.json()["query"].as_str(), query, "{row}");
            assert_eq!(answer.json()["path"], "/", "{row}");
            assert!(!answer.text().contains(ALICE), "{row}: {answer:?}");
            assert_eq!(answer.received_names("api"), Vec::<String>::new(), "{row}");
        }
    }
    // Shown, unless somebody says otherwise.
    let shown = stack.gateway().get(&format!("/key?apikey={ALICE}&a")).await;
    assert_eq!(shown.json()["query"], format!("apikey={ALICE}&a"));
    // A wrong one that makes somebody anonymous is hidden too.
    let wrong = stack.gateway().get("/anonymous?apikey=wrong&a=1").await;
    assert_eq!(wrong.json()["query"], "a=1");
    assert_eq!(wrong.received("x-anonymous-consumer").as_deref(), Some("true"));
}

#[tokio::test]
async fn a_preflight_passes_where_the_configuration_says_so() {
    let stack = start().await;
    for (method, path, status) in table! {
        (Method::OPTIONS, "/preflight", 200);
        (Method::GET, "/preflight", 401);
        (Method::OPTIONS, "/key", 401);
    } {
        let answer = stack.gateway().request(method.clone(), path).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.received_names("x-consumer-"), Vec::<String>::new());
    }
}

#[tokio::test]
async fn without_a_key_somebody_may_be_anonymous() {
    let stack = start().await;
    for (row, call) in table! {
        ("none", stack.gateway().get("/anonymous"));
        ("wrong", stack.gateway().get("/anonymous").header("apikey", "wrong"));
        ("twice", stack.gateway().get("/anonymous").header("apikey", ALICE).header("apikey", ALICE));
    } {
        let answer = call.header("X-Consumer-Username", "alice@example.com").await;
        assert_eq!(answer.status, 200, "{row}");
        assert_eq!(
            answer.received("x-consumer-username").as_deref(),
            Some("nobody"),
            "{row}"
        );
        assert_eq!(
            answer.received("x-anonymous-consumer").as_deref(),
            Some("true"),
            "{row}"
        );
        assert_eq!(answer.received("x-credential-identifier"), None, "{row}");
    }
    let missing = stack.gateway().get("/anonymous-missing").await;
    assert_eq!(
        (missing.status.as_u16(), missing.message().as_deref()),
        (500, Some("An unexpected error occurred"))
    );
}

#[tokio::test]
async fn a_certificate_or_a_key() {
    let stack = start().await;
    let key = |name: &str| match name {
        "" => None,
        "alice" => Some(ALICE),
        "bob" => Some(BOB),
        _ => Some("wrong"),
    };
    for (certificate, with, who, principals) in table! {
        ("", "", "nobody", 0);
        ("alice", "", "alice@example.com", 1);
        ("", "alice", "alice@example.com", 1);
        // Who is known already is not asked again.
        ("alice", "bob", "alice@example.com", 1);
        ("alice", "wrong", "alice@example.com", 1);
        ("mallory", "bob", "bob@example.com", 1);
        ("mallory", "wrong", "nobody", 0);
    } {
        let client = match certificate {
            "" => stack.gateway(),
            name => stack.gateway().cert(name),
        };
        let mut call = client.get("/either");
        if let Some(key) = key(with) {
            call = call.header("apikey", key);
        }
        let answer = call.await;
        assert_eq!(
            answer.received("x-consumer-username").as_deref(),
            Some(who),
            "{certificate} {with}"
        );
        let line = stack.line_of(&answer).await;
        assert_eq!(
            line["principals"].as_array().map(Vec::len),
            Some(principals),
            "{certificate} {with}"
        );
    }
}

#[tokio::test]
async fn a_certificate_and_a_key() {
    let stack = start().await;
    for (certificate, key, status, plugin, reason) in table! {
        ("alice", ALICE, 200, "acl", None);
        ("alice", "key-of-bob-that-lasts", 403, "acl", Some("acl_denied"));
        ("bob", ALICE, 403, "acl_1595", Some("acl_denied"));
        ("mallory", ALICE, 401, "mtls-auth", Some("certificate_untrusted"));
        ("alice", "wrong", 401, "key-auth", Some("token_untrusted"));
        ("alice", "", 401, "key-auth", Some("token_missing"));
    } {
        let answer = stack
            .gateway()
            .cert(certificate)
            .get("/both")
            .header("apikey", key)
            .await;
        assert_eq!(answer.status, status, "{certificate} {key}");
        let line = stack.line_of(&answer).await;
        assert_eq!(line["decision"]["plugin"], plugin, "{certificate} {key}");
        assert_eq!(line["decision"]["reason"].as_str(), reason, "{certificate} {key}");
    }
    let nobody = stack.gateway().get("/both").header("apikey", ALICE).await;
    assert_eq!(stack.reason_of(&nobody).await, "certificate_missing");
}

/// An edge that has proved who it is has not proved who its client is.
#[tokio::test]
async fn the_edges_certificate_is_not_its_clients_key() {
    let stack = start().await;
    for (key, status, who) in table! {
        ("", 401, "");
        ("wrong", 401, "");
        (ALICE, 200, "alice@example.com");
    } {
        let answer = stack
            .edge("public")
            .get("/behind-the-edge")
            .header("apikey", key)
            .await;
        assert_eq!(answer.status, status, "{key}: {answer:?}");
        assert_eq!(
            answer.received("x-consumer-username").unwrap_or_default(),
            who,
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_key_that_is_taken_back_ends_what_it_began() {
    let plan = Stack::with("key_auth.yaml").gateway("stream_close_delay", "0s");
    let stack = plan.start().await;
    let gateway = stack.gateway();
    let (mut bobs, mut alices) = (
        open_mirror(&gateway, "/key", &format!("apikey: {BOB}")).await,
        open_mirror(&gateway, "/key", &format!("apikey: {ALICE}")).await,
    );
    // The consumer stays, and the credential's place in the document; the key is another.
    stack.change("kong.yaml", BOB, "key-of-bob-that-is-new");
    stack.reload_gateway().await;
    assert_cut_off(&mut *bobs).await;
    assert_goes_on(&mut *alices).await;
    for (key, status) in [(BOB, 401), ("key-of-bob-that-is-new", 200), (ALICE, 200)] {
        let answer = gateway.get("/key").header("apikey", key).await;
        assert_eq!(answer.status, status, "{key}");
    }
}
