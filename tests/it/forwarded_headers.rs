//! What the upstream is told about the way a request came: its host, the prefix that was taken off, and whose word that
//! is.

use harness::stack::Stack;

use crate::routed_paths::WHOLE;
use crate::routing::without_authorities;

#[tokio::test]
async fn the_host_upstream_is_the_services_unless_the_route_preserves_it() {
    let stack = without_authorities(Stack::reading(WHOLE).without_edge())
        .start()
        .await;
    let services = stack
        .gateway_http()
        .get("/own-host")
        .await
        .received("host")
        .unwrap();
    assert!(services.starts_with("127.0.0.1:"), "{services}");
    for (host, path, upstream) in [
        ("api.test", "/", "api.test"),
        ("api.test:80", "/", "api.test:80"),
        ("API.test", "/", "API.test"),
        ("api.test", "/own-host", services.as_str()),
    ] {
        for client in [
            stack.gateway(),
            stack.gateway().over_http2(),
            stack.gateway_http(),
        ] {
            let echo = client.host(host).get(path).await;
            assert_eq!(echo.received("host").as_deref(), Some(upstream), "{host}{path}");
            let told = echo.received("x-forwarded-host").unwrap();
            assert!(
                told.eq_ignore_ascii_case(host.trim_end_matches(":80")),
                "{told} for {host}{path}"
            );
        }
    }
}

#[tokio::test]
async fn the_stripped_prefix_is_told() {
    let stack = without_authorities(Stack::with("routing.yaml").without_edge())
        .start()
        .await;
    for (path, prefix, upstream) in [
        ("/prefix/more", Some("/prefix"), "/more"),
        ("/%70refixed", Some("/prefix"), "/ed"),
        ("/regex/12/a/x", Some("/regex/12/a"), "/x"),
        ("/regex/12/a?q=1", Some("/regex/12/a"), "/"),
    ] {
        for client in [stack.gateway(), stack.gateway().over_http2()] {
            let echo = client.get(path).await;
            assert_eq!(echo.json()["path"], upstream, "{path}");
            assert_eq!(echo.received("x-forwarded-prefix").as_deref(), prefix, "{path}");
            let received = path.split('?').next();
            assert_eq!(echo.received("x-forwarded-path").as_deref(), received, "{path}");
        }
    }
}

/// What the client says about the way it came is passed on from a trusted address, and replaced from anybody else.
#[tokio::test]
async fn forwarded_headers_are_passed_on_from_trusted_addresses_alone() {
    let plan = || without_authorities(Stack::reading(WHOLE).without_trusted_edges());
    let (nobody, trusted) = (
        plan().start().await,
        plan().gateway("trusted_ips", "127.0.0.1").start().await,
    );
    let said = [
        ("X-Forwarded-Proto", "wais"),
        ("X-Forwarded-Host", "front.test:8443"),
        ("X-Forwarded-Port", "1"),
        ("X-Forwarded-Path", "/front"),
        ("X-Forwarded-Prefix", "/front"),
    ];
    for (stack, is_trusted) in [(&nobody, false), (&trusted, true)] {
        for client in [
            stack.gateway(),
            stack.gateway().over_http2(),
            stack.gateway_http(),
        ] {
            let scheme = if client.address() == stack.gateway_http().address() {
                "http"
            } else {
                "https"
            };
            let port = client.address().port().to_string();
            let client = client.host("api.test");
            let own = [
                Some(scheme),
                Some("api.test"),
                Some(&*port),
                Some("/own-host/x"),
                Some("/own-host"),
            ];
            let call = client
                .get("/own-host/x?y")
                .header("X-Forwarded-For", "203.0.113.9, 10.0.0.1");
            let call = call.header("X-Real-IP", "203.0.113.8");
            let echo = said
                .iter()
                .fold(call, |call, (name, value)| call.header(name, value))
                .await;
            for ((name, theirs), ours) in said.into_iter().zip(own) {
                let expected = if is_trusted { Some(theirs) } else { ours };
                assert_eq!(
                    echo.received(name).as_deref(),
                    expected,
                    "{name}, trusted: {is_trusted}"
                );
            }
            assert_eq!(
                echo.received("x-forwarded-for").as_deref(),
                Some("203.0.113.9, 10.0.0.1, 127.0.0.1")
            );
            let real = if is_trusted { "203.0.113.8" } else { "127.0.0.1" };
            assert_eq!(
                echo.received("x-real-ip").as_deref(),
                Some(real),
                "trusted: {is_trusted}"
            );
            // Whoever says nothing is told about as anybody is.
            let silent = client.get("/own-host/x").await;
            for ((name, _), ours) in said.into_iter().zip(own) {
                assert_eq!(silent.received(name).as_deref(), ours, "{name}, unsaid");
            }
        }
    }
}
