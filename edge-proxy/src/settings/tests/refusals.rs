//! What is refused or warned of, at its place.

use super::*;

#[test]
fn attributes_that_are_not_built_are_accepted_at_their_default_only() {
    for (attribute, expected) in [
        (r#""routing.http.desync_mitigation_mode" = "defensive""#, None),
        (
            r#""routing.http.desync_mitigation_mode" = "strictest""#,
            Some(
                "10:41: error[not-yet]: `listeners.public.attributes.routing.http.desync_mitigation_mode`: \
                  `strictest` is not built yet; leave it at defensive",
            ),
        ),
        (
            r#""routing.http.desync_mitigation_mode" = "monitor""#,
            Some(
                "10:41: error[bad-value]: `listeners.public.attributes.routing.http.desync_mitigation_mode`: \
                  `monitor` is none of defensive, strictest",
            ),
        ),
        (
            r#""routing.http.request.x_amzn_mtls_clientcert_leaf.header_name" = "x-amzn-mtls-clientcert-leaf""#,
            None,
        ),
        (
            r#""routing.http.request.x_amzn_mtls_clientcert.header_name" = "X-Cert""#,
            Some(
                "10:61: error[not-yet]: `listeners.public.attributes.routing.http.request.x_amzn_mtls_clientcert.header_name`: \
                  `X-Cert` is not built yet; leave it at X-Amzn-Mtls-Clientcert",
            ),
        ),
        (r#""routing.http2.enabled" = true"#, None),
        (
            r#""routing.http2.enabled" = false"#,
            Some(
                "10:27: error[not-yet]: `listeners.public.attributes.routing.http2.enabled`: `false` is not built yet; leave it at true",
            ),
        ),
        (
            r#""routing.http.preserve_host_headers.enabled" = true"#,
            Some(
                "10:1: error[unknown-key]: unknown key `listeners.public.attributes.routing.http.preserve_host_headers.enabled`; \
                  did you mean `routing.http.preserve_host_header.enabled`?",
            ),
        ),
        (
            r#""client_keep_alive.seconds" = 59"#,
            Some(
                "10:31: error[bad-value]: `listeners.public.attributes.client_keep_alive.seconds`: 59 is not between 60 and 604800",
            ),
        ),
    ] {
        let text = format!("{LEAST}[listeners.public.attributes]\n{attribute}\n");
        // The attributes are line 10: they stand behind nine lines of the least file and their own header.
        let text = text.trim_start().to_owned();
        assert_eq!(
            lines(&text, &[]),
            expected.into_iter().collect::<Vec<_>>(),
            "{attribute}"
        );
    }
}

#[test]
fn header_formats_are_built_later_or_unknown() {
    for (format, expected) in [
        ("alb", None),
        ("rfc9440", None),
        (
            "xfcc",
            Some(
                "not-yet]: `listeners.public.mutual_authentication.header_format`: xfcc is not built yet; there are alb and rfc9440",
            ),
        ),
        (
            "cloudfront",
            Some(
                "not-yet]: `listeners.public.mutual_authentication.header_format`: cloudfront is not built yet; there are alb and rfc9440",
            ),
        ),
        (
            "pem",
            Some(
                "bad-value]: `listeners.public.mutual_authentication.header_format`: `pem` is none of alb, rfc9440",
            ),
        ),
    ] {
        let text = format!(
            "{LEAST}[listeners.public.mutual_authentication]\nmode = \"passthrough\"\nheader_format = \"{format}\""
        );
        let expected: Vec<String> = expected
            .iter()
            .map(|text| format!("12:17: error[{text}"))
            .collect();
        assert_eq!(lines(&text, &[]), expected, "{format}");
    }
}

#[test]
fn listeners_are_judged_by_their_protocol() {
    for (situation, text, expected) in [
        (
            "no listener",
            "[listeners]\n[target_groups]".to_owned(),
            vec!["1:1: error[missing-key]: `listeners` has no listener"],
        ),
        (
            "nothing",
            String::new(),
            vec![
                "1:1: error[missing-key]: `listeners` is missing",
                "1:1: error[missing-key]: `target_groups` is missing",
            ],
        ),
        (
            "https without tls",
            with("tls = {", "# tls = {"),
            vec![
                "1:1: error[missing-key]: `listeners.public.tls` is missing: a listener that speaks https has a certificate",
            ],
        ),
        (
            "http with tls",
            with("\"https\"", "\"http\""),
            vec![
                "5:7: error[conflict]: `listeners.public.tls` belongs to https listeners, this one speaks http",
            ],
        ),
        (
            "tcp in front of http",
            with("\"https\"", "\"tcp\"").replace("tls = {", "strip_headers = [\"a\"] # "),
            vec![
                "4:16: error[conflict]: `listeners.public.target_group`: the target group `gateway` speaks http and this listener tcp; tcp goes with tcp only",
                "5:17: error[conflict]: `listeners.public.strip_headers`: a tcp listener passes bytes and strips nothing",
            ],
        ),
        (
            "https in front of tcp",
            with("\"http\"", "\"tcp\""),
            vec![
                "4:16: error[conflict]: `listeners.public.target_group`: the target group `gateway` speaks tcp and this listener https; tcp goes with tcp only",
            ],
        ),
        (
            "no such target group",
            with("target_group = \"gateway\"", "target_group = \"gatewya\""),
            vec![
                "4:16: error[unknown-reference]: `listeners.public.target_group`: there is no target group `gatewya`; did you mean `gateway`?",
            ],
        ),
    ] {
        assert_eq!(lines(&text, &[]), expected, "{situation}");
    }
}

#[test]
fn what_a_listener_shows_and_where_it_listens() {
    for (situation, text, expected) in [
        (
            "certificate without key",
            with(", private_key = \"server.key\"", ""),
            vec![
                "5:7: error[missing-key]: `listeners.public.tls.private_key` is missing from `listeners.public.tls`",
            ],
        ),
        (
            "old policy",
            with(
                "{ cert",
                "{ security_policy = \"ELBSecurityPolicy-2016-08\", cert",
            ),
            vec![
                "5:27: error[bad-value]: `listeners.public.tls.security_policy`: `ELBSecurityPolicy-2016-08` allows TLS 1.0 or 1.1, which rustls does not have; use ELBSecurityPolicy-TLS13-1-2-Res-2021-06 or ELBSecurityPolicy-TLS13-1-3-2021-06",
            ],
        ),
        (
            "policy as a number",
            with("{ cert", "{ security_policy = 1.2, cert"),
            vec![
                "5:27: error[wrong-type]: `listeners.public.tls.security_policy` must be text, not a number; put it in quotes: \"1.2\"",
            ],
        ),
        (
            "a name for an address",
            with("127.0.0.1:8443", "localhost:8443"),
            vec![
                "2:11: error[bad-value]: `listeners.public.address`: `localhost:8443` is no IP address and port, such as 127.0.0.1:8443",
            ],
        ),
    ] {
        assert_eq!(lines(&text, &[]), expected, "{situation}");
    }
}

#[test]
fn target_groups_are_judged_by_their_protocol() {
    for (situation, text, expected) in [
        (
            "no port in a target",
            with("127.0.0.1:9443", "127.0.0.1"),
            vec![
                "8:12: error[bad-value]: `target_groups.gateway.targets[0]`: `127.0.0.1` is no host and port, such as 127.0.0.1:9443",
            ],
        ),
        (
            "no targets",
            with("[\"127.0.0.1:9443\"]", "[]"),
            vec!["8:11: error[bad-value]: `target_groups.gateway.targets` has no target"],
        ),
        (
            "header name",
            with("tls = {", "strip_headers = [\"X-A\", \"X B\"]\ntls = {"),
            vec!["5:25: error[bad-value]: `listeners.public.strip_headers[1]`: `X B` is no header name"],
        ),
        (
            "https target group without tls",
            with("\"http\"", "\"https\""),
            vec![
                "6:1: error[missing-key]: `target_groups.gateway.tls` is missing: an https target group has a trust_store and a server_name to verify",
            ],
        ),
        (
            "https target group that verifies nothing",
            format!("{}tls = {{ certificate = \"a\" }}", with("\"http\"", "\"https\"")),
            vec![
                "9:7: error[missing-key]: `target_groups.gateway.tls.trust_store` is missing from `target_groups.gateway.tls`",
                "9:7: error[missing-key]: `target_groups.gateway.tls.server_name` is missing from `target_groups.gateway.tls`",
                "9:7: error[missing-key]: `target_groups.gateway.tls.private_key` is missing: `certificate` is nothing without its key",
            ],
        ),
        (
            "http target group with tls",
            format!("{}tls = {{ trust_store = \"a\", server_name = \"b\" }}", least()),
            vec![
                "9:7: error[conflict]: `target_groups.gateway.tls` belongs to https target groups, this one speaks http",
            ],
        ),
        (
            "server name",
            format!(
                "{}tls = {{ trust_store = \"a\", server_name = \"a b\" }}",
                with("\"http\"", "\"https\"")
            ),
            vec![
                "9:42: error[bad-value]: `target_groups.gateway.tls.server_name`: `a b` is no DNS name and no IP address",
            ],
        ),
        (
            "proxy protocol",
            format!("{}send_proxy_protocol = true", least()),
            vec![
                "9:23: error[conflict]: `target_groups.gateway.send_proxy_protocol` belongs to tcp target groups, this one speaks http",
            ],
        ),
        (
            "one address twice",
            format!("{}[admin]\naddress = \"127.0.0.1:8443\"", least()),
            vec![
                "10:11: error[conflict]: `admin.address`: 127.0.0.1:8443 is also `listeners.public.address`",
            ],
        ),
    ] {
        assert_eq!(lines(&text, &[]), expected, "{situation}");
    }
}

#[test]
fn mutual_authentication_is_judged_by_its_mode() {
    for (situation, text, expected) in [
        (
            "verify without a trust store",
            verify("mode = \"verify\""),
            vec![
                "9:1: error[missing-key]: `listeners.public.mutual_authentication.trust_store` is missing: mode verify needs the CAs that vouch for clients",
            ],
        ),
        (
            "verify with a trust store of the wrong type",
            verify("mode = \"verify\"\ntrust_store = 1"),
            vec![
                "11:15: error[wrong-type]: `listeners.public.mutual_authentication.trust_store` must be text, not a whole number; put it in quotes: \"1\"",
            ],
        ),
        (
            "verify's keys in passthrough",
            verify("mode = \"passthrough\"\ntrust_store = \"a\"\nmax_chain_depth = 3"),
            vec![
                "11:15: warning[no-effect]: `listeners.public.mutual_authentication.trust_store` does nothing: only mode verify checks certificates, this is passthrough",
                "12:19: warning[no-effect]: `listeners.public.mutual_authentication.max_chain_depth` does nothing: only mode verify checks certificates, this is passthrough",
            ],
        ),
        (
            "verify's keys in off",
            verify("trust_store = \"a\"\nrevocation_lists = [\"b\"]"),
            vec![
                "11:20: warning[no-effect]: `listeners.public.mutual_authentication.revocation_lists` does nothing: only mode verify checks certificates, this is off",
            ],
        ),
        (
            "expired clients accepted",
            verify("mode = \"verify\"\ntrust_store = \"a\"\nignore_client_certificate_expiry = true"),
            vec![
                "12:36: warning[expiry-ignored]: clients with an expired certificate are accepted; their issuers' dates and every revocation list count all the same; leave it out as soon as the clients' certificates are renewed",
            ],
        ),
        (
            "expired clients refused",
            verify("mode = \"verify\"\ntrust_store = \"a\"\nignore_client_certificate_expiry = false"),
            vec![],
        ),
        (
            "mutual authentication without TLS",
            verify("mode = \"off\"")
                .replace("\"https\"", "\"http\"")
                .replace("tls = {", "# "),
            vec![
                "9:1: error[conflict]: `listeners.public.mutual_authentication` belongs to https listeners, this one speaks http",
            ],
        ),
    ] {
        assert_eq!(lines(&text, &[]), expected, "{situation}");
    }
}

#[test]
fn two_mistakes_are_both_told_and_the_rest_goes_on() {
    let text = EXAMPLE
        .replace("drain_timeout", "drain_timeuot")
        .replace("127.0.0.1:9901", "admin");
    let (loaded, lines) = load(&text, &[]);
    assert_eq!(
        lines,
        [
            "/etc/sallyport/edge.toml:2:1: error[unknown-key]: unknown key `drain_timeuot`; did you mean `drain_timeout`?",
            "/etc/sallyport/edge.toml:48:11: error[bad-value]: `admin.address`: `admin` is no IP address and port, such as 127.0.0.1:8443",
        ]
    );
    assert_eq!(loaded.unwrap().settings.listeners.len(), 1);
}

#[test]
fn tcp_listeners_pass_bytes_to_tcp_targets() {
    let text = "[listeners.nlb]\naddress = \"127.0.0.1:1\"\nprotocol = \"tcp\"\ntarget_group = \"g\"\n\
                attributes = { idle_timeout.timeout_seconds = 350 }\n\
                [target_groups.g]\nprotocol = \"tcp\"\ntargets = [\"h:1\"]\nsend_proxy_protocol = true";
    let settings = good(text, &[]);
    assert_eq!(settings.listeners["nlb"].protocol, ListenerProtocol::Tcp);
    assert_eq!(
        settings.target_groups["g"].protocol,
        TargetProtocol::Tcp {
            send_proxy_protocol: true
        }
    );
    assert_eq!(
        settings.listeners["nlb"].attributes.idle_timeout,
        Duration::from_secs(350)
    );
    let text = text.replace(
        "idle_timeout.timeout_seconds = 350",
        "routing.http.preserve_host_header.enabled = true",
    );
    assert_eq!(
        lines(&text, &[]),
        [
            "5:60: warning[no-effect]: `listeners.nlb.attributes.routing.http.preserve_host_header.enabled` does nothing: a tcp listener sees no requests"
        ]
    );
}

#[test]
fn a_file_that_cannot_be_used_gives_no_settings() {
    let (loaded, report) = Settings::load(Path::new("/nowhere/edge.toml"), &[]);
    assert!(loaded.is_none());
    assert_eq!(
        report.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "/nowhere/edge.toml:1:1: error[unreadable]: cannot read /nowhere/edge.toml: No such file or directory (os error 2)"
        ]
    );
    let (loaded, lines) = load("a = [", &[]);
    assert!(loaded.is_none());
    assert!(
        lines[0].starts_with("/etc/sallyport/edge.toml:1:6: error[syntax]: this is no TOML"),
        "{lines:?}"
    );
}
