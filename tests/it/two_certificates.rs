//! Both certificate plugins on one route, for a client with a certificate of its own that carries another's: who the
//! request comes from in the end, and when the second plugin leaves it alone: where nothing is carried.

use certs::Leaf;
use harness::exhibit::{Judged, route};
use harness::stack::Stack;

use crate::names_to_consumers::{Roots, of};

const DOCUMENT: &str = r#"_format_version: "3.0"
services: [{name: echo, url: "http://{echo}"}]
consumers: [{username: alice}, {username: bob}, {username: guest}]
routes:
"#;

async fn start(roots: &Roots) -> Stack {
    const WRITTEN: &str = "certificate_header_name: X-Client-Cert, certificate_header_format: url_encoded";
    let routes = [
        ("neither", "", ""),
        ("socket-guest", ", anonymous: guest", ""),
        ("header-guest", "", ", anonymous: guest"),
        ("both-guests", ", anonymous: guest", ", anonymous: guest"),
    ]
    .map(|(name, socket, header)| {
        // The order in the document means nothing: mtls-auth runs first.
        let header =
            format!("{{name: header-cert-auth, config: {{ca_certificates: [{{b}}], {WRITTEN}{header}}}}}");
        let socket = format!("{{name: mtls-auth, config: {{ca_certificates: [{{a}}]{socket}}}}}");
        route(name, &format!("{header}, {socket}"))
    });
    let plan = Stack::reading([DOCUMENT, &routes.concat()].concat())
        .without_lists()
        .without_edge();
    let plan = plan
        .trusting_addresses("127.0.0.0/8")
        .authority("a", &roots.a)
        .authority("b", &roots.b);
    plan.start().await
}

/// What the upstream and the log are told of the consumer, and of the header that found him.
fn assert_headers(judged: &Judged, consumer: &str, context: &str) {
    let received = |name: &str| judged.answer.received(name);
    assert_eq!(judged.line["consumer"]["username"], consumer, "{context}");
    let anonymous = (consumer == "guest").then_some("true");
    assert_eq!(
        received("x-anonymous-consumer").as_deref(),
        anonymous,
        "{context}"
    );
    let credential = (consumer != "guest").then_some(consumer);
    assert_eq!(
        received("x-credential-identifier").as_deref(),
        credential,
        "{context}"
    );
    assert_eq!(
        received("x-client-cert").is_some(),
        consumer == "bob",
        "only what was accepted: {context}"
    );
}

#[tokio::test]
async fn the_later_plugin_has_the_last_word_where_a_certificate_is_carried() {
    let roots = Roots::new();
    let stack = start(&roots).await;
    let identity = |who: &str| match who {
        "alice" => of(&roots.a, Leaf::client("alice")).identity(),
        "mallory" => of(&roots.mallory, Leaf::client("alice")).identity(),
        _ => None,
    };
    let value = |what: &str| match what {
        "bob" => Some(of(&roots.b, Leaf::client("bob")).url_encoded()),
        "forged" => Some(of(&roots.mallory, Leaf::client("bob")).url_encoded()),
        "rubbish" => Some("rubbish".to_owned()),
        _ => None,
    };
    let missing = "401 No required TLS certificate was sent: certificate_missing";
    let untrusted = "401 TLS certificate failed verification: certificate_untrusted";
    let malformed = "400 Bad request: header_malformed";
    let (socket, header) = (
        "mtls-auth socket alice CN=alice",
        "header-cert-auth header bob CN=bob",
    );
    let both: &[&str] = &[socket, header];
    for (route, own, carried, verdict, principals) in table![
        ("neither", "alice", "bob", "200 as bob", both);
        ("neither", "alice", "nothing", missing, &both[..1]);
        ("neither", "alice", "forged", untrusted, &both[..1]);
        ("neither", "alice", "rubbish", malformed, &both[..1]);
        ("neither", "nobody", "bob", missing, &[]);
        ("neither", "mallory", "bob", untrusted, &[]);
        ("socket-guest", "alice", "bob", "200 as bob", both);
        ("socket-guest", "nobody", "bob", "200 as bob", &both[1..]);
        ("socket-guest", "mallory", "bob", "200 as bob", &both[1..]);
        ("socket-guest", "nobody", "nothing", missing, &[]);
        ("socket-guest", "nobody", "forged", untrusted, &[]);
        ("header-guest", "alice", "bob", "200 as bob", both);
        ("header-guest", "alice", "nothing", "200 as alice", &both[..1]);
        ("header-guest", "alice", "forged", "200 as guest", &both[..1]);
        ("header-guest", "nobody", "bob", missing, &[]);
        ("both-guests", "alice", "bob", "200 as bob", both);
        ("both-guests", "alice", "nothing", "200 as alice", &both[..1]);
        ("both-guests", "nobody", "bob", "200 as bob", &both[1..]);
        ("both-guests", "mallory", "bob", "200 as bob", &both[1..]);
        ("both-guests", "nobody", "nothing", "200 as guest", &[]);
        ("both-guests", "mallory", "forged", "200 as guest", &[]);
        ("both-guests", "mallory", "rubbish", malformed, &[]);
    ] {
        let client = match identity(own) {
            Some(identity) => stack.gateway().with(identity),
            None => stack.gateway(),
        };
        let call = client.get(&format!("/{route}"));
        let call = match value(carried) {
            Some(value) => call.header("X-Client-Cert", &value),
            None => call,
        };
        let judged = stack.judged(call.await).await;
        let context = format!("{own} with {carried} at {route}: {}", judged.cause());
        assert_eq!(judged.verdict(), verdict, "{context}");
        assert_eq!(judged.principals(), principals, "{context}");
        if let Some(consumer) = verdict.strip_prefix("200 as ") {
            assert_headers(&judged, consumer, &context);
        }
    }
}
