//! `request-termination`, `correlation-id`, `ip-restriction`: what is read, and what is refused in Kong's words.

use super::{check, document};
use crate::document::PluginConfig;
use crate::document::plugin::correlation_id::CorrelationIdGenerator;
use crate::document::plugin::request_termination::TerminationAnswer;

/// The configuration of the only plugin.
fn config(plugin: &str) -> PluginConfig {
    let text = format!("_format_version: '3.0'\nplugins: [{plugin}]");
    document(&text).plugins.remove(0).config
}

#[test]
fn defaults_are_kongs() {
    let PluginConfig::RequestTermination(termination) = config("{name: request-termination}") else {
        panic!("not request-termination")
    };
    assert_eq!(termination.status_code, 503);
    assert_eq!(termination.answer, TerminationAnswer::Message(None));
    assert_eq!(termination.trigger, None);

    let PluginConfig::CorrelationId(correlation) = config("{name: correlation-id}") else {
        panic!("not correlation-id")
    };
    assert_eq!(correlation.header_name.value, "kong-request-id");
    assert_eq!(correlation.generator, CorrelationIdGenerator::UuidCounter);
    assert!(!correlation.echo_downstream);

    let PluginConfig::IpRestriction(restriction) =
        config("{name: ip-restriction, config: {deny: [10.1.2.3/8, '::1']}}")
    else {
        panic!("not ip-restriction")
    };
    assert_eq!(restriction.status, 403);
    assert_eq!(restriction.message, None);
    let denied: Vec<String> = restriction.deny.iter().map(ToString::to_string).collect();
    assert_eq!(denied, ["10.0.0.0/8", "::1/128"], "host bits do not count");
}

#[test]
fn what_cannot_stand_together_is_told() {
    let refused = |config: &str, messages: &[&str]| {
        let (text, expected) = (
            format!("plugins:\n- {{name: request-termination, config: {{{config}}}}}"),
            messages
                .iter()
                .map(|message| format!("k.yaml:3:39: error[entity-check]: config: {message}"))
                .collect::<Vec<_>>(),
        );
        check(&[(&text, &expected.iter().map(String::as_str).collect::<Vec<_>>())]);
    };
    refused(
        "message: a, body: b",
        &["message cannot be used with content_type or body"],
    );
    refused(
        "message: a, content_type: b",
        &["message cannot be used with content_type or body"],
    );
    refused("content_type: text/html", &["content_type requires a body"]);
    refused(
        "echo: true, body: b",
        &["echo cannot be used with content_type and body"],
    );
    for good in [
        "",
        "status_code: 404",
        "message: a",
        "body: b",
        "body: b, content_type: text/html",
        "echo: true",
        "echo: true, message: a, trigger: X-Please",
        "trigger: gimme",
    ] {
        refused(good, &[]);
    }
    check(&[(
        "plugins: [{name: ip-restriction, config: {allow: [], deny: ~}}, {name: ip-restriction_1}]",
        &[
            "k.yaml:2:42: error[entity-check]: config: at least one of these fields must be non-empty: \
             'config.allow', 'config.deny'",
            "k.yaml:2:65: error[entity-check]: config: at least one of these fields must be non-empty: \
             'config.allow', 'config.deny'",
        ],
    )]);
}

#[test]
fn wrong_values_are_told_at_their_place() {
    check(&[
        (
            "plugins: [{name: request-termination, config: {status_code: 99, trigger: 'a b', echo: 1, redirect: x}}]",
            &[
                "k.yaml:2:61: error[out-of-range]: config.status_code: value should be between 200 and 599",
                "k.yaml:2:74: error[invalid-value]: config.trigger: 'a b' is not a valid header name",
                "k.yaml:2:87: error[wrong-type]: config.echo: expected a boolean",
                "k.yaml:2:90: error[unknown-field]: config.redirect: unknown field",
            ],
        ),
        (
            "plugins: [{name: correlation-id, config: {header_name: 'a b', generator: random}}]",
            &[
                "k.yaml:2:56: error[invalid-value]: config.header_name: 'a b' is not a valid header name",
                "k.yaml:2:74: error[invalid-value]: config.generator: expected one of: uuid, uuid#counter, tracker",
            ],
        ),
        (
            "plugins: [{name: ip-restriction, config: {allow: [10.0.0.0/33, nowhere], status: 600}}]",
            &[
                "k.yaml:2:51: error[invalid-value]: config.allow[0]: invalid ip or cidr range: '10.0.0.0/33'",
                "k.yaml:2:64: error[invalid-value]: config.allow[1]: invalid ip or cidr range: 'nowhere'",
                "k.yaml:2:82: error[out-of-range]: config.status: value should be between 200 and 599",
            ],
        ),
    ]);
}

#[test]
fn they_may_be_for_one_consumer_or_group_and_then_not_change_the_order() {
    check(&[
        (
            "consumers: [{username: a, plugins: [{name: ip-restriction, config: {deny: [10.0.0.1]}}]}]\n\
             consumer_groups: [{name: g, plugins: [{name: request-termination}, {name: correlation-id}]}]",
            &[],
        ),
        (
            "consumers: [{username: a}]\nplugins: [{name: request-termination, consumer: a, ordering: {before: \
             {access: [acl]}}}]",
            &[
                "k.yaml:3:62: error[entity-check]: ordering: a plugin for one consumer cannot change the order",
            ],
        ),
        (
            "consumer_groups: [{name: g}]\nplugins: [{name: request-termination, consumer_group: g, ordering: {}}]",
            &[
                "k.yaml:3:68: error[entity-check]: ordering: a plugin for one consumer group cannot change the order",
            ],
        ),
    ]);
}

/// What two scopes want for themselves, or none: it would be dropped in silence, and a route left open.
#[test]
fn a_scope_that_cannot_be_honoured_is_told() {
    check(&[
        (
            "consumers: [{username: a}]\nconsumer_groups: [{name: g}]\nplugins: [{name: request-termination, consumer: a, \
             consumer_group: g}]",
            &[
                "k.yaml:4:68: error[entity-check]: consumer_group: a plugin is for one consumer or for one consumer group, \
                 not for both",
            ],
        ),
        (
            "plugins: [{name: request-termination, protocols: []}, {name: request-termination_1, protocols: ~}]",
            &["k.yaml:2:50: error[invalid-value]: protocols: length must be at least 1"],
        ),
        (
            "plugins: [{name: ip-restriction, config: {deny: [10.0.0.1]}, protocols: [tcp]}]",
            &[
                "k.yaml:2:73: warning[never-applies]: protocols: no listener of this gateway speaks any of these: the \
                 plugin never runs",
            ],
        ),
    ]);
}

#[test]
fn protocols_are_those_of_the_plugin() {
    let serves_http = |protocols: &str| {
        let text = format!(
            "_format_version: '3.0'\nplugins: [{{name: ip-restriction, config: {{deny: [10.0.0.1]}}, protocols: {protocols}}}]"
        );
        document(&text).plugins[0].serves_http
    };
    for protocols in ["[http]", "[https, tcp]", "[grpcs]", "~"] {
        assert!(serves_http(protocols), "{protocols}");
    }
    check(&[(
        "plugins: [{name: acl, config: {allow: [a]}, protocols: [tcp]}]",
        &[
            "k.yaml:2:57: error[invalid-value]: protocols[0]: expected one of: grpc, grpcs, http, https, ws, wss",
        ],
    )]);
}
