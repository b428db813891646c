//! What `check` says of services and upstreams, where a field has no effect or cannot be honoured together with others.

use harness::stack::Stack;

#[test]
fn what_has_no_effect_or_cannot_be_honoured_is_told() {
    for (services, expected) in [
        (
            "{host: a.test, tls_sans: {dnsnames: [b.test]}}",
            &["kong.yaml:3:40: warning[no-effect]: tls_sans does nothing: http has no certificates"][..],
        ),
        (
            "{host: a.test, protocol: https, tls_verify: false, tls_sans: {uris: ['spiffe://a/b']}}",
            &[
                "warning[no-effect]: tls_sans does nothing: tls_verify: false accepts every name",
                "warning[unverified-upstream]",
            ],
        ),
        (
            "{host: a.test, protocol: https, tls_sans: {dnsnames: ['*.b.test', 10.0.0.1]}}",
            &[
                "kong.yaml:3:57: error[bad-value]: '*.b.test' is no DNS name",
                "kong.yaml:3:69: error[bad-value]: '10.0.0.1' is no DNS name",
            ],
        ),
        (
            "{host: a.test, protocol: https, tls_sans: {dnsnames: [], uris: []}}",
            &[],
        ),
        (
            "{host: u.test}",
            &["kong.yaml:3:10: warning[no-target]: upstream 'u.test' has no target that takes requests"],
        ),
    ] {
        let document =
            format!("_format_version: \"3.0\"\nservices:\n- {services}\nupstreams: [{{name: u.test}}]\n");
        let plan = || Stack::reading(document.as_str()).without_edge().without_lists();
        let said = match plan().refusal() {
            Some(report) => report.to_string(),
            None => plan().warnings().join("\n"),
        };
        for part in expected {
            assert!(said.contains(part), "{services}: no {part:?} in\n{said}");
        }
        let findings = said.lines().filter(|line| line.contains("kong.yaml:")).count();
        assert_eq!(findings, expected.len(), "{services}:\n{said}");
    }
}
