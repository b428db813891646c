//! The request that a finding shows comes through the hole that it tells of, and not after it is mended as it says.

use harness::stack::Stack;
use http::Method;

/// A request in the words of a finding: `GET /path, Host: name, name: value`.
struct Shown {
    method: Method,
    path: String,
    host: Option<String>,
    headers: Vec<(String, String)>,
}

impl Shown {
    fn parse(message: &str) -> Self {
        let text = message.split('`').nth(1).unwrap();
        let mut parts = text.split(", ");
        let (method, path) = parts.next().unwrap().split_once(' ').unwrap();
        let mut shown = Self {
            method: method.parse().unwrap(),
            path: path.to_owned(),
            host: None,
            headers: Vec::new(),
        };
        for part in parts {
            match part.split_once(": ") {
                Some(("Host", host)) => shown.host = Some(host.to_owned()),
                Some((name, value)) => shown.headers.push((name.to_owned(), value.to_owned())),
                None => assert_eq!(part, "without SNI"),
            }
        }
        shown
    }

    /// How it is answered, and what the upstream was asked for.
    async fn send(&self, stack: &Stack) -> (u16, Option<String>) {
        let client = stack.gateway();
        let client = match &self.host {
            Some(host) => client.host(host),
            None => client,
        };
        let mut call = client.request(self.method.clone(), &self.path);
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        let answer = call.await;
        let path = (answer.status == 200).then(|| answer.json()["path"].as_str().unwrap().to_owned());
        (answer.status.as_u16(), path)
    }
}

const BEGINNING: &str = r#"_format_version: "3.0"
ca_certificates:
- { id: c1a00000-0000-4000-8000-000000000001, cert: "@ca/clients-root.pem" }
- { id: c1a00000-0000-4000-8000-000000000002, cert: "@ca/clients-intermediate.pem" }
services:
- name: s
  url: http://{echo}/
  routes:
"#;

const MTLS: &str = "plugins: [{ name: mtls-auth, config: { ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002] } }]";

#[tokio::test]
async fn the_request_that_is_shown_comes_through() {
    let orders = format!("  - {{ name: orders, paths: [/orders], strip_path: false, {MTLS} }}\n");
    let admin = format!("  - {{ name: admin, paths: [/admin], strip_path: false, {MTLS} }}\n");
    let all = format!("  - {{ name: all, paths: [/], strip_path: false, {MTLS} }}\n");
    for (code, protected, other, mended, path) in [
        (
            "second-route",
            &orders,
            "paths: [/public]",
            "paths: [/public], strip_path: false",
            "/orders/any/path",
        ),
        (
            "second-route",
            &orders,
            "hosts: ['*.b.test'], paths: [/orders], strip_path: false",
            "hosts: ['*.b.test'], paths: [/order/], strip_path: false",
            "/orders/any/path",
        ),
        (
            "second-route",
            &orders,
            "headers: { x-a: ['1'] }, paths: [/], strip_path: false",
            "headers: { x-a: ['1'] }, paths: [/x], strip_path: false",
            "/orders/any/path",
        ),
        (
            "second-route",
            &orders,
            "methods: [GET, POST], paths: [/orders], strip_path: false",
            "methods: [OPTIONS], paths: [/orders], strip_path: false",
            "/orders/any/path",
        ),
        (
            "second-route",
            &orders,
            "paths: ['~/any/[a-z]+']",
            "paths: ['~/any/[a-z]+'], strip_path: false",
            "/orders/any/path",
        ),
        (
            "path-variant",
            &admin,
            "paths: [/], strip_path: false",
            "paths: [/site], strip_path: false",
            "/ADMIN",
        ),
        (
            "prefix-neighbour",
            &all,
            "paths: [/health], strip_path: false",
            "paths: ['~/health(/|$)'], strip_path: false",
            "/health-x",
        ),
    ] {
        let document = |other: &str| format!("{BEGINNING}{protected}  - {{ name: other, {other} }}\n");
        let findings = Stack::reading(document(other)).findings();
        let finding = findings.iter().find(|finding| finding.code == code);
        let shown = Shown::parse(&finding.unwrap_or_else(|| panic!("{other}: {findings}")).message);
        let stack = Stack::reading(document(other)).start().await;
        assert_eq!(
            stack.gateway().get(path).await.status,
            if code == "second-route" { 401 } else { 200 },
            "{other}"
        );
        assert_eq!(shown.send(&stack).await, (200, Some(path.to_owned())), "{other}");
        let findings = Stack::reading(document(mended)).findings();
        assert!(
            findings.iter().all(|finding| finding.code != code),
            "{mended}: {findings}"
        );
        let stack = Stack::reading(document(mended)).start().await;
        let (status, asked) = shown.send(&stack).await;
        assert!(
            status == 401 || asked.as_deref() != Some(path),
            "{mended}: {status} {asked:?}"
        );
    }
}
