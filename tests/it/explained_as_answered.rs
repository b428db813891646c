//! What `explain` says of a request is what the running gateway does with it: its verdict, its reason and cause, its
//! answer, and every header that goes upstream. Nine hundred requests, each sent and each explained.

use std::collections::BTreeMap;

use harness::answer::Answer;
use harness::client::{Call, Client};
use harness::stack::Stack;
use http::Method;
use serde_json::Value;

/// How a request comes, with somebody's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Shown to the gateway.
    Direct,
    /// The same by HTTP/2.
    Direct2,
    /// Shown to the edge.
    Edge,
    /// In a header, from whoever has the edge's certificate.
    Carried,
    /// In a header, from anybody.
    Claimed,
    /// Not at all: over plain http.
    Plain,
}

const DOORS: [Door; 6] = [
    Door::Direct,
    Door::Direct2,
    Door::Edge,
    Door::Carried,
    Door::Claimed,
    Door::Plain,
];

const PEOPLE: [&str; 6] = ["alice", "bob", "expired", "revoked", "mallory", "nobody"];

/// One request.
pub(crate) struct Situation<'s> {
    pub(crate) stack: &'s Stack,
    pub(crate) door: Door,
    pub(crate) who: &'s str,
    pub(crate) method: Method,
    pub(crate) path: &'s str,
    pub(crate) headers: Vec<(&'s str, &'s str)>,
    /// What `explain` is told that a client does not send.
    pub(crate) told: &'s [&'s str],
}

impl Situation<'_> {
    fn client(&self) -> Client {
        let shown = |client: Client| match self.who {
            "nobody" => client,
            who => client.cert(who),
        };
        match self.door {
            Door::Direct => shown(self.stack.gateway()),
            Door::Direct2 => shown(self.stack.gateway()).over_http2(),
            Door::Edge => shown(self.stack.edge("public")),
            Door::Carried => self.stack.gateway().cert("edge/client"),
            Door::Claimed => self.stack.gateway(),
            Door::Plain => self.stack.gateway_http(),
        }
    }

    fn call(&self) -> Call {
        let call = self.client().request(self.method.clone(), self.path);
        let call = match self.door {
            Door::Carried | Door::Claimed if self.who != "nobody" => {
                call.header("X-Amzn-Mtls-Clientcert", &self.stack.clientcert_header(self.who))
            }
            Door::Direct | Door::Direct2 | Door::Edge | Door::Carried | Door::Claimed | Door::Plain => call,
        };
        self.headers
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value))
    }

    fn explained(&self) -> Value {
        let (edge, _) = self.stack.pki.pair("edge/client");
        let (cert, _) = self.stack.pki.pair(self.who);
        let mut arguments = vec!["--from".to_owned(), "127.0.0.1".to_owned()];
        arguments.extend(self.told.iter().map(ToString::to_string));
        let mut add = |words: &[&str]| arguments.extend(words.iter().map(ToString::to_string));
        if self.who != "nobody" && self.door != Door::Plain {
            add(&["--cert", &cert.display().to_string()]);
        }
        match self.door {
            Door::Edge | Door::Carried => add(&["--edge", &edge.display().to_string()]),
            Door::Claimed => add(&["--via", "header"]),
            Door::Direct2 => add(&["--http2"]),
            Door::Direct | Door::Plain => {}
        }
        for (name, value) in &self.headers {
            add(&["-H", &format!("{name}: {value}")]);
        }
        let address = self.client().address();
        let host = match self.door {
            Door::Plain => format!("http://{address}"),
            Door::Edge => "https://gateway.internal".to_owned(),
            Door::Direct | Door::Direct2 | Door::Carried | Door::Claimed => {
                format!("https://gateway.internal:{}", address.port())
            }
        };
        add(&[self.method.as_str(), &format!("{host}{}", self.path)]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.stack.explain(&arguments)
    }

    pub(crate) async fn check(&self) {
        let answer = self.call().await;
        let line = self.stack.line_of(&answer).await;
        let told = self.explained();
        let context = format!(
            "{:?} {} {} {} {:?}\n{line:#}\n{told:#}",
            self.door, self.who, self.method, self.path, self.headers
        );
        let decision = &line["decision"];
        for field in ["verdict", "reason", "plugin"] {
            assert_eq!(told[field], decision[field], "{field} of {context}");
        }
        assert_eq!(
            told["cause"],
            decision.get("cause").cloned().unwrap_or_default(),
            "{context}"
        );
        assert_eq!(told["route"]["name"], line["route"], "{context}");
        assert_eq!(
            told["consumer"]["username"], line["consumer"]["username"],
            "{context}"
        );
        let who = |principals: &Value| -> Vec<(Value, Value, Value, Value)> {
            let all = principals.as_array().unwrap().iter();
            all.map(|one| {
                let consumer = one["consumer"]["username"].clone();
                (
                    one["plugin"].clone(),
                    one["evidence"].clone(),
                    one["subject"].clone(),
                    consumer,
                )
            })
            .collect()
        };
        assert_eq!(who(&told["principals"]), who(&line["principals"]), "{context}");
        if decision["verdict"] == "deny" {
            self.check_answer(&answer, &told["answer"], &context);
        } else if self.door != Door::Edge && line["source"] == "upstream" && self.method != Method::HEAD {
            // The echo of a HEAD has no body to look into.
            check_upstream(&answer, &told["upstream"], &context);
        }
    }

    fn check_answer(&self, answer: &Answer, told: &Value, context: &str) {
        assert_eq!(told["status"], answer.status.as_u16(), "{context}");
        let id = answer.request_id().unwrap();
        let body = answer.text().replace(id, &"0".repeat(id.len()));
        assert_eq!(told["body"], body.as_str(), "{context}");
        // An edge writes an answer's hop headers anew.
        for (name, value) in headers_of(told).iter().filter(|_| self.door != Door::Edge) {
            if !["x-kong-request-id", "x-kong-response-latency"].contains(&name.as_str()) {
                assert_eq!(answer.header(name), Some(value.as_str()), "{name} of {context}");
            }
        }
    }
}

/// The headers of a message, as they are told.
fn headers_of(told: &Value) -> BTreeMap<String, String> {
    let lines = told["headers"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    lines.map(|line| (text(&line[0]), text(&line[1]))).collect()
}

fn check_upstream(answer: &Answer, told: &Value, context: &str) {
    let echo = answer.json();
    assert_eq!(told["method"], echo["method"], "{context}");
    let uri = told["uri"].as_str().unwrap();
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    assert_eq!(path, echo["path"], "{context}");
    let received = echo["query"].as_str().unwrap_or_default();
    for (told, own) in query.split('&').zip(received.split('&')) {
        let same = told == own
            || told
                .split_once("=…")
                .is_some_and(|(name, _)| own.starts_with(name));
        assert!(same, "{told} is told, {own} came: {context}");
    }
    assert_eq!(query.split('&').count(), received.split('&').count(), "{context}");
    let received: BTreeMap<String, String> = echo["headers"]
        .as_object()
        .unwrap()
        .keys()
        .map(|name| (name.clone(), answer.received(name).unwrap()))
        .collect();
    let told = headers_of(told);
    let names = |headers: &BTreeMap<String, String>| headers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&told), names(&received), "{context}");
    for (name, value) in &told {
        let own = &received[name];
        let same = match name.as_str() {
            // A number of its own, and what is not printed.
            "x-kong-request-id" => own.len() == value.len(),
            "authorization" | "proxy-authorization" => {
                let (scheme, _) = own.split_once(' ').unwrap();
                *value == format!("{scheme} … ({} octets)", own.len())
            }
            // A credential again, in a header that is not its own.
            "x-copy" => value == "…",
            _ if value.starts_with('…') => *value == format!("… ({} octets)", own.len()),
            "x-amzn-mtls-clientcert" => own.starts_with(value.split('…').next().unwrap()),
            _ => own == value,
        };
        assert!(same, "{name}: {value} is told, {own} came: {context}");
    }
}

async fn check_all(stack: &Stack, paths: &[&str]) {
    for path in paths {
        for door in DOORS {
            for who in PEOPLE {
                let is_bare = door == Door::Plain && who != "nobody";
                // `explain` writes the header that the route reads; this edge sends another.
                let by_header = matches!(door, Door::Edge | Door::Carried | Door::Claimed);
                if is_bare || by_header && *path == "/verify" {
                    continue;
                }
                let situation = Situation {
                    stack,
                    door,
                    who,
                    method: Method::GET,
                    path,
                    headers: vec![("Accept", "*/*"), ("X-Consumer-Username", "mallet")],
                    told: &[],
                };
                situation.check().await;
            }
        }
    }
}

#[tokio::test]
async fn whoever_comes_by_whatever_door() {
    let stack = Stack::with("hop.yaml").start().await;
    check_all(
        &stack,
        &[
            "/public",
            "/mtls",
            "/anonymous",
            "/verify",
            "/direct",
            "/nowhere",
            "/mtls/../public",
        ],
    )
    .await;
}

#[tokio::test]
async fn whoever_is_judged_twice() {
    let stack = Stack::with("double_acl.yaml").start().await;
    check_all(&stack, &["/both", "/client-lacks", "/swapped", "/guests"]).await;
    let stack = Stack::with("principals.yaml").start().await;
    check_all(
        &stack,
        &["/both", "/told", "/same-org", "/same-consumer", "/guests"],
    )
    .await;
}

#[tokio::test]
async fn whatever_is_asked_for_and_in_whatever_form() {
    let stack = Stack::with("traffic_plugins.yaml").start().await;
    #[rustfmt::skip]
    let paths = [
        "/plain", "/not-found", "/no-content", "/message", "/html", "/body", "/on-demand", "/mirror?gimme=1", "/mirror",
        "/after-authentication", "/from-ten", "/not-from-ten", "/both-lists", "/streams-only", "/not-bob-from-ten",
        "/no-service", "/a/../plain", "/%2e%2e%2fplain", "/plain%00", "/nowhere",
    ];
    for path in paths {
        for (door, who) in [
            (Door::Direct, "alice"),
            (Door::Direct, "bob"),
            (Door::Plain, "nobody"),
            (Door::Direct2, "bob"),
        ] {
            for (method, accept) in [
                (Method::GET, "*/*"),
                (Method::HEAD, "text/html"),
                (Method::GET, "application/xml"),
                (Method::GET, "text/plain"),
            ] {
                let headers = vec![
                    ("Accept", accept),
                    ("X-Please-Stop", "1"),
                    ("X-Forwarded-For", "10.9.8.7"),
                ];
                let situation = Situation {
                    stack: &stack,
                    door,
                    who,
                    method,
                    path,
                    headers,
                    told: &[],
                };
                situation.check().await;
            }
        }
    }
}

#[tokio::test]
async fn keys_beside_certificates() {
    let stack = Stack::with("key_auth.yaml").start().await;
    let keys = [
        None,
        Some("key-of-alice-0123456789"),
        Some("key-of-bob-0123456789"),
        Some("key-of-nobody"),
    ];
    for path in [
        "/key",
        "/realm",
        "/hidden",
        "/anonymous",
        "/either",
        "/both",
        "/behind-the-edge",
    ] {
        for key in keys {
            for (door, who) in [
                (Door::Direct, "alice"),
                (Door::Direct, "bob"),
                (Door::Direct, "nobody"),
                (Door::Edge, "bob"),
                (Door::Carried, "nobody"),
            ] {
                let headers = key.map(|key| ("apikey", key)).into_iter().collect();
                let situation = Situation {
                    stack: &stack,
                    door,
                    who,
                    method: Method::GET,
                    path,
                    headers,
                    told: &[],
                };
                situation.check().await;
            }
        }
    }
}
