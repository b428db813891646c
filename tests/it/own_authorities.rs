//! Each plugin instance trusts its own authorities alone, and what it remembers is its own too.

use certs::Leaf;
use harness::client::Client;
use harness::exhibit::{Exhibit, Way, both_ways, route};
use harness::stack::Stack;

use crate::names_to_consumers::{BOTH, Roots, of};

async fn start(roots: &Roots) -> Stack {
    const CONSUMERS: &str = "_format_version: \"3.0\"\nservices: [{name: echo, url: \"http://{echo}\"}]\n\
                             consumers: [{username: alice}, {username: by custom id, custom_id: alice}]\nroutes:\n";
    let shared = "certificate_header_name: X-Amzn-Mtls-Clientcert, certificate_header_format: url_encoded";
    let routes = [
        both_ways("a", "ca_certificates: [{a}]", ""),
        both_ways("b", "ca_certificates: [{b}]", ""),
        both_ways("either", "ca_certificates: [{b}, {a}]", ""),
        both_ways("custom", "ca_certificates: [{a}], consumer_by: [custom_id]", ""),
        both_ways("group", "ca_certificates: [{a}], skip_consumer_lookup: true", ""),
        // The socket's authorities are not the header's, on one route.
        route(
            "socket/mixed",
            &format!(
                "{{name: mtls-auth, config: {{ca_certificates: [{{a}}]}}}}, \
                 {{name: header-cert-auth, config: {{ca_certificates: [{{b}}], {shared}}}}}"
            ),
        ),
    ];
    roots.start([CONSUMERS, &routes.concat()].concat()).await
}

/// Certificates of one name, by A and by B.
fn alice(roots: &Roots) -> [Exhibit; 2] {
    [&roots.a, &roots.b].map(|root| of(root, Leaf::client("alice")))
}

#[tokio::test]
async fn each_instance_trusts_its_own_authorities_alone() {
    let roots = Roots::new();
    let stack = start(&roots).await;
    let [by_a, by_b] = alice(&roots);
    let untrusted = "401 TLS certificate failed verification: certificate_untrusted";

    // Each twice and more, on one connection: what a route remembers must not serve another.
    let as_it_is: fn(Client) -> Client = |client| client;
    for (way, over) in BOTH
        .into_iter()
        .flat_map(|way| [(way, as_it_is), (way, Client::over_http2)])
    {
        for (whose, exhibit, at_a, at_b, custom) in [
            ("A's", &by_a, "200 as alice", untrusted, "200 as by custom id"),
            ("B's", &by_b, untrusted, "200 as alice", untrusted),
        ] {
            let mut session = over(stack.bearer(way, Some(exhibit))).connect().await.unwrap();
            for round in 1..=3 {
                for (route, verdict) in [
                    ("a", at_a),
                    ("b", at_b),
                    ("either", "200 as alice"),
                    ("custom", custom),
                ] {
                    let answer = session.send(stack.show(way, exhibit, route)).await.unwrap();
                    let judged = stack.judged(answer).await;
                    assert_eq!(
                        judged.verdict(),
                        verdict,
                        "{whose} at {route}, {way:?}, round {round}"
                    );
                }
                let answer = session.send(stack.show(way, exhibit, "group")).await.unwrap();
                assert_eq!(
                    answer.received("x-consumer-username"),
                    None,
                    "{whose} without a consumer"
                );
            }
        }
    }
}

#[tokio::test]
async fn certificates_that_take_turns_on_one_connection_are_judged_one_by_one() {
    let roots = Roots::new();
    let stack = start(&roots).await;
    let [by_a, by_b] = alice(&roots);
    let mut edge = stack.gateway().cert("edge/client").connect().await.unwrap();
    for round in 1..=3 {
        for (exhibit, route, status) in [
            (&by_a, "a", 200),
            (&by_b, "a", 401),
            (&by_b, "b", 200),
            (&by_a, "b", 401),
        ] {
            let answer = edge.send(stack.show(Way::Header, exhibit, route)).await.unwrap();
            assert_eq!(answer.status, status, "{route}, round {round}");
        }
    }

    let client = stack.gateway().with(by_a.identity().unwrap());
    let mixed = client
        .get("/socket/mixed")
        .header("X-Amzn-Mtls-Clientcert", &by_b.url_encoded())
        .await;
    assert_eq!(
        stack.judged(mixed).await.reason(),
        "header_untrusted_source",
        "a client is no edge, whoever he is"
    );
}
