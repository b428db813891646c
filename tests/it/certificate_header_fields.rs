//! Which header `header-cert-auth` reads, in which format, and from whom: `certificate_header_name`,
//! `certificate_header_format`, `secure_source`, with an address as the proof of the source.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::Leaf;
use harness::exhibit::{Exhibit, route};
use harness::stack::Stack;

use crate::certificate_auth_fields::{ALICE, DOCUMENT};
use crate::names_to_consumers::{Roots, of};

fn alice() -> Leaf {
    Leaf::client("alice")
}

/// A stack in which an address is enough, with these routes.
async fn by_address(roots: &Roots, routes: String) -> Stack {
    let plan = Stack::reading([DOCUMENT, &routes].concat())
        .without_lists()
        .without_edge();
    let plan = plan
        .trusting_addresses("127.0.0.0/8")
        .authority("a", &roots.a)
        .authority("below-a", &roots.below_a);
    plan.start().await
}

fn reading(name: &str, header: &str, format: &str, more: &str) -> String {
    let config = format!(
        "ca_certificates: [{{a}}, {{below-a}}], certificate_header_name: {header}, certificate_header_format: {format}{more}"
    );
    route(name, &format!("{{name: header-cert-auth, config: {{{config}}}}}"))
}

/// The same header in both formats, each where it may be anonymous too.
async fn in_both_formats(roots: &Roots) -> Stack {
    let read = |name: &str, format: &str, more: &str| reading(name, "X-Client-Cert", format, more);
    let routes = [
        read("url", "url_encoded", ""),
        read("base64", "base64_encoded", ""),
        read("url-guest", "url_encoded", ", anonymous: guest"),
        read("base64-guest", "base64_encoded", ", anonymous: guest"),
    ];
    by_address(roots, routes.concat()).await
}

/// A certificate whose base64 is padded and holds every character that encodings differ about.
fn telling(roots: &Roots) -> Exhibit {
    loop {
        let exhibit = of(&roots.below_a, alice().extension(&[1, 2, 3, 4], vec![5; 300]));
        let text = exhibit.base64();
        if text.ends_with('=') && text.contains('+') && text.contains('/') {
            return exhibit;
        }
    }
}

/// Sends a value to a route, and to its brother where a failure would be anonymous.
async fn assert_value(stack: &Stack, what: &str, route: &str, value: &str, (verdict, cause): (&str, &str)) {
    for name in [route.to_owned(), format!("{route}-guest")] {
        let call = stack
            .gateway_http()
            .get(&format!("/{name}"))
            .header("X-Client-Cert", value);
        let judged = stack.judged(call.await).await;
        let context = format!("{what} at {name}: {}", judged.cause());
        assert_eq!(judged.verdict(), verdict, "{context}");
        assert!(judged.cause().contains(cause), "{context}");
        if verdict == ALICE {
            let sent = judged.answer.received("x-client-cert");
            assert_eq!(sent.as_deref(), Some(value), "it goes on as it came: {context}");
        }
    }
}

#[tokio::test]
async fn a_header_is_read_in_the_format_that_is_configured() {
    let roots = Roots::new();
    let stack = in_both_formats(&roots).await;
    let exhibit = telling(&roots);
    let (url, base64) = (exhibit.url_encoded(), exhibit.base64());
    let alone = exhibit.alone().url_encoded();
    for (what, route, value) in table![
        ("its own", "url", url.clone());
        ("its own", "base64", base64.clone());
        ("the leaf alone", "url", alone.clone());
        ("lower-case escapes", "url", url.replace("%0A", "%0a"));
        ("everything escaped", "url", url.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D"));
        ("CRLF", "url", url.replace("%0A", "%0D%0A"));
        ("no last line end", "url", url.trim_end_matches("%0A").to_owned());
    ] {
        assert_value(&stack, what, route, &value, (ALICE, "")).await;
    }
    assert_eq!(
        stack.gateway_http().get("/base64-guest").await.status,
        200,
        "an absence is no error"
    );
}

#[tokio::test]
async fn a_header_that_cannot_be_read_is_an_error_and_no_absence() {
    let roots = Roots::new();
    let stack = in_both_formats(&roots).await;
    let exhibit = telling(&roots);
    let (url, base64) = (exhibit.url_encoded(), exhibit.base64());
    let both = [&exhibit.chain()[0][..], &exhibit.chain()[1]].concat();
    let lines: Vec<&str> = base64.split_inclusive('+').collect();
    let (no_pem, no_base64, no_der) = (
        "does not hold PEM certificates",
        "not base64",
        "not one DER element",
    );
    for (what, route, value, cause) in table![
        ("the other's", "url", base64.clone(), no_pem);
        ("the other's", "base64", url.clone(), no_base64);
        ("plus for a space", "url", url.replace("%20", "+"), no_pem);
        ("a space for plus", "url", url.replace('+', "%20"), no_base64);
        ("a bare space", "url", url.replace("%20", " "), "should be escaped");
        ("a broken escape", "url", url.replacen("%20", "%2X", 1), "broken percent escape");
        ("text before it", "url", format!("Subject%3A%20alice%0A{url}"), no_pem);
        ("text after it", "url", format!("{url}x"), no_pem);
        ("another label", "url", url.replace("CERTIFICATE", "TRUSTED%20CERTIFICATE"), no_pem);
        ("no padding", "base64", base64.trim_end_matches('=').to_owned(), no_base64);
        ("padding too much", "base64", format!("{base64}="), no_base64);
        ("the URL-safe alphabet", "base64", base64.replace('+', "-").replace('/', "_"), no_base64);
        ("escaped", "base64", base64.replace('+', "%2B"), no_base64);
        ("in lines", "base64", lines.join(" "), no_base64);
        ("in PEM's armour", "base64", format!("-----BEGIN CERTIFICATE-----{base64}-----END CERTIFICATE-----"),
            no_base64);
        ("as RFC 9440 has it", "base64", format!(":{base64}:"), no_base64);
        ("two by a comma", "base64", format!("{base64},{base64}"), no_base64);
        ("two in one", "base64", STANDARD.encode(both), no_der);
        ("something else", "base64", STANDARD.encode("hello"), no_der);
        ("empty", "url", String::new(), "the certificate header is ");
        ("empty", "base64", String::new(), "the certificate header is ");
        ("a dash", "url", "-".to_owned(), no_pem);
        ("a dash", "base64", "-".to_owned(), no_base64);
        ("nginx's nothing", "base64", "(null)".to_owned(), no_base64);
        ("nothing in a word", "base64", "NONE".to_owned(), no_der);
    ] {
        assert_value(
            &stack,
            what,
            route,
            &value,
            ("400 Bad request: header_malformed", cause),
        )
        .await;
    }
    assert_eq!(stack.upstream.count(), 0);
}

#[tokio::test]
async fn a_plugin_reads_the_header_that_it_names_and_no_other() {
    let roots = Roots::new();
    let routes = [
        reading("nginx", "ssl-client-cert", "url_encoded", ""),
        reading("usual", "X-SSL-Client-Cert", "url_encoded", ""),
        reading("azure", "X-ARR-ClientCert", "base64_encoded", ""),
        reading("corporate", "x-corp-client-pem", "url_encoded", ""),
        route("none", ""),
    ];
    let stack = by_address(&roots, routes.concat()).await;
    let exhibit = of(&roots.below_a, alice());
    let (url, base64) = (exhibit.url_encoded(), exhibit.base64());
    let headers = [
        ("nginx", "ssl-client-cert", &url),
        ("usual", "X-SSL-Client-Cert", &url),
        ("azure", "X-ARR-ClientCert", &base64),
        ("corporate", "X-Corp-Client-Pem", &url),
    ];
    let missing = "401 No required TLS certificate was sent: certificate_missing";
    for (route, own, _) in headers {
        for (other, name, value) in headers {
            for spelling in [
                name.to_owned(),
                name.to_ascii_uppercase(),
                name.to_ascii_lowercase(),
            ] {
                let call = stack
                    .gateway_http()
                    .get(&format!("/{route}"))
                    .header(&spelling, value);
                let verdict = stack.judged(call.await).await.verdict();
                let expected = if route == other { ALICE } else { missing };
                assert_eq!(verdict, expected, "{spelling} at {route}");
            }
        }
        let all = |path: &str| {
            let call = stack.gateway_http().get(path);
            headers
                .iter()
                .fold(call, |call, (_, name, value)| call.header(name, value))
        };
        let answer = all(&format!("/{route}")).await;
        for (_, name, _) in headers {
            assert_eq!(
                answer.received(name).is_some(),
                name == own,
                "{name} goes on from {route}"
            );
            assert_eq!(
                all("/none").await.received(name),
                None,
                "{name} where nobody reads it"
            );
        }
        let folded = own.replace('-', "_");
        let call = stack
            .gateway_http()
            .get(&format!("/{route}"))
            .header(&folded, &url);
        assert_eq!(
            stack.judged(call.await).await.verdict(),
            "400 Bad request: header_malformed",
            "{folded}"
        );
    }
}

#[tokio::test]
async fn secure_source_wants_a_trusted_address_and_its_absence_wants_none() {
    let roots = Roots::new();
    let routes = [
        reading("absent", "X-Client-Cert", "url_encoded", ""),
        reading("secure", "X-Client-Cert", "url_encoded", ", secure_source: true"),
        reading("anyone", "X-Client-Cert", "url_encoded", ", secure_source: false"),
        reading("guest", "X-Client-Cert", "url_encoded", ", anonymous: guest"),
    ]
    .concat();
    let untrusted = "401 No required TLS certificate was sent: header_untrusted_source";
    let (good, bad) = (of(&roots.below_a, alice()).url_encoded(), "rubbish".to_owned());
    let malformed = "400 Bad request: header_malformed";
    for (addresses, rows) in [
        (
            "127.0.0.0/8",
            [
                ("absent", ALICE),
                ("secure", ALICE),
                ("anyone", ALICE),
                ("guest", ALICE),
            ],
        ),
        (
            "10.0.0.0/8",
            [
                ("absent", untrusted),
                ("secure", untrusted),
                ("anyone", ALICE),
                ("guest", "200 as guest"),
            ],
        ),
    ] {
        let plan = Stack::reading([DOCUMENT, &routes].concat())
            .without_lists()
            .without_edge();
        let plan = plan.trusting_addresses(addresses);
        let stack = plan
            .authority("a", &roots.a)
            .authority("below-a", &roots.below_a)
            .start()
            .await;
        for (route, verdict) in rows {
            for client in [
                stack.gateway_http(),
                stack.gateway(),
                stack.gateway().cert("edge/client"),
            ] {
                let ask = async |value: &str| {
                    let call = client.get(&format!("/{route}")).header("X-Client-Cert", value);
                    // An address is the socket's: no header moves it.
                    stack
                        .judged(
                            call.header("X-Forwarded-For", "127.0.0.1")
                                .header("X-Real-IP", "127.0.0.1")
                                .await,
                        )
                        .await
                };
                assert_eq!(
                    ask(&good).await.verdict(),
                    verdict,
                    "{route} with {addresses} trusted"
                );
                let expected = if verdict == ALICE { malformed } else { verdict };
                assert_eq!(
                    ask(&bad).await.verdict(),
                    expected,
                    "rubbish at {route} with {addresses} trusted"
                );
            }
        }
    }
}
