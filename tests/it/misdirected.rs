//! What a server name opens, and that `Host` opens nothing: 421 where another handshake would have asked for a
//! certificate, and nowhere else.

use harness::client::Client;

use crate::asked_for_a_certificate::{INTERMEDIATE, ROOT, mtls, protected_under, reading};

/// The route decides, and the server name decides the route; what `Host` says opens nothing.
#[tokio::test]
async fn another_host_is_no_way_around_the_handshake() {
    let stack = protected_under("exact.test").start().await;
    for (sni, host, certificate, status, route) in [
        ("exact.test", "exact.test", None, 401, "protected"),
        ("exact.test", "exact.test", Some("alice"), 200, "protected"),
        ("exact.test", "exact.test", Some("mallory"), 401, "protected"),
        ("exact.test", "other.test", None, 401, "protected"),
        ("exact.test", "other.test", Some("alice"), 200, "protected"),
        // The same path under another name is another route, which is public: that is what the document says.
        ("other.test", "exact.test", None, 200, "public"),
        ("other.test", "exact.test", Some("alice"), 200, "public"),
        ("127.0.0.1", "exact.test", Some("alice"), 200, "public"),
    ] {
        let client = stack.gateway().asking_for(sni).host(host);
        let client = certificate.into_iter().fold(client, Client::cert);
        for client in [client.clone(), client.over_http2()] {
            let answer = client.get("/here").await;
            let situation = format!("SNI {sni}, Host {host}, {certificate:?}");
            assert_eq!(answer.status, status, "{situation}");
            assert_eq!(stack.line_of(&answer).await["route"], route, "{situation}");
        }
    }
}

/// 421 says: come back under the right name. It is the answer only where that would help.
#[tokio::test]
async fn misdirected_is_only_what_another_handshake_would_have_asked() {
    let plugin = mtls(&[ROOT, INTERMEDIATE], "");
    let routes = [
        format!("name: either, paths: [/either], snis: [exact.test], plugins: [{plugin}]"),
        format!("name: https, paths: [/https], protocols: [https], snis: [exact.test], plugins: [{plugin}]"),
        "name: public, paths: [/public], snis: [exact.test]".to_owned(),
    ];
    let plan = reading("", &routes, "").without_trusted_edges();
    let stack = plan.gateway("trusted_ips", "127.0.0.1").start().await;
    let plain = stack.gateway_http();
    let asked = stack.gateway().asking_for("exact.test");
    let other = stack.gateway().asking_for("other.test").cert("alice");
    #[rustfmt::skip]
    let rows = [
        ("asked, and one came", asked.clone().cert("alice"), "/either", None, 200),
        ("asked, and none came", asked.clone(), "/either", None, 401),
        ("the route is not there under this name", other.clone(), "/either", None, 404),
        // A trusted address says that its client came by http: then the name counts as fulfilled.
        ("asked, http behind", asked.clone().cert("alice"), "/either", Some("http"), 200),
        ("not asked, http behind", other.clone(), "/either", Some("http"), 421),
        ("not asked, http behind, by no name", stack.gateway().asking_for("127.0.0.1"), "/either", Some("http"), 421),
        ("https is asked for first", other.clone(), "/https", Some("http"), 426),
        ("nobody wants a certificate there", other.clone(), "/public", Some("http"), 200),
        // Over plain http there is no handshake that could have asked.
        ("plain http", plain.clone(), "/either", None, 401),
        ("plain http, https before", plain.clone(), "/either", Some("https"), 404),
        ("plain http to an https route", plain.clone(), "/https", None, 426),
    ];
    for (what, client, path, scheme, status) in rows {
        let call = scheme.into_iter().fold(client.get(path), |call, scheme| {
            call.header("X-Forwarded-Proto", scheme)
        });
        let answer = call.await;
        assert_eq!(answer.status, status, "{what}");
        if status == 421 {
            assert_eq!(stack.reason_of(&answer).await, "certificate_missing", "{what}");
            assert_eq!(
                answer.text().lines().next(),
                Some("Misdirected request"),
                "{what}"
            );
        }
    }
}
