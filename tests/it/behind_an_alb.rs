//! The stories of docs/behind-an-alb.md, with the configuration that it shows. A real ALB is to the gateway an address
//! without a client certificate that sends headers; so is the client here, at 127.0.0.1. Anybody else is at 127.0.0.2.

use std::net::SocketAddr;

use harness::answer::Answer;
use harness::client::{Call, Client};
use harness::doors::{RunningEcho, start_echo};
use harness::outside::curl;
use harness::program::Program;
use harness::stack::eventually;
use serde_json::Value;
use transport::certificate::Certificate;
use transport::forwarded_cert::{alb_passthrough, alb_verify};
use transport::presented::PresentedChain;

use crate::documentation::Shown;

const PASSTHROUGH: &str = "X-Amzn-Mtls-Clientcert";
const LEAF: &str = "X-Amzn-Mtls-Clientcert-Leaf";

/// The gateway of one of the document's directories.
struct Story {
    shown: Shown,
    gateway: Program,
    _echo: RunningEcho,
}

impl Story {
    /// Ports and the upstream's address are those of this machine, and so is the ALB's address.
    async fn start(directory: &str, more: &[(&str, &str)]) -> Self {
        let shown = Shown::in_document("docs/behind-an-alb.md");
        let echo = start_echo(Some(&shown.pki)).await;
        let upstream = format!("https://{}", echo.https.unwrap());
        shown.change(
            &format!("{directory}/kong.yaml"),
            "https://orders.internal:8443",
            &upstream,
        );
        let mut environment = vec![
            ("KONG_PROXY_LISTEN", "127.0.0.1:0 ssl"),
            ("KONG_STATUS_LISTEN", "127.0.0.1:0"),
        ];
        environment.extend(more);
        if directory != "edge" {
            environment.push(("KONG_TRUSTED_IPS", "127.0.0.1"));
        }
        let gateway = shown.start(&format!("{directory}/gateway.toml"), &environment);
        Self {
            shown,
            gateway,
            _echo: echo,
        }
    }

    fn address(&self) -> SocketAddr {
        self.gateway.address("127.0.0.1:0 ssl").unwrap()
    }

    /// Straight to the gateway, without a client certificate.
    fn direct(&self) -> Client {
        Client::https(self.address(), &self.shown.pki, "gateway.internal")
    }

    fn chain(&self, who: &str) -> PresentedChain {
        PresentedChain::new(self.shown.pki.chain(who).unwrap()).unwrap()
    }

    fn passthrough_header(&self, who: &str) -> String {
        let value = alb_passthrough(&self.chain(who)).unwrap();
        value.to_str().unwrap().to_owned()
    }

    /// The five headers of verify mode.
    fn verify_headers(&self, who: &str) -> Vec<(String, String)> {
        let leaf = Certificate::parse(self.shown.pki.chain(who).unwrap().swap_remove(0)).unwrap();
        let headers = alb_verify(&leaf).unwrap();
        headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect()
    }

    /// A request as an ALB sends it on.
    fn sent_by_alb(&self, path: &str, headers: &[(String, String)]) -> Call {
        let call = self.direct().get(path).header("X-Forwarded-Proto", "https");
        let call = call
            .header("X-Forwarded-Port", "443")
            .header("X-Forwarded-For", "203.0.113.7");
        headers
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value))
    }

    async fn line_of(&self, answer: &Answer) -> Value {
        let id = answer.request_id().expect("an answer of the gateway").to_owned();
        self.line_where("request_id", &id).await
    }

    async fn line_where(&self, field: &str, value: &str) -> Value {
        eventually("the request's log line", async || {
            let output = self.gateway.output();
            let mut lines = output
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.find(|line| line["decision"].is_object() && line[field] == value)
        })
        .await
    }

    async fn assert_answer(&self, row: &str, answer: &Answer, (status, reason): (u16, &str)) {
        assert_eq!(answer.status.as_u16(), status, "{row}: {answer:?}");
        let line = self.line_of(answer).await;
        assert_eq!(
            line["decision"]["reason"].as_str().unwrap_or_default(),
            reason,
            "{row}: {line}"
        );
    }

    /// The pasted header from an address that is not the ALB's.
    async fn assert_nobody_else_is_believed(&self, header: &str, value: &str) {
        let port = self.address().port();
        let arguments = [
            "--interface".to_owned(),
            "127.0.0.2".to_owned(),
            "--cacert".to_owned(),
            self.shown.pki.path("ca/internal.pem").display().to_string(),
            "--resolve".to_owned(),
            format!("gateway.internal:{port}:127.0.0.1"),
            "--header".to_owned(),
            format!("{header}: {value}"),
            "--write-out".to_owned(),
            "\n%{http_code}".to_owned(),
            format!("https://gateway.internal:{port}/orders"),
        ];
        let said = tokio::task::block_in_place(|| curl(&arguments));
        assert_eq!(
            said.stdout, "{\"message\":\"No required TLS certificate was sent\"}\n401",
            "{said:?}"
        );
        let line = self.line_where("client_ip", "127.0.0.2").await;
        assert_eq!(line["decision"]["reason"], "header_untrusted_source", "{line}");
    }
}

fn one(name: &str, value: String) -> Vec<(String, String)> {
    vec![(name.to_owned(), value)]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alb_in_passthrough_mode() {
    let story = Story::start("passthrough", &[]).await;
    let alice = story.passthrough_header("alice");
    let twice = [one(PASSTHROUGH, alice.clone()), one(PASSTHROUGH, alice.clone())].concat();
    for (row, path, headers, expected) in [
        ("alice", "/orders", one(PASSTHROUGH, alice.clone()), (200, "")),
        (
            "alice, = escaped as in AWS's example",
            "/orders",
            one(PASSTHROUGH, alice.replace('=', "%3D")),
            (200, ""),
        ),
        (
            "bob",
            "/orders",
            one(PASSTHROUGH, story.passthrough_header("bob")),
            (403, "acl_denied"),
        ),
        (
            "mallory",
            "/orders",
            one(PASSTHROUGH, story.passthrough_header("mallory")),
            (401, "certificate_untrusted"),
        ),
        (
            "expired",
            "/orders",
            one(PASSTHROUGH, story.passthrough_header("expired")),
            (401, "certificate_expired"),
        ),
        (
            "revoked",
            "/orders",
            one(PASSTHROUGH, story.passthrough_header("revoked")),
            (401, "certificate_revoked"),
        ),
        ("no certificate", "/orders", vec![], (401, "certificate_missing")),
        (
            "the ALB's beside a client's",
            "/orders",
            twice,
            (400, "header_malformed"),
        ),
        (
            "public, with a header",
            "/public",
            one(PASSTHROUGH, alice),
            (200, ""),
        ),
    ] {
        let answer = story.sent_by_alb(path, &headers).await;
        story.assert_answer(row, &answer, expected).await;
        let goes_on = path == "/orders" && expected.0 == 200;
        assert_eq!(answer.received(PASSTHROUGH).is_some(), goes_on, "{row}");
    }
    let header = story.passthrough_header("alice");
    story.assert_nobody_else_is_believed(PASSTHROUGH, &header).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alb_in_verify_mode() {
    let story = Story::start("verify", &[]).await;
    let without_leaf = |who: &str| {
        let mut headers = story.verify_headers(who);
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(LEAF));
        headers
    };
    for (row, headers, expected) in [
        ("alice", story.verify_headers("alice"), (200, "")),
        ("bob", story.verify_headers("bob"), (403, "acl_denied")),
        (
            "revoked, and the ALB does not know",
            story.verify_headers("revoked"),
            (401, "certificate_revoked"),
        ),
        ("names alone", without_leaf("alice"), (401, "certificate_missing")),
        (
            "a listener in passthrough mode",
            one(PASSTHROUGH, story.passthrough_header("alice")),
            (401, "certificate_missing"),
        ),
    ] {
        let answer = story.sent_by_alb("/orders", &headers).await;
        story.assert_answer(row, &answer, expected).await;
    }
    let (_, leaf) = story.verify_headers("alice").pop().unwrap();
    story.assert_nobody_else_is_believed(LEAF, &leaf).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_alb_says_of_its_client() {
    let story = Story::start("passthrough", &[]).await;
    let public = |for_whom: &str, proto: &str| {
        let call = story.direct().get("/public").header("X-Forwarded-For", for_whom);
        call.header("X-Forwarded-Proto", proto)
            .header("X-Real-IP", "192.0.2.1")
    };
    for (for_whom, client) in [
        ("203.0.113.7", "203.0.113.7"),
        ("192.0.2.1, 203.0.113.7", "203.0.113.7"),
        ("192.0.2.1, 203.0.113.7:5061", "203.0.113.7"),
    ] {
        let answer = public(for_whom, "https").await;
        assert_eq!(story.line_of(&answer).await["client_ip"], client, "{for_whom}");
        assert_eq!(
            answer.received("x-real-ip").as_deref(),
            Some(client),
            "{for_whom}"
        );
    }
    let answer = public("203.0.113.7", "http").await;
    story
        .assert_answer("an http listener", &answer, (426, "https_required"))
        .await;
    let health = Client::http(story.gateway.address("127.0.0.1:0").unwrap());
    assert_eq!(health.get("/status/ready").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn larger_buffers_do_not_make_a_larger_certificate() {
    let long = one(PASSTHROUGH, "A".repeat(17 << 10));
    let by_default = Story::start("passthrough", &[]).await;
    let answer = by_default.sent_by_alb("/orders", &long).await;
    by_default
        .assert_answer("4 16k", &answer, (431, "header_too_large"))
        .await;
    let larger = [("KONG_NGINX_HTTP_LARGE_CLIENT_HEADER_BUFFERS", "8 24k")];
    let story = Story::start("passthrough", &larger).await;
    let answer = story.sent_by_alb("/orders", &long).await;
    story
        .assert_answer("8 24k", &answer, (400, "header_malformed"))
        .await;
    let whole = story
        .sent_by_alb("/public", &one("X-Other", "A".repeat(20 << 10)))
        .await;
    assert_eq!(whole.status, 200, "any other line of that length");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_in_place_of_the_alb() {
    let story = Story::start("edge", &[]).await;
    let target = story.address().to_string();
    let edge = story.shown.start(
        "edge/edge.toml",
        &[
            ("EDGE_PROXY_LISTENERS__PUBLIC__ADDRESS", "127.0.0.1:0"),
            ("EDGE_PROXY_TARGET_GROUPS__GATEWAY__TARGETS", &target),
            ("EDGE_PROXY_ADMIN__ADDRESS", "127.0.0.1:0"),
        ],
    );
    let client = Client::https(edge.address("public").unwrap(), &story.shown.pki, "edge.test");
    let alice = story.passthrough_header("alice");
    for (row, call, expected) in [
        ("alice", client.clone().cert("alice").get("/orders"), (200, "")),
        (
            "bob",
            client.clone().cert("bob").get("/orders"),
            (403, "acl_denied"),
        ),
        (
            "mallory",
            client.clone().cert("mallory").get("/orders"),
            (401, "certificate_untrusted"),
        ),
        (
            "no certificate",
            client.get("/orders"),
            (401, "certificate_missing"),
        ),
        (
            "a header through the edge: a client's, or that of an ALB before it",
            client.get("/orders").header(PASSTHROUGH, &alice),
            (401, "certificate_missing"),
        ),
        (
            "a header past the edge",
            story.direct().get("/orders").header(PASSTHROUGH, &alice),
            (401, "header_untrusted_source"),
        ),
        (
            "a header past the edge, by a client with a certificate",
            story
                .direct()
                .cert("bob")
                .get("/orders")
                .header(PASSTHROUGH, &alice),
            (401, "header_untrusted_source"),
        ),
    ] {
        let answer = call.await;
        story.assert_answer(row, &answer, expected).await;
    }
}
