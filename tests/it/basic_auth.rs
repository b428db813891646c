//! User names and passwords: which header they come in, what is answered without good ones, and what the upstream sees.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::answer::Answer;
use harness::document::AUTHORITIES;
use harness::stack::Stack;
use http::Method;

use crate::answer_forms::{JSON, body};
use crate::kong_answers::both;
use crate::streams::{assert_cut_off, assert_goes_on, open_mirror};

fn basic(credentials: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

fn alice() -> String {
    basic("alice:open: sesame")
}

async fn start() -> Stack {
    Stack::with("basic_auth.yaml").start().await
}

async fn assert_refused(stack: &Stack, row: &str, answer: &Answer, reason: &str) {
    assert_eq!(answer.status, 401, "{row}: {answer:?}");
    assert_eq!(answer.text(), body(JSON, "Unauthorized", answer), "{row}");
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Basic realm=\"service\""),
        "{row}"
    );
    let line = stack.line_of(answer).await;
    assert_eq!(line["decision"]["plugin"], "basic-auth", "{row}");
    assert_eq!(line["decision"]["reason"], reason, "{row}");
}

#[tokio::test]
async fn a_good_password_leads_to_its_consumer() {
    let stack = start().await;
    for client in both(stack.gateway()) {
        for (row, name, value, username) in table! {
            ("authorization", "authorization", alice(), "alice@example.com");
            ("proxy-authorization", "proxy-authorization", alice(), "alice@example.com");
            ("case of the scheme", "authorization", alice().replace("Basic", "bASIC"), "alice@example.com");
            ("no padding", "authorization", alice().replace('=', ""), "alice@example.com");
            ("UTF-8", "authorization", basic("älice:pässword £"), "alice@example.com");
            ("another", "authorization", basic("bob:hunter2-hunter2"), "bob@example.com");
        } {
            let answer = client.get("/basic").header(name, &value).await;
            assert_eq!(answer.status, 200, "{row}: {answer:?}");
            assert_eq!(
                answer.received("x-consumer-username").as_deref(),
                Some(username),
                "{row}"
            );
            assert_eq!(
                answer.received(name).as_deref(),
                Some(value.as_str()),
                "{row}: shown"
            );
        }
    }
    let answer = stack
        .gateway()
        .get("/basic")
        .header("authorization", &alice())
        .await;
    assert_eq!(
        answer.received("x-credential-identifier").as_deref(),
        Some("alice")
    );
    let principal = &stack.line_of(&answer).await["principals"][0];
    assert_eq!(
        (
            &principal["plugin"],
            &principal["evidence"],
            &principal["subject"]
        ),
        (&"basic-auth".into(), &"token".into(), &"alice".into())
    );
}

#[tokio::test]
async fn refusals_are_kongs_to_the_byte() {
    let stack = start().await;
    for client in both(stack.gateway()) {
        let with = |value: &str| client.get("/basic").header("authorization", value);
        let long = basic(format!("alice:{}", "p".repeat(11_000)));
        let rows = table! {
            ("nothing", client.get("/basic"), "token_missing");
            ("preflight", client.request(Method::OPTIONS, "/basic"), "token_missing");
            ("another scheme", with("Bearer abc"), "token_missing");
            ("no space", with(&alice().replace("Basic ", "Basic")), "token_missing");
            ("scheme alone", with("Basic"), "token_missing");
            ("no base64", with("Basic !!!!"), "token_malformed");
            ("base64url", with("Basic YWxpY2U6_-8"), "token_malformed");
            ("no colon", with(&basic("alice")), "token_malformed");
            ("no name", with(&basic(":open: sesame")), "token_malformed");
            ("nothing in it", with(&basic("")), "token_missing");
            ("NUL", with(&basic("alice:open: sesame\0")), "token_malformed");
            ("line break", with(&basic("alice:open: sesame\r\n")), "token_malformed");
            ("two lines", with(&alice()).header("authorization", &alice()), "token_malformed");
            ("wrong password", with(&basic("alice:open: sesam")), "token_untrusted");
            ("case of the password", with(&basic("alice:Open: sesame")), "token_untrusted");
            ("empty password", with(&basic("alice:")), "token_untrusted");
            ("another's password", with(&basic("bob:open: sesame")), "token_untrusted");
            ("case of the name", with(&basic("Alice:open: sesame")), "token_untrusted");
            ("nobody", with(&basic("carol:open: sesame")), "token_untrusted");
            ("another encoding", with(&basic(b"\xe4lice:p\xe4ssword \xa3")), "token_untrusted");
            ("very long", with(&long), "token_untrusted");
            ("in the query", client.get("/basic?authorization=Basic%20YWxpY2U6b3BlbjogMQ"), "token_missing");
        };
        for (row, call, reason) in rows {
            assert_refused(&stack, row, &call.await, reason).await;
        }
    }
    assert_eq!(stack.upstream.count(), 0);
    let realm = stack.gateway().get("/realm").await;
    assert_eq!(
        realm.header("www-authenticate"),
        Some("Basic realm=\"our house\"")
    );
}

#[tokio::test]
async fn of_two_headers_the_one_for_proxies_goes_first() {
    let stack = start().await;
    let (bob, wrong) = (basic("bob:hunter2-hunter2"), basic("alice:wrong"));
    for (row, proxy, own, status, username) in table! {
        ("both good", &alice(), &bob, 200, "alice@example.com");
        ("the first wrong", &wrong, &bob, 200, "bob@example.com");
        ("the first malformed", &"Basic !".to_owned(), &bob, 200, "bob@example.com");
        ("the first for others", &"Negotiate x".to_owned(), &bob, 200, "bob@example.com");
        ("the second wrong", &bob, &wrong, 200, "bob@example.com");
        ("both wrong", &wrong, &wrong, 401, "");
    } {
        let call = stack.gateway().get("/basic").header("proxy-authorization", proxy);
        let answer = call.header("authorization", own).await;
        assert_eq!(answer.status, status, "{row}");
        assert_eq!(
            answer.received("x-consumer-username").unwrap_or_default(),
            username,
            "{row}"
        );
    }
}

#[tokio::test]
async fn a_hidden_password_does_not_go_upstream() {
    let stack = start().await;
    for client in both(stack.gateway()) {
        let get = || client.get("/hidden");
        let own = get().header("authorization", &alice()).await;
        assert_eq!(own.status, 200);
        assert_eq!(own.received("authorization"), None);
        // The other header was not looked at, and is another's.
        let proxy = get()
            .header("proxy-authorization", &alice())
            .header("authorization", "Bearer x")
            .await;
        assert_eq!(proxy.received("proxy-authorization"), None);
        assert_eq!(proxy.received("authorization").as_deref(), Some("Bearer x"));
        let second = get()
            .header("proxy-authorization", "Basic !")
            .header("authorization", &alice())
            .await;
        assert_eq!(second.received("proxy-authorization"), None);
        assert_eq!(second.received("authorization"), None);
    }
}

#[tokio::test]
async fn without_a_password_somebody_may_be_anonymous() {
    let stack = start().await;
    for (value, username, anonymous) in table! {
        (alice(), "alice@example.com", None);
        (basic("alice:wrong"), "nobody", Some("true"));
        ("Basic !".to_owned(), "nobody", Some("true"));
    } {
        let answer = stack
            .gateway()
            .get("/anonymous")
            .header("authorization", &value)
            .await;
        assert_eq!(
            answer.received("x-consumer-username").as_deref(),
            Some(username),
            "{value}"
        );
        assert_eq!(
            answer.received("x-anonymous-consumer").as_deref(),
            anonymous,
            "{value}"
        );
    }
}

#[tokio::test]
async fn a_certificate_and_a_password() {
    let stack = start().await;
    for (certificate, value, status) in table! {
        ("alice", alice(), 200);
        ("bob", alice(), 200);
        ("alice", basic("bob:hunter2-hunter2"), 403);
        ("alice", basic("alice:wrong"), 401);
        ("mallory", alice(), 401);
    } {
        let client = stack.gateway().cert(certificate);
        let answer = client.get("/both").header("authorization", &value).await;
        assert_eq!(answer.status, status, "{certificate} {value}");
    }
}

/// What Kong stores: SHA-1 of the password and the consumer's id.
#[tokio::test]
async fn passwords_may_be_as_kong_stores_them() {
    const ALICE: &str = "b32379d9-3d28-5683-a79c-72139be6e34f";
    let hash = |text: &str| {
        let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        let mut hexadecimal = String::new();
        for octet in digest.as_ref() {
            write!(hexadecimal, "{octet:02x}").unwrap();
        }
        hexadecimal
    };
    let document = |password: &str| {
        format!(
            "_format_version: '3.0'\n_transform: false\nconsumers:\n- {{username: alice, id: {ALICE}, \
             basicauth_credentials: [{{username: alice, password: {password}}}]}}\nservices:\n- {{name: echo, url: \
             'http://{{echo}}', routes: [{{name: all, paths: [/]}}], plugins: [{{name: basic-auth}}]}}\n{AUTHORITIES}"
        )
    };
    let stored = hash(&format!("open sesame{ALICE}"));
    let stack = Stack::reading(document(&format!("'{stored}'"))).start().await;
    for (credentials, status) in table! {
        ("alice:open sesame", 200);
        ("alice:open", 401);
        (&format!("alice:{stored}"), 401);
        ("bob:", 401);
    } {
        let answer = stack
            .gateway()
            .get("/")
            .header("authorization", &basic(credentials))
            .await;
        assert_eq!(answer.status, status, "{credentials}");
    }
    let refusal = Stack::reading(document("plain-text"))
        .refusal()
        .expect("no hash")
        .to_string();
    assert!(
        refusal.contains("forty hexadecimal digits") && !refusal.contains("plain-text"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_password_that_is_changed_ends_what_it_began() {
    let plan = Stack::with("basic_auth.yaml").gateway("stream_close_delay", "0s");
    let stack = plan.start().await;
    let gateway = stack.gateway();
    let bob = basic("bob:hunter2-hunter2");
    let mut bobs = open_mirror(&gateway, "/basic", &format!("authorization: {bob}")).await;
    let mut alices = open_mirror(&gateway, "/basic", &format!("authorization: {}", alice())).await;
    stack.change("kong.yaml", "hunter2-hunter2", "correct horse battery");
    stack.reload_gateway().await;
    assert_cut_off(&mut *bobs).await;
    assert_goes_on(&mut *alices).await;
    let answer = gateway.get("/basic").header("authorization", &bob).await;
    assert_eq!(answer.status, 401);
}
