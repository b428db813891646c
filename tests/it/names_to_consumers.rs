//! How a trusted certificate finds its consumer, by socket and header alike: mappings by CA, others, then names in order.

use certs::{AlternativeName as Name, Attribute, Authority, Leaf, Subject};
use harness::exhibit::{Exhibit, Judged, Way, both_ways};
use harness::stack::Stack;

/// Behind the verifier the edge's header is a header like any other, so two ways are enough.
pub(crate) const BOTH: [Way; 2] = [Way::Socket, Way::Header];

/// One situation at one route.
pub(crate) struct Case {
    pub(crate) what: &'static str,
    pub(crate) exhibit: Exhibit,
    pub(crate) route: &'static str,
    /// `200 as NAME`, or a reason for Kong's 401, or a whole verdict.
    pub(crate) verdict: &'static str,
    /// `X-Credential-Identifier`; empty for none, `#3` for the third mapping of the plugin's collection.
    pub(crate) credential: &'static str,
}

/// A table of [`Case`]s: `what, exhibit, route => verdict, credential;`.
macro_rules! cases {
    ($($what:literal, $exhibit:expr, $route:literal => $verdict:expr $(, $credential:literal)?;)*) => {
        vec![$($crate::names_to_consumers::Case {
            what: $what,
            exhibit: $exhibit,
            route: $route,
            verdict: $verdict,
            credential: [$($credential,)? ""][0],
        }),*]
    };
}
pub(crate) use cases;

/// The id of a mapping in the plugin's own collection.
fn mapping(way: Way, number: &str) -> String {
    let collection = if way == Way::Socket { 'a' } else { 'b' };
    format!("{collection}0000000-0000-4000-8000-{number:0>12}")
}

pub(crate) fn assert_case(way: Way, case: &Case, judged: &Judged) {
    let context = format!(
        "{} at {} by {way:?}: {:#}",
        case.what, case.route, judged.line["decision"]
    );
    let kongs = case.verdict.starts_with(|first: char| first.is_ascii_digit());
    let expected = if kongs {
        case.verdict.to_owned()
    } else {
        format!("401 TLS certificate failed verification: {}", case.verdict)
    };
    assert_eq!(judged.verdict(), expected, "{context}");
    let credential = match case.credential.strip_prefix('#') {
        Some(number) => Some(mapping(way, number)),
        None => Some(case.credential.to_owned()).filter(|text| !text.is_empty()),
    };
    assert_eq!(
        judged.answer.received("x-credential-identifier"),
        credential,
        "{context}"
    );
    let found = judged.principals().into_iter().next().unwrap_or_default();
    match case
        .verdict
        .strip_prefix("200 as ")
        .filter(|_| judged.answer.received("x-anonymous-consumer").is_none())
    {
        Some(consumer) => {
            let (plugin, evidence) = way.plugin();
            assert!(
                found.starts_with(&format!("{plugin} {evidence} {consumer} CN=")),
                "{found}: {context}"
            );
        }
        None => assert_eq!(found, "", "{context}"),
    }
}

pub(crate) async fn assert_cases(stack: &Stack, cases: &[Case]) {
    for case in cases {
        for way in BOTH {
            assert_case(way, case, &stack.judge(way, &case.exhibit, case.route).await);
        }
    }
}

/// A root with an authority below it, another root, and one that nobody trusts.
pub(crate) struct Roots {
    pub(crate) a: Authority,
    pub(crate) below_a: Authority,
    pub(crate) b: Authority,
    pub(crate) mallory: Authority,
}

impl Roots {
    pub(crate) fn new() -> Self {
        let a = Authority::root("A").unwrap();
        Self {
            below_a: a.intermediate("Below A").unwrap(),
            a,
            b: Authority::root("B").unwrap(),
            mallory: Authority::root("Mallory").unwrap(),
        }
    }

    pub(crate) async fn start(&self, document: String) -> Stack {
        let plan = Stack::reading(document).without_lists().without_edge();
        let plan = plan.authority("a", &self.a).authority("below-a", &self.below_a);
        plan.authority("b", &self.b).start().await
    }
}

/// A certificate of an authority.
pub(crate) fn of(authority: &Authority, leaf: Leaf) -> Exhibit {
    authority.issue(leaf).unwrap().into()
}

fn directory(common_name: &str) -> Name {
    Name::Directory(
        Subject::empty()
            .with(Attribute::Organization, "Order")
            .with(Attribute::CommonName, common_name),
    )
}

const NAMES: &str = r#"_format_version: "3.0"
services: [{name: echo, url: "http://{echo}"}]
consumers:
  - username: mail@order.test
  - username: second@order.test
  - username: dns.order.test
  - username: spiffe://order.test/uri
  - username: 10.9.9.9
  - username: 2001:db8::1
  - username: directory
  - username: common
  - {username: customer, custom_id: custom@order.test}
  - {username: by-dns, custom_id: custom.order.test}
  - {username: both@order.test}
  - {username: somebody else, custom_id: both@order.test}
  - username: dup@CASE.test
  - username: dup@Case.test
  - username: dup.CASE.test
  - username: dup.Case.test
  - {username: once, custom_id: once@CASE.test}
  - {custom_id: nameless@order.test}
routes:
"#;

/// A route for every way to look a consumer up.
fn looking_up() -> String {
    let routes = table![
        ("default", "");
        ("always", ", common_name: always");
        ("without-san", ", common_name: without_san");
        ("usernames", ", consumer_by: [username]");
        ("custom-ids", ", consumer_by: [custom_id]");
        ("either", ", consumer_by: [custom_id, username]");
        ("neither", ", consumer_by: []");
        ("null", ", consumer_by: null");
    ];
    routes
        .map(|(name, more)| both_ways(name, &format!("ca_certificates: [{{a}}, {{b}}]{more}"), ""))
        .concat()
}

#[tokio::test]
async fn names_are_tried_in_their_order() {
    let roots = Roots::new();
    let stack = roots.start([NAMES, &looking_up()].concat()).await;

    let client = |leaf: Leaf| of(&roots.a, leaf);
    // In the certificate they stand the other way round.
    let all = |kinds: usize| {
        let mut leaf = Leaf::client("common");
        let steps: [fn(Leaf) -> Leaf; 5] = [
            |leaf| leaf.alternative_name(directory("directory")),
            |leaf| leaf.ip([10, 9, 9, 9]),
            |leaf| leaf.uri("spiffe://order.test/uri"),
            |leaf| leaf.dns("dns.order.test"),
            |leaf| leaf.email("mail@order.test"),
        ];
        for step in &steps[..kinds] {
            leaf = step(leaf);
        }
        client(leaf)
    };
    let x = || Leaf::client("x");
    let mail = |address: &str| client(x().email(address));
    let dns = |name: &str| client(x().dns(name));
    let v6 = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let (nobody, ambiguous) = ("consumer_not_found", "identity_ambiguous");
    assert_cases(&stack, &cases![
        "an e-mail address before all others", all(5), "default" => "200 as mail@order.test", "mail@order.test";
        "then a DNS name", all(4), "default" => "200 as dns.order.test", "dns.order.test";
        "then a URI", all(3), "default" => "200 as spiffe://order.test/uri", "spiffe://order.test/uri";
        "then an address", all(2), "default" => "200 as 10.9.9.9", "10.9.9.9";
        "then a directory name's attributes", all(1), "default" => "200 as directory", "directory";
        "then the common name", all(0), "default" => "200 as common", "common";
        "an IPv6 address", client(x().ip(v6)), "default" => "200 as 2001:db8::1", "2001:db8::1";
        "two of a kind in the certificate's order", client(x().email("second@order.test").email("mail@order.test")),
            "default" => "200 as second@order.test", "second@order.test";
        "nobody's names before somebody's", client(x().email("no@order.test").dns("no.test").uri("spiffe://order.test/uri")),
            "default" => "200 as spiffe://order.test/uri", "spiffe://order.test/uri";
        "a common name beside others", client(Leaf::client("common").dns("no.test")), "default" => nobody;
        "the same", client(Leaf::client("common").dns("no.test")), "without-san" => nobody;
        "the same where it always counts", client(Leaf::client("common").dns("no.test")), "always" => "200 as common", "common";
        "there it still is the last", client(Leaf::client("common").dns("dns.order.test")),
            "always" => "200 as dns.order.test", "dns.order.test";
        "and must be one", client(Leaf::client("common").another_common_name("x").dns("no.test")), "always" => ambiguous;

        "a username before a custom id", mail("both@order.test"), "default" => "200 as both@order.test", "both@order.test";
        "whatever their order in the list", mail("both@order.test"), "either" => "200 as both@order.test", "both@order.test";
        "only usernames", mail("both@order.test"), "usernames" => "200 as both@order.test", "both@order.test";
        "only custom ids", mail("both@order.test"), "custom-ids" => "200 as somebody else", "both@order.test";
        "a custom id", mail("custom@order.test"), "default" => "200 as customer", "custom@order.test";
        "a custom id where they do not count", mail("custom@order.test"), "usernames" => nobody;
        "a username where they do not count", mail("mail@order.test"), "custom-ids" => nobody;
        "neither counts", mail("mail@order.test"), "neither" => nobody;
        "neither counts, by null", mail("custom@order.test"), "null" => nobody;
        "the first name's custom id before the second's username", client(x().dns("dns.order.test").email("custom@order.test")),
            "default" => "200 as customer", "custom@order.test";

        "the value as it is in the certificate", mail("mail@ORDER.test"), "default" => "200 as mail@order.test", "mail@ORDER.test";
        "written in capitals here", mail("once@case.test"), "default" => "200 as once", "once@case.test";
        "two consumers that differ in case", mail("dup@case.test"), "default" => ambiguous;
        "one that is written so", mail("dup@CASE.test"), "default" => "200 as dup@CASE.test", "dup@CASE.test";
        "two by DNS", dns("dup.case.test"), "default" => ambiguous;
        "one by DNS that is written so", dns("dup.Case.test"), "default" => "200 as dup.Case.test", "dup.Case.test";
        "neither is looked at among custom ids", mail("dup@case.test"), "custom-ids" => nobody;
    ])
    .await;
}

#[tokio::test]
async fn the_upstream_is_told_the_names_that_a_consumer_has() {
    let roots = Roots::new();
    let stack = roots.start([NAMES, &looking_up()].concat()).await;
    for (mail, username, custom_id) in [
        ("mail@order.test", Some("mail@order.test"), None),
        ("custom@order.test", Some("customer"), Some("custom@order.test")),
        ("nameless@order.test", None, Some("nameless@order.test")),
    ] {
        let client = of(&roots.a, Leaf::client("x").email(mail));
        for way in BOTH {
            let judged = stack.judge(way, &client, "default").await;
            let received = |name: &str| judged.answer.received(name);
            assert_eq!(judged.answer.status, 200, "{mail} by {way:?}");
            assert_eq!(
                received("x-consumer-username").as_deref(),
                username,
                "{mail} by {way:?}"
            );
            assert_eq!(
                received("x-consumer-custom-id").as_deref(),
                custom_id,
                "{mail} by {way:?}"
            );
            let id = judged.line["consumer"]["id"].as_str();
            assert!(
                id.is_some() && received("x-consumer-id").as_deref() == id,
                "{mail} by {way:?}: {id:?}"
            );
        }
    }
}

/// The same mappings for both plugins, nested and flat, and one that only one of them has.
fn mappings() -> String {
    let entry = |way, number: &str, fields: &str| format!("{{id: {}, {fields}}}", mapping(way, number));
    let nested = |number: &str, fields: &str| {
        format!(
            ", mtls_auth_credentials: [{}], header_cert_auth_credentials: [{}]",
            entry(Way::Socket, number, fields),
            entry(Way::Header, number, fields)
        )
    };
    let flat = |way| {
        [
            ("2", "consumer: any, subject_name: mapped@map.test"),
            (
                "4",
                "consumer: a, subject_name: near.map.test, ca_certificate: {a}",
            ),
            (
                "5",
                "consumer: a, subject_name: later.map.test, ca_certificate: {a}",
            ),
            ("6", "consumer: any, subject_name: first@map.test"),
            ("7", "consumer: any, subject_name: taken@map.test"),
            (
                "8",
                "consumer: b, subject_name: foreign@map.test, ca_certificate: {b}",
            ),
            ("9", "consumer: any, subject_name: mapped by common name"),
            ("10", "consumer: any, subject_name: fold@MAP.test"),
            ("11", "consumer: any, subject_name: spiffe://map.test/x"),
            ("12", "consumer: any, subject_name: twice@map.test"),
            ("13", "consumer: b, subject_name: twice@map.test"),
            ("14", "consumer: b, subject_name: same@map.test"),
            ("15", "consumer: b, subject_name: same@map.test"),
            ("16", "consumer: any, subject_name: apart@map.test"),
            (
                "17",
                "consumer: b, subject_name: apart@map.test, ca_certificate: {b}",
            ),
        ]
        .map(|(number, fields)| format!("  - {}\n", entry(way, number, fields)))
        .concat()
    };
    [
        "_format_version: \"3.0\"\nservices: [{name: echo, url: \"http://{echo}\"}]\nconsumers:\n".to_owned(),
        "  - {username: any}\n  - {username: b}\n  - {username: taken@map.test}\n".to_owned(),
        format!(
            "  - {{username: a{}}}\n",
            nested("1", "subject_name: mapped@map.test, ca_certificate: {a}")
        ),
        format!(
            "  - {{username: below a{}}}\n",
            nested("3", "subject_name: near.map.test, ca_certificate: {below-a}")
        ),
        format!("mtls_auth_credentials:\n{}", flat(Way::Socket)),
        "  - {consumer: any, subject_name: for sockets}\n".to_owned(),
        format!("header_cert_auth_credentials:\n{}", flat(Way::Header)),
        "  - {consumer: any, subject_name: for headers}\n".to_owned(),
        "routes:\n".to_owned(),
    ]
    .concat()
}

#[tokio::test]
async fn mappings_come_before_names_and_those_that_name_a_ca_come_first() {
    let roots = Roots::new();
    let routes = [
        both_ways("default", "ca_certificates: [{a}, {b}]", ""),
        both_ways("always", "ca_certificates: [{a}, {b}], common_name: always", ""),
        both_ways("neither", "ca_certificates: [{a}, {b}], consumer_by: []", ""),
        both_ways("offered", "ca_certificates: [{a}, {below-a}]", ""),
        both_ways(
            "partial",
            "ca_certificates: [{below-a}], allow_partial_chain: true",
            "",
        ),
    ];
    let stack = roots.start([mappings(), routes.concat()].concat()).await;
    let mail = |authority: &Authority, address: &str| of(authority, Leaf::client("x").email(address));
    let near = || of(&roots.below_a, Leaf::client("x").dns("near.map.test"));
    let by_name = |leaf: Leaf| of(&roots.a, leaf);
    let nobody = "consumer_not_found";
    assert_cases(&stack, &cases![
        "by the CA that is named", mail(&roots.a, "mapped@map.test"), "default" => "200 as a", "#1";
        "by one below it", mail(&roots.below_a, "mapped@map.test"), "default" => "200 as a", "#1";
        "by another", mail(&roots.b, "mapped@map.test"), "default" => "200 as any", "#2";
        "by a stranger", mail(&roots.mallory, "mapped@map.test"), "default" => "certificate_untrusted";
        "two CAs of the path are named", near(), "default" => "200 as below a", "#3";
        "the nearer one, listed too", near(), "offered" => "200 as below a", "#3";
        "the nearer one, the leaf alone", near().alone(), "offered" => "200 as below a", "#3";
        "only the one that the path ends in", near(), "partial" => "200 as below a", "#3";
        "the farther one is not on a path that ends before", mail(&roots.below_a, "mapped@map.test"),
            "partial" => "200 as any", "#2";
        "the farther alone", of(&roots.a, Leaf::client("x").dns("near.map.test")), "default" => "200 as a", "#4";
        "neither", of(&roots.b, Leaf::client("x").dns("near.map.test")), "default" => nobody;
        "with a CA by the last name, without by the first", by_name(Leaf::client("x").email("first@map.test").dns("later.map.test")),
            "default" => "200 as a", "#5";
        "without a CA", by_name(Leaf::client("x").email("first@map.test")), "default" => "200 as any", "#6";
        "somebody's username", mail(&roots.a, "taken@map.test"), "default" => "200 as any", "#7";
        "of a CA that did not issue it", mail(&roots.a, "foreign@map.test"), "default" => nobody;
        "of the CA that did", mail(&roots.b, "foreign@map.test"), "default" => "200 as b", "#8";
        "a common name", by_name(Leaf::client("mapped by common name")), "default" => "200 as any", "#9";
        "one beside other names", by_name(Leaf::client("mapped by common name").dns("no.test")), "default" => nobody;
        "one that always counts", by_name(Leaf::client("mapped by common name").dns("no.test")), "always" => "200 as any", "#9";
        "a domain's case", mail(&roots.a, "fold@map.TEST"), "default" => "200 as any", "#10";
        "a local part's case", mail(&roots.a, "Fold@map.test"), "default" => nobody;
        "a URI", by_name(Leaf::client("x").uri("spiffe://map.test/x")), "default" => "200 as any", "#11";
        "a URI's case", by_name(Leaf::client("x").uri("spiffe://MAP.test/x")), "default" => nobody;
        "two that lead to different consumers", mail(&roots.a, "twice@map.test"), "default" => "identity_ambiguous";
        "two that lead to one", mail(&roots.a, "same@map.test"), "default" => "200 as b", "#14";
        "two that a CA tells apart", mail(&roots.a, "apart@map.test"), "default" => "200 as any", "#16";
        "the other one", mail(&roots.b, "apart@map.test"), "default" => "200 as b", "#17";
        "where no consumer is found by name", mail(&roots.a, "mapped@map.test"), "neither" => "200 as a", "#1";
        "by name", by_name(Leaf::client("b")), "default" => "200 as b", "b";
        "by name where names do not count", by_name(Leaf::client("b")), "neither" => nobody;
    ])
    .await;

    for (name, way, passes) in [
        ("for sockets", Way::Socket, true),
        ("for sockets", Way::Header, false),
        ("for headers", Way::Header, true),
        ("for headers", Way::Socket, false),
    ] {
        let judged = stack.judge(way, &by_name(Leaf::client(name)), "default").await;
        let own = format!("each plugin has mappings of its own: {name} by {way:?}");
        assert_eq!(judged.verdict() == "200 as any", passes, "{own}");
        assert_eq!(judged.reason() == nobody, !passes, "{own}");
    }
}
