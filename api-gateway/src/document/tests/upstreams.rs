//! Upstreams and targets: nested and flat, Kong's texts, and whatever would choose or drop a target refused.

use super::{PKI, check, document, findings, quoted};

#[test]
fn an_upstream_has_kongs_defaults_nested_or_flat() {
    let nested = "upstreams:\n- name: u.test\n  targets:\n  - target: 10.0.0.7:8080\n  - {target: b.test, weight: 0}\n  - {target: '[::1]:1'}";
    let flat = "targets:\n- {upstream: u.test, target: 10.0.0.7:8080}\n- {upstream: {name: u.test}, target: b.test, weight: 0}\n- {upstream: u.test, target: '[::1]:1'}\nupstreams: [{name: u.test}]";
    let [nested, flat] = [nested, flat].map(|text| document(&format!("_format_version: '3.0'\n{text}")));
    for document in [&nested, &flat] {
        let upstream = &document.upstreams[0];
        assert_eq!(upstream.name, "u.test");
        assert_eq!(
            (&upstream.host_header, upstream.client_certificate),
            (&None, None)
        );
        let targets: Vec<_> = document
            .targets
            .iter()
            .map(|target| (target.host.value.as_str(), target.port, target.weight))
            .collect();
        assert_eq!(
            targets,
            [("10.0.0.7", 8080, 100), ("b.test", 8000, 0), ("[::1]", 1, 100)]
        );
        assert!(
            document
                .targets
                .iter()
                .all(|target| target.upstream == upstream.id)
        );
    }
    let ids = |document: &crate::document::Document| -> Vec<_> {
        document.targets.iter().map(|target| target.id).collect()
    };
    assert_eq!(ids(&nested), ids(&flat));
}

/// What `deck dump` and Kong's own defaults write.
#[test]
fn everything_at_its_default_is_accepted() {
    let text = "_format_version: '3.0'
upstreams:
- name: u.test
  algorithm: round-robin
  hash_on: none
  hash_fallback: none
  hash_on_cookie_path: /
  hash_on_header: ~
  slots: 10000
  use_srv_name: false
  host_header: orders.test:8443
  tags: [a]
  healthchecks:
    threshold: 0
    active:
      type: https
      timeout: 1
      concurrency: 10
      http_path: /
      https_sni: u.test
      https_verify_certificate: true
      headers: {x-probe: [a]}
      healthy: {interval: 0, successes: 0, http_statuses: [200, 302]}
      unhealthy: {interval: 0, tcp_failures: 0, timeouts: 0, http_failures: 0, http_statuses: [429, 404]}
    passive:
      type: http
      healthy: {successes: 0, http_statuses: [200]}
      unhealthy: {tcp_failures: 0, timeouts: 0, http_failures: 0, http_statuses: [429]}
  targets:
  - {target: a.test, created_at: 1.5, tags: [b]}";
    let document = document(text);
    let host = document.upstreams[0].host_header.as_ref().unwrap();
    assert_eq!(host.value, "orders.test:8443");
}

#[test]
fn what_would_choose_or_drop_a_target_is_refused_at_its_line() {
    const HASH: &str = "targets take turns by weight: choosing one by a hash is not built";
    for (field, path, expected) in [
        ("algorithm: consistent-hashing", "algorithm", "unsupported-value"),
        ("algorithm: least-connections", "algorithm", "unsupported-value"),
        ("algorithm: latency", "algorithm", "unsupported-value"),
        (
            "algorithm: fastest",
            "algorithm",
            "expected one of: consistent-hashing, least-connections, round-robin, latency",
        ),
        ("hash_on: ip", "hash_on", HASH),
        ("hash_fallback: header", "hash_fallback", HASH),
        ("hash_on_header: X-User", "hash_on_header", HASH),
        ("hash_on_cookie: c", "hash_on_cookie", HASH),
        (
            "use_srv_name: true",
            "use_srv_name",
            "SRV records are not looked up",
        ),
        ("slots: 9", "slots", "value should be between 10 and 65536"),
        (
            "healthchecks: {threshold: 50}",
            "healthchecks.threshold",
            "health checks are not built",
        ),
        (
            "healthchecks: {active: {healthy: {interval: 5}}}",
            "healthchecks.active.healthy.interval",
            "write 0",
        ),
        (
            "healthchecks: {active: {unhealthy: {http_failures: 1}}}",
            "healthchecks.active.unhealthy.http_failures",
            "write 0",
        ),
        (
            "healthchecks: {active: {unhealthy: {interval: 0.5}}}",
            "healthchecks.active.unhealthy.interval",
            "write 0",
        ),
        (
            "healthchecks: {passive: {unhealthy: {timeouts: 3}}}",
            "healthchecks.passive.unhealthy.timeouts",
            "write 0",
        ),
        (
            "healthchecks: {passive: {healthy: {successes: -1}}}",
            "healthchecks.passive.healthy.successes",
            "value should be between 0 and 65535",
        ),
        (
            "healthchecks: {passive: {healthy: {interval: 0}}}",
            "healthchecks.passive.healthy.interval",
            "unknown field",
        ),
        ("ca_certificates: []", "ca_certificates", "unknown field"),
        ("host_header: a b", "host_header", "invalid value: a b"),
    ] {
        let found = findings(&format!(
            "_format_version: '3.0'\nupstreams:\n- name: u\n  {field}"
        ));
        let [finding] = found.as_slice() else {
            panic!("{field}: {found:#?}");
        };
        assert!(finding.starts_with("k.yaml:4:"), "{field}: {finding}");
        assert!(
            finding.contains(&format!(": {path}: ")) && finding.contains(expected),
            "{field}: {finding}"
        );
    }
}

#[test]
fn names_and_targets_are_told_in_kongs_words() {
    check(&[
        (
            "upstreams: [{name: 10.0.0.1}, {name: 'u:80'}, {name: 'a b'}, {}]",
            &[
                "k.yaml:2:20: error[invalid-value]: name: Invalid name; no ip addresses allowed",
                "k.yaml:2:38: error[invalid-value]: name: Invalid name; no port allowed",
                "k.yaml:2:54: error[invalid-value]: name: Invalid name; must be a valid hostname",
                "k.yaml:2:62: error[required-field-missing]: name: required field missing",
            ],
        ),
        (
            "upstreams: [{name: u, targets: [{target: 'a:x'}, {target: a, weight: 65536}, {}]}]",
            &[
                "k.yaml:2:42: error[invalid-value]: target: Invalid target ('a:x'); not a valid hostname or ip address",
                "k.yaml:2:70: error[out-of-range]: weight: value should be between 0 and 65535",
                "k.yaml:2:78: error[required-field-missing]: target: required field missing",
            ],
        ),
        (
            "upstreams: [{name: u, targets: [{target: a}, {target: 'a:8000'}]}, {name: v, targets: [{target: a}]}]",
            &[
                "k.yaml:2:46: error[uniqueness-violation]: uniqueness violation: 'targets' entity with target \
                 'a:8000' of this upstream already declared (line 2, column 33)",
            ],
        ),
        (
            "targets: [{target: a}, {target: a, upstream: w}]\nupstreams: [{name: u}, {name: u}]",
            &[
                "k.yaml:2:11: error[required-field-missing]: upstream: required field missing",
                "k.yaml:2:46: error[invalid-reference]: upstream: invalid reference 'upstream: w' (no such entry in \
                 'upstreams')",
                "k.yaml:3:24: error[uniqueness-violation]: uniqueness violation: 'upstreams' entity with name set to \
                 'u' already declared (line 3, column 13)",
            ],
        ),
        (
            "upstreams: [{name: u, client_certificate: 7f0b4f6e-0000-4000-8000-000000000001}]",
            &[
                "k.yaml:2:43: error[invalid-reference]: client_certificate: invalid reference 'client_certificate: \
                 7f0b4f6e-0000-4000-8000-000000000001' (no such entry in 'certificates')",
            ],
        ),
    ]);
}

#[test]
fn a_certificate_may_hold_the_upstreams_that_see_it() {
    let (cert, key) = (quoted(&PKI.server.chain_pem()), quoted(&PKI.server.key_pem()));
    let document = document(&format!(
        "_format_version: '3.0'\ncertificates:\n- cert: {cert}\n  key: {key}\n  upstreams:\n  - name: u\n    targets: [{{target: a}}]"
    ));
    let shown = document.upstreams[0].client_certificate.unwrap();
    assert_eq!(shown.value, document.certificates[0].id);
    assert_eq!(document.targets[0].upstream, document.upstreams[0].id);
}
