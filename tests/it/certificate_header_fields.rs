//! Which header `header-cert-auth` reads, in which format, and from whom: `certificate_header_name`,
//! `certificate_header_format`, `secure_source`, with an address as the proof of the source.

use certs::Leaf;
use harness::exhibit::route;
use harness::stack::Stack;

use crate::certificate_auth_fields::{ALICE, DOCUMENT};
use crate::consumer_matching::{Roots, of};

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

#[tokio::test]
async fn a_header_is_read_in_the_format_that_is_configured_and_in_no_other() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let roots = Roots::new();
    let routes = [
        reading("url", "X-Client-Cert", "url_encoded", ""),
        reading("base64", "X-Client-Cert", "base64_encoded", ""),
        reading("url-guest", "X-Client-Cert", "url_encoded", ", anonymous: guest"),
        reading(
            "base64-guest",
            "X-Client-Cert",
            "base64_encoded",
            ", anonymous: guest",
        ),
    ];
    let stack = by_address(&roots, routes.concat()).await;
    // Long enough to hold every character of the alphabet, and padded.
    let padded = || loop {
        let exhibit = of(&roots.below_a, alice().extension(&[1, 2, 3, 4], vec![5; 300]));
        let text = exhibit.base64();
        if text.ends_with('=') && text.contains('+') && text.contains('/') {
            return exhibit;
        }
    };
    let exhibit = padded();
    let (url, alone, base64) = (
        exhibit.url_encoded(),
        padded().alone().url_encoded(),
        exhibit.base64(),
    );
    let both = [&exhibit.chain()[0][..], &exhibit.chain()[1]].concat();
    let lines = base64
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line))
        .collect::<Vec<_>>();
    let bad = "400 Bad request: header_malformed";
    let nothing = "the certificate header is ";
    for (what, route, value, verdict, cause) in table![
        ("its own", "url", url.clone(), ALICE, "");
        ("its own", "base64", base64.clone(), ALICE, "");
        ("the other's", "url", base64.clone(), bad, "does not hold PEM certificates");
        ("the other's", "base64", url.clone(), bad, "not base64");
        ("the leaf alone", "url", alone.clone(), ALICE, "");
        ("lower-case escapes", "url", url.replace("%0A", "%0a"), ALICE, "");
        ("everything escaped", "url", url.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D"), ALICE, "");
        ("CRLF", "url", url.replace("%0A", "%0D%0A"), ALICE, "");
        ("no last line end", "url", url.trim_end_matches("%0A").to_owned(), ALICE, "");
        ("plus for a space", "url", url.replace("%20", "+"), bad, "does not hold PEM certificates");
        ("a space for plus", "url", url.replace('+', "%20"), bad, "not base64");
        ("a bare space", "url", url.replace("%20", " "), bad, "should be escaped");
        ("a broken escape", "url", url.replacen("%20", "%2X", 1), bad, "broken percent escape");
        ("text before it", "url", format!("Subject%3A%20alice%0A{url}"), bad, "does not hold PEM certificates");
        ("text after it", "url", format!("{url}x"), bad, "does not hold PEM certificates");
        ("another label", "url", url.replace("CERTIFICATE", "TRUSTED%20CERTIFICATE"),
            bad, "does not hold PEM certificates");
        ("no padding", "base64", base64.trim_end_matches('=').to_owned(), bad, "not base64");
        ("padding too much", "base64", format!("{base64}="), bad, "not base64");
        ("the URL-safe alphabet", "base64", base64.replace('+', "-").replace('/', "_"), bad, "not base64");
        ("escaped", "base64", base64.replace('+', "%2B"), bad, "not base64");
        ("in lines", "base64", lines.join(" "), bad, "not base64");
        ("in PEM's armour", "base64", format!("-----BEGIN CERTIFICATE-----{base64}-----END CERTIFICATE-----"),
            bad, "not base64");
        ("as RFC 9440 has it", "base64", format!(":{base64}:"), bad, "not base64");
        ("two by a comma", "base64", format!("{base64},{base64}"), bad, "not base64");
        ("two in one", "base64", STANDARD.encode(both), bad, "not one DER element");
        ("something else", "base64", STANDARD.encode("hello"), bad, "not one DER element");
        ("empty", "url", String::new(), bad, nothing);
        ("empty", "base64", String::new(), bad, nothing);
        ("a dash", "url", "-".to_owned(), bad, "does not hold PEM certificates");
        ("a dash", "base64", "-".to_owned(), bad, "not base64");
        ("nginx's nothing", "base64", "(null)".to_owned(), bad, "not base64");
        ("nothing in a word", "base64", "NONE".to_owned(), bad, "not one DER element");
    ] {
        for name in [route.to_owned(), format!("{route}-guest")] {
            let call = stack
                .gateway_http()
                .get(&format!("/{name}"))
                .header("X-Client-Cert", &value);
            let judged = stack.judged(call.await).await;
            assert_eq!(judged.verdict(), verdict, "{what} at {name}: {}", judged.cause());
            assert!(
                judged.cause().contains(cause),
                "{what} at {name}: {}",
                judged.cause()
            );
            if verdict == ALICE {
                let sent = judged.answer.received("x-client-cert");
                assert_eq!(
                    sent.as_deref(),
                    Some(value.as_str()),
                    "{what}: it goes on as it came"
                );
            }
        }
    }
    assert_eq!(
        stack.gateway_http().get("/base64-guest").await.status,
        200,
        "an absence is no error"
    );
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
