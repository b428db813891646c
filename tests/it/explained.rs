//! What `explain` tells of a request: the route and its rivals, each plugin's sight and word, the line that made it so.

use harness::doors::fixture;
use harness::stack::Stack;
use serde_json::{Value, json};

/// The files of a certificate and an edge, as arguments.
struct Files {
    alice: String,
    bob: String,
    edge: String,
}

impl Files {
    fn of(stack: &Stack) -> Self {
        let file = |name: &str| stack.pki.path(name).display().to_string();
        Self {
            alice: file("clients/alice.pem"),
            bob: file("clients/bob.pem"),
            edge: file("edge/client.pem"),
        }
    }
}

/// Texts of a JSON array.
fn texts(value: &Value) -> Vec<&str> {
    let all = value.as_array().unwrap().iter();
    all.map(|text| text.as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_refusal_is_told_down_to_the_line() {
    let stack = Stack::with("principals.yaml").start().await;
    let files = Files::of(&stack);
    let told = stack.explain_in_words(&[
        "--cert",
        &files.bob,
        "--edge",
        &files.edge,
        "https://api.test/both",
    ]);
    let (serial, time) = (regular("serial "), regular("both at "));
    let told = time(&serial(&told));
    let expected = "\
request     GET https://api.test/both at …
verdict     deny by principals: 403 acl_denied
            whom 'header-cert-auth' authenticated is in none of the groups that may pass

connection  from 192.0.2.1 to 127.0.0.1:0 ssl http2
            the handshake for api.test asks for a certificate
            shown, as if the key had been proved: `CN=edge.internal`, serial …, by `CN=Sallyport Internal Root,O=Sallyport`
            the peer is an edge: it speaks for its clients
route       both (kong.yaml:18:9), to service echo

allow       1600 mtls-auth, service echo (kong.yaml:9:9)
  saw       the certificate of the connection: `CN=edge.internal`, serial …, by `CN=Sallyport Internal Root,O=Sallyport`
  decided   authenticated `CN=edge.internal` by socket, consumer edge.internal (kong.yaml:75:5)

allow       1009 header-cert-auth, service echo (kong.yaml:12:9)
  saw       `x-amzn-mtls-clientcert`: `CN=bob`, serial …, by `CN=Sallyport Clients Intermediate,O=Sallyport`, 1 more in the chain
  saw       it counts: the peer is `edge`
  decided   authenticated `CN=bob` by header, consumer bob@example.com (kong.yaml:83:5)
  decided   the consumer is now bob@example.com, and no longer edge.internal

deny        960 principals, route both (kong.yaml:21:13): acl_denied
  saw       mtls-auth: `CN=edge.internal` by socket, consumer edge.internal, groups of the consumer: [edges]
  saw       header-cert-auth: `CN=bob` by header, consumer bob@example.com, groups of the consumer: [staff, edges]
  cause     whom 'header-cert-auth' authenticated is in none of the groups that may pass
  because   allow: header-cert-auth: [partners, board] (kong.yaml:26:17)

consumer    bob@example.com (kong.yaml:83:5)
principals  mtls-auth by socket: `CN=edge.internal`, consumer edge.internal
            header-cert-auth by header: `CN=bob`, consumer bob@example.com
upstream    gets nothing
answer      403
            content-type: application/json; charset=utf-8
            x-kong-response-latency: 0
            x-kong-request-id: 00000000000000000000000000000000
            {
              \"message\":\"You cannot consume this service\",
              \"request_id\":\"00000000000000000000000000000000\"
            }
";
    assert_eq!(told, expected);
}

/// Replaces what is different each time, up to the next comma, space or line end, after a text.
fn regular(before: &'static str) -> impl Fn(&str) -> String {
    move |text| {
        let mut parts = text.split(before);
        let mut told = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find([',', ' ', '\n']).unwrap_or(part.len());
            told.extend([before, "…", &part[end..]]);
        }
        told
    }
}

#[tokio::test]
async fn what_the_upstream_would_get_is_told_to_the_header() {
    let stack = Stack::with("principals.yaml").start().await;
    let files = Files::of(&stack);
    let told = stack.explain(&[
        "--cert",
        &files.alice,
        "--edge",
        &files.edge,
        "-H",
        "X-Principal-Mtls-Auth-Username: mallet",
        "-H",
        "Cookie: secret-of-a-session",
        "POST",
        "https://api.test/told/7?a=b",
    ]);
    assert_eq!(told["verdict"], "allow", "{told:#}");
    assert_eq!(
        (&told["reason"], &told["status"], &told["answer"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let upstream = &told["upstream"];
    assert_eq!(
        (&upstream["method"], &upstream["uri"]),
        (&json!("POST"), &json!("/7?a=b"))
    );
    let header = |name: &str| {
        let lines: Vec<&str> = upstream["headers"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|line| line[0] == name)
            .map(|line| line[1].as_str().unwrap())
            .collect();
        lines.join(" and ")
    };
    assert_eq!(header("x-principal-mtls-auth-username"), "edge.internal");
    assert_eq!(header("x-principal-header-cert-auth-groups"), "partners");
    assert_eq!(header("x-consumer-username"), "alice@example.com");
    assert_eq!(header("cookie"), "… (19 octets)");
    assert_eq!(header("x-forwarded-host"), "api.test");
    assert!(header("x-amzn-mtls-clientcert").starts_with("-----BEGIN%20CERTIFICATE-----%0A"));
    assert!(!told.to_string().contains("secret-of-a-session"));
    assert_eq!(
        told["consumer"]["line"],
        json!({"file": "kong.yaml", "line": 79, "column": 5})
    );
    assert_eq!(told["principals"][0]["evidence"], "socket");
    assert_eq!(told["principals"][1]["consumer"]["groups"], json!(["partners"]));
}

/// Where a word stands in the fixture, on the only line that holds a text.
fn place(line: &str, word: &str) -> Value {
    let text = fixture("principals.yaml");
    let mut found = text.lines().enumerate().filter(|(_, text)| text.contains(line));
    let (number, text) = found.next().unwrap();
    assert!(found.next().is_none(), "{line}");
    json!([number + 1, text.find(word).unwrap() + 1])
}

/// Which plugin spoke, what it saw last, and the line that is to blame.
#[tokio::test]
#[allow(clippy::too_many_lines)] // a table
async fn each_way_to_be_refused_has_its_sight_and_its_line() {
    let stack = Stack::with("principals.yaml").start().await;
    let files = Files::of(&stack);
    let file = |name: &str| {
        stack
            .pki
            .path(&format!("clients/{name}.pem"))
            .display()
            .to_string()
    };
    let (mallory, revoked) = (file("mallory"), file("revoked"));
    let edge = ["--edge", files.edge.as_str()];
    let by_edge = |cert: &'_ str| -> Vec<String> {
        edge.iter()
            .chain(&["--cert", cert])
            .map(ToString::to_string)
            .collect()
    };
    let rows: [(Vec<String>, &str, &str, &str, Value); 9] = [
        (
            by_edge(&files.alice),
            "same-consumer",
            "principals_differ",
            "mtls-auth: `CN=edge.internal` by socket",
            place("same: consumer", "consumer }"),
        ),
        (
            by_edge(&files.bob),
            "same-org",
            "principals_differ",
            "header-cert-auth: `CN=bob` by header",
            place("tag:org:\" }", "\"tag:org:"),
        ),
        (
            by_edge(&files.alice),
            "swapped",
            "acl_denied",
            "header-cert-auth: `CN=alice`",
            place("mtls-auth: [partners]", "mtls-auth"),
        ),
        (
            by_edge(&mallory),
            "guests",
            "principal_missing",
            "header-cert-auth: nobody",
            place(
                "config: { require: [mtls-auth, header-cert-auth] }",
                "header-cert-auth",
            ),
        ),
        (
            by_edge(&mallory),
            "both",
            "certificate_untrusted",
            "it counts: the peer is `edge`",
            json!([14, 29]),
        ),
        (
            by_edge(&revoked),
            "both",
            "certificate_revoked",
            "it counts: the peer is `edge`",
            json!([14, 29]),
        ),
        (
            edge.map(str::to_owned).to_vec(),
            "both",
            "certificate_missing",
            "no header `x-amzn-mtls-clientcert`",
            Value::Null,
        ),
        (
            vec!["--cert".to_owned(), files.alice.clone()],
            "both",
            "certificate_untrusted",
            "the certificate of the connection: `CN=alice`",
            json!([11, 29]),
        ),
        (
            vec![],
            "both",
            "certificate_missing",
            "the certificate of the connection: none: the peer was asked and showed none",
            Value::Null,
        ),
    ];
    for (arguments, route, reason, saw, because) in rows {
        let url = format!("https://api.test/{route}");
        let arguments: Vec<&str> = arguments
            .iter()
            .map(String::as_str)
            .chain([url.as_str()])
            .collect();
        let told = stack.explain(&arguments);
        assert_eq!(told["reason"], reason, "{arguments:?}: {told:#}");
        let turns = told["plugins"].as_array().unwrap();
        let turn = turns.iter().find(|turn| turn["verdict"] == "deny").unwrap();
        assert_eq!(turn["plugin"], told["plugin"], "{arguments:?}");
        let sight = texts(&turn["saw"]);
        assert!(sight.last().unwrap().starts_with(saw), "{arguments:?}: {sight:?}");
        let line = &turn["because"];
        let place = if line.is_null() {
            Value::Null
        } else {
            json!([line["line"], line["column"]])
        };
        assert_eq!(place, because, "{arguments:?}: {turn:#}");
        let after = turns.iter().skip_while(|turn| turn["verdict"] != "deny").skip(1);
        for silent in after {
            assert_eq!(silent["verdict"], "not_reached", "{arguments:?}");
            assert!(silent["line"]["line"].is_u64(), "{arguments:?}");
        }
    }
}

#[tokio::test]
async fn rivals_and_near_misses_are_told_with_why_they_lost() {
    let document = "_format_version: '3.0'\nservices: [{name: echo, url: 'http://{echo}'}]\nroutes:\n\
        - {name: everything, service: echo, paths: [/]}\n\
        - {name: prefix, service: echo, paths: [/orders]}\n\
        - {name: regex, service: echo, paths: ['~/orders/\\d+']}\n\
        - {name: host, service: echo, hosts: [api.test], paths: [/orders]}\n\
        - {name: wildcard, service: echo, hosts: ['*.test'], paths: [/orders]}\n\
        - {name: post, service: echo, hosts: [api.test], methods: [POST], paths: [/orders]}\n\
        - {name: secure, service: echo, hosts: [api.test], paths: [/secure], protocols: [https], snis: [api.test]}\n";
    let stack = Stack::reading(document).without_lists().start().await;
    let told = stack.explain(&["https://api.test/orders/7"]);
    assert_eq!(told["route"]["name"], "host");
    let rivals: Vec<(&str, &str)> = told["runners_up"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rival| {
            (
                rival["name"].as_str().unwrap(),
                rival["why_not"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("wildcard", "has a wildcard among its hosts, or no host"),
        ("regex", "has 1 kinds of conditions, not 2"),
        ("prefix", "has 1 kinds of conditions, not 2"),
        ("everything", "has 1 kinds of conditions, not 2"),
    ];
    assert_eq!(rivals, expected);
    assert_eq!(told["runners_up"][0]["line"]["line"], 8);

    let told = stack.explain(&["--sni", "other.test", "https://api.test/secure"]);
    assert_eq!(told["route"]["name"], "everything", "{told:#}");
    let told = stack.explain(&["http://api.test/secure"]);
    assert_eq!(
        (&told["reason"], &told["status"]),
        (&json!("https_required"), &json!(426))
    );
    let upgrade = json!(["upgrade", "TLS/1.2, HTTP/1.1"]);
    assert!(
        told["answer"]["headers"].as_array().unwrap().contains(&upgrade),
        "{told:#}"
    );

    stack.change("kong.yaml", "paths: [/]}", "paths: [/elsewhere]}");
    let told = stack.explain(&["https://api.test/nowhere"]);
    assert_eq!(
        (&told["reason"], &told["route"]),
        (&json!("no_route"), &Value::Null)
    );
    let near: Vec<(&str, Vec<&str>)> = told["near_misses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|miss| (miss["name"].as_str().unwrap(), texts(&miss["fields"])))
        .collect();
    assert_eq!(near.len(), 5);
    assert!(near.iter().all(|(_, fields)| *fields == ["paths"]), "{near:?}");
}

/// A server name decides whether a certificate is asked for, and a wrong one is 421.
#[tokio::test]
async fn the_handshake_is_told() {
    let document = "_format_version: '3.0'\nservices: [{name: echo, url: 'http://{echo}'}]\nroutes:\n\
        - name: judged\n  service: echo\n  hosts: [judged.test]\n  snis: [judged.test]\n  protocols: [https]\n  \
        plugins: [{name: mtls-auth, config: {ca_certificates: [c1a00000-0000-4000-8000-000000000001]}}]\n\
        - {name: open, service: echo, hosts: [open.test]}\n\
        - name: any\n  service: echo\n  hosts: [any.test]\n  methods: [GET]\n  snis: [any.test, judged.test]\n  \
        plugins: [{name: mtls-auth, config: {ca_certificates: [c1a00000-0000-4000-8000-000000000001]}}]\n\
        ca_certificates:\n  - {id: c1a00000-0000-4000-8000-000000000001, cert: \"@ca/clients-root.pem\"}\n\
        consumers: [{username: alice@example.com}]\n";
    let plan = Stack::reading(document).without_lists().without_trusted_edges();
    let stack = plan.gateway("trusted_ips", "127.0.0.1").start().await;
    let files = Files::of(&stack);
    let asks = |arguments: &[&str]| stack.explain(arguments)["connection"]["asks_for_certificate"] == true;
    assert!(asks(&["https://judged.test/"]));
    assert!(!asks(&["https://open.test/"]));
    assert!(!asks(&["--no-sni", "https://judged.test/"]));
    let told = stack.explain(&["--cert", &files.alice, "https://judged.test/"]);
    assert_eq!(told["verdict"], "allow", "{told:#}");
    let told = stack.explain(&["--cert", &files.alice, "https://open.test/"]);
    assert_eq!(told["verdict"], "allow");
    assert_eq!(
        told["connection"]["notes"][0],
        "the certificate is not shown: the handshake under this server name asks for none"
    );
    assert!(told["principals"].as_array().unwrap().is_empty());
    // A carrier that is believed says http, so that the route's server names are not compared.
    let carried = ["--from", "127.0.0.1", "-H", "X-Forwarded-Proto: http"];
    let elsewhere = [
        "--sni",
        "open.test",
        "--cert",
        files.alice.as_str(),
        "https://any.test/",
    ];
    let told = stack.explain(&[carried.as_slice(), &elsewhere].concat());
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&json!(421), &json!("certificate_missing")),
        "{told:#}"
    );
}

/// The same certificate, on another day.
#[tokio::test]
async fn another_time_may_be_asked_about() {
    let stack = Stack::with("hop.yaml").start().await;
    let files = Files::of(&stack);
    let at = |time: &str| {
        let told = stack.explain(&["--at", time, "--cert", &files.alice, "https://api.test/direct"]);
        told["reason"].as_str().unwrap_or("allow").to_owned()
    };
    let now = stack.explain(&["--cert", &files.alice, "https://api.test/direct"]);
    assert_eq!(now["verdict"], "allow", "{now:#}");
    assert_eq!(at("2020-01-01T00:00:00Z"), "certificate_not_yet_valid");
    assert_eq!(at("2099-01-01T00:00:00+01:00"), "certificate_expired");
}
