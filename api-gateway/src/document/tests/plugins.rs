//! Plugins: names and clones, scopes, and each configuration.

use std::time::Duration;

use super::{CA_ID, ca_entry, check, document};
use crate::document::plugin::acl::AclRule;
use crate::document::plugin::certificate_auth::{
    AuthenticatedGroupBy, CertificateHeaderFormat, CommonNameUse, ConsumerBy, RevocationCheckMode,
};
use crate::document::{Plugin, PluginConfig, PluginKind};

/// The plugins of a document with one CA, and what is found; the plugin's text begins in line 3.
fn plugins(text: &str) -> (Vec<Plugin>, Vec<String>) {
    let text = format!("_format_version: '3.0'\n{}plugins:\n{text}", ca_entry());
    let source = crate::document::Source {
        name: "k.yaml",
        bytes: text.as_bytes(),
        syntax: super::Syntax::Yaml,
    };
    let (document, found) = crate::document::read(source, rustls::pki_types::UnixTime::now());
    let found = found.iter().map(ToString::to_string).collect();
    (
        document.map(|document| document.plugins).unwrap_or_default(),
        found,
    )
}

#[test]
fn a_name_is_a_plugin_or_a_clone_of_one() {
    let text = "_format_version: '3.0'
cloned_plugins: [{name: acl-first, ref: acl, priority: 2000}, {name: acl-plain, ref: acl}]
plugins:
- {name: acl, config: {allow: [a]}}
- {name: acl_1595, config: {allow: [a]}}
- {name: acl-first, config: {allow: [a]}}
- {name: acl-plain, config: {allow: [a]}}
";
    let document = document(text);
    let priorities: Vec<(&str, PluginKind, i32)> = document
        .plugins
        .iter()
        .map(|plugin| (plugin.name.text.as_str(), plugin.name.kind, plugin.name.priority))
        .collect();
    assert_eq!(
        priorities,
        [
            ("acl", PluginKind::Acl, 950),
            ("acl_1595", PluginKind::Acl, 1595),
            ("acl-first", PluginKind::Acl, 2000),
            ("acl-plain", PluginKind::Acl, 950),
        ]
    );
    let (clones, _) = plugins(&format!(
        "- {{name: mtls-auth_1700, config: {{ca_certificates: [{CA_ID}], revocation_check_mode: SKIP}}}}"
    ));
    assert_eq!(
        (clones[0].name.kind, clones[0].name.priority),
        (PluginKind::MtlsAuth, 1700)
    );
}

#[test]
fn a_name_that_is_neither_is_told() {
    check(&[
        (
            "plugins: [{name: route-by-header}, {name: mtls_auth}, {name: acl_}, {name: acl_-1}, {name: nonsense}, {}]",
            &[
                "k.yaml:2:18: error[unsupported-plugin]: name: plugin 'route-by-header' of Kong's is not built here; \
             remove it, or leave its routes on Kong",
                "k.yaml:2:43: error[unknown-plugin]: name: plugin 'mtls_auth' not enabled; add it to the 'plugins' \
             configuration property; did you mean 'mtls-auth'?",
                "k.yaml:2:62: error[unknown-plugin]: name: plugin 'acl_' not enabled; add it to the 'plugins' \
             configuration property; did you mean 'acl'?",
                "k.yaml:2:76: error[unknown-plugin]: name: plugin 'acl_-1' not enabled; add it to the 'plugins' \
             configuration property",
                "k.yaml:2:92: error[unknown-plugin]: name: plugin 'nonsense' not enabled; add it to the 'plugins' \
             configuration property",
                "k.yaml:2:103: error[required-field-missing]: name: required field missing",
            ],
        ),
        (
            "cloned_plugins: [{name: x, ref: mtls-auth}, {name: acl, ref: acl}, {ref: acl}]",
            &[
                "k.yaml:2:33: error[invalid-value]: ref: 'mtls-auth' cannot be cloned: expected one of: acl, ip-restriction, key-auth",
                "k.yaml:2:52: error[invalid-value]: name: 'acl' is the name of a plugin already",
                "k.yaml:2:68: error[required-field-missing]: name: required field missing",
            ],
        ),
        (
            "cloned_plugins: [{name: a1, ref: acl}, {name: a2, ref: acl}, {name: a3, ref: acl}, {name: a4, ref: acl}, \
          {name: a5, ref: acl}, {name: a6, ref: acl}]",
            &["k.yaml:2:128: error[too-many-clones]: at most 5 clones of 'acl' are allowed"],
        ),
    ]);
}

#[test]
fn acl_allows_or_denies() {
    let document = document(
        "_format_version: '3.0'\nplugins: [{name: acl, config: {deny: [x, y], allow: [], hide_groups_header: true}}]",
    );
    let PluginConfig::Acl(config) = &document.plugins[0].config else {
        panic!("not an acl")
    };
    let AclRule::Deny(groups) = &config.rule else {
        panic!("not a deny list")
    };
    assert_eq!(
        groups
            .iter()
            .map(|group| group.value.as_str())
            .collect::<Vec<_>>(),
        ["x", "y"]
    );
    assert!(
        config.hide_groups_header
            && !config.include_consumer_groups
            && !config.always_use_authenticated_groups
    );
    check(&[
        (
            "plugins:\n- {name: acl, config: {}}\n- {name: acl_1}\n- {name: acl_2, config: {allow: [], deny: ~}}",
            &[
                "k.yaml:3:23: error[entity-check]: config: at least one of these fields must be non-empty: \
             'config.allow', 'config.deny'",
                "k.yaml:4:3: error[entity-check]: config: at least one of these fields must be non-empty: 'config.allow', \
             'config.deny'",
                "k.yaml:5:25: error[entity-check]: config: at least one of these fields must be non-empty: \
             'config.allow', 'config.deny'",
            ],
        ),
        (
            "plugins: [{name: acl, config: {allow: [a], deny: [b]}}]",
            &[
                "k.yaml:2:31: error[entity-check]: config: exactly one of these fields must be non-empty: \
             'config.allow', 'config.deny'",
            ],
        ),
        (
            "plugins: [{name: acl, config: {whitelist: [a], allow: [1]}}, {name: acl_1, config: {allow: a}}]",
            &[
                "k.yaml:2:32: error[unknown-field]: config.whitelist: unknown field",
                "k.yaml:2:56: error[wrong-type]: config.allow[0]: expected a string; put it in quotes",
                "k.yaml:2:92: error[wrong-type]: config.allow: expected an array",
            ],
        ),
    ]);
}

#[test]
fn scopes_protocols_and_order() {
    check(&[
        (
            "consumers: [{username: a, plugins: [{name: acl, config: {allow: [g]}}]}]",
            &["k.yaml:2:37: error[must-be-null]: consumer: value must be null"],
        ),
        (
            "consumers: [{username: a}]\nplugins: [{name: acl, consumer: a, config: {allow: [g]}}]",
            &["k.yaml:3:33: error[must-be-null]: consumer: value must be null"],
        ),
        (
            "plugins: [{name: acl, config: {allow: [g]}, protocols: [http, grpcs], enabled: false, instance_name: one, \
          ordering: {before: {access: [mtls-auth]}}}]",
            &[],
        ),
        (
            "plugins: [{name: acl, config: {allow: [g]}, protocols: [ftp], condition: 'a == b', ordering: {befor: {}}}]",
            &[
                "k.yaml:2:57: error[invalid-value]: protocols[0]: expected one of: grpc, grpcs, http, https, ws, wss",
                "k.yaml:2:74: error[unsupported-field]: condition: conditions on plugins are not supported yet",
                "k.yaml:2:95: error[unknown-field]: ordering.befor: unknown field; did you mean 'before'?",
            ],
        ),
    ]);
    let document = document(
        "_format_version: '3.0'\nplugins: [{name: acl, config: {allow: [g]}, ordering: {after: {access: [x, y]}}}]",
    );
    let ordering = document.plugins[0].ordering.as_ref().unwrap();
    assert_eq!((ordering.value.before.len(), ordering.value.after.len()), (0, 2));
}

#[test]
fn mtls_auth_has_kongs_defaults() {
    let (plugins, found) = plugins(&format!(
        "- {{name: mtls-auth, config: {{ca_certificates: [{CA_ID}]}}}}"
    ));
    assert_eq!(
        found,
        [
            "k.yaml:4:29: warning[nothing-fetched]: config: revocation is judged by the files of `revocation_lists` only: \
          with IGNORE_CA_ERROR (the default) a certificate of a CA without a list counts as good, no OCSP responder or \
          CRL URL is asked yet"
        ]
    );
    let PluginConfig::MtlsAuth(config) = &plugins[0].config else {
        panic!("not mtls-auth")
    };
    let auth = &config.auth;
    assert_eq!(auth.ca_certificates[0].value.to_string(), CA_ID);
    assert_eq!(
        auth.authenticated_group_by,
        Some(AuthenticatedGroupBy::CommonName)
    );
    assert_eq!(auth.consumer_by, [ConsumerBy::Username, ConsumerBy::CustomId]);
    assert_eq!(auth.revocation_check_mode, RevocationCheckMode::IgnoreCaError);
    assert_eq!(auth.common_name, CommonNameUse::WithoutSan);
    assert_eq!(
        (auth.default_consumer.as_ref(), auth.anonymous.as_ref()),
        (None, None)
    );
    assert_eq!(
        (auth.http_timeout, auth.cert_cache_ttl, auth.cache_ttl),
        (
            Duration::from_secs(30),
            Duration::from_mins(1),
            Duration::from_mins(1)
        )
    );
    assert!(auth.ssl_verify && !auth.skip_consumer_lookup && !auth.allow_partial_chain && !config.send_ca_dn);
}

#[test]
fn what_certificate_plugins_may_say() {
    for (config, expected) in [
        (
            "consumer_by: [], authenticated_group_by: null, skip_consumer_lookup: true, common_name: always",
            vec![],
        ),
        (
            "san_dirname_matcher: [CN, 2.5.4.3], send_ca_dn: true, allow_partial_chain: true, cache_ttl: 1.5",
            vec![],
        ),
        (
            "http_timeout: 30000, cert_cache_ttl: 60000, ssl_verify: true",
            vec![],
        ),
        (
            "http_timeout: 1, ssl_verify: false",
            vec![
                "k.yaml:6:18: warning[nothing-fetched]: config.http_timeout: this has no effect yet: revocation data is \
             not fetched",
                "k.yaml:6:33: warning[nothing-fetched]: config.ssl_verify: this has no effect yet: revocation data is not \
             fetched",
            ],
        ),
        (
            "http_proxy_host: p.test, http_proxy_port: 3128",
            vec![
                "k.yaml:6:21: warning[nothing-fetched]: config.http_proxy_host: this has no effect yet: revocation data is \
             not fetched",
            ],
        ),
        (
            "https_proxy_port: 3128",
            vec![
                "k.yaml:5:11: error[entity-check]: config: all or none of these fields must be set: \
             'config.https_proxy_host', 'config.https_proxy_port'",
            ],
        ),
        (
            "consumer_by: [email], authenticated_group_by: OU, common_name: never, cache_ttl: -1",
            vec![
                "k.yaml:6:18: error[invalid-value]: config.consumer_by[0]: expected one of: username, custom_id",
                "k.yaml:6:50: error[invalid-value]: config.authenticated_group_by: expected one of: CN, DN",
                "k.yaml:6:67: error[invalid-value]: config.common_name: expected one of: without_san, always",
                "k.yaml:6:85: error[out-of-range]: config.cache_ttl: value should be between 0 and 2147483646",
            ],
        ),
        (
            "anonymous: nobody",
            vec![
                "k.yaml:6:15: warning[missing-consumer]: config.anonymous: there is no consumer 'nobody': a request that \
             it is needed for is answered 500; name a consumer by its id or username, or leave it out",
            ],
        ),
        (
            "certificate_header_name: x",
            vec!["k.yaml:6:4: error[unknown-field]: config.certificate_header_name: unknown field"],
        ),
    ] {
        let text = format!(
            "- name: mtls-auth\n  config: {{ca_certificates: [{CA_ID}], revocation_check_mode: SKIP,\n   {config}}}"
        );
        let (_, found) = plugins(&text);
        assert_eq!(found, expected, "{config}");
    }
}

#[test]
fn trust_is_required_and_resolved() {
    let (_, found) = plugins(
        "- {name: mtls-auth, config: {revocation_check_mode: SKIP}}
- {name: mtls-auth_1, config: {ca_certificates: [], revocation_check_mode: SKIP}}
- {name: mtls-auth_2, config: {ca_certificates: [root, aaaaaaaa-0000-4000-8000-00000000000f], revocation_check_mode: SKIP}}",
    );
    assert_eq!(
        found,
        [
            "k.yaml:4:29: error[required-field-missing]: config.ca_certificates: required field missing",
            "k.yaml:5:49: error[invalid-value]: config.ca_certificates: length must be at least 1",
            "k.yaml:6:50: error[invalid-value]: config.ca_certificates[0]: expected a valid UUID",
            "k.yaml:6:56: error[invalid-reference]: config.ca_certificates[1]: invalid reference 'ca_certificates: \
             aaaaaaaa-0000-4000-8000-00000000000f' (no such entry in 'ca_certificates')",
        ]
    );
}

#[test]
fn one_warning_for_each_revocation_mode() {
    let text = format!(
        "- {{name: mtls-auth, config: {{ca_certificates: [{CA_ID}], revocation_check_mode: STRICT}}}}
- {{name: mtls-auth_1, config: {{ca_certificates: [{CA_ID}], revocation_check_mode: STRICT}}}}
- {{name: mtls-auth_2, config: {{ca_certificates: [{CA_ID}]}}}}
- {{name: mtls-auth_3, config: {{ca_certificates: [{CA_ID}]}}}}"
    );
    let (plugins, found) = plugins(&text);
    assert_eq!(plugins.len(), 4);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].starts_with("k.yaml:4:110: warning[nothing-fetched]"),
        "{found:#?}"
    );
    assert!(
        found[1].starts_with("k.yaml:6:31: warning[nothing-fetched]"),
        "{found:#?}"
    );
}

#[test]
fn header_cert_auth_says_where_the_certificate_is() {
    let common = format!("ca_certificates: [{CA_ID}], revocation_check_mode: SKIP");
    let (plugins, found) = plugins(&format!(
        "- {{name: header-cert-auth, config: {{{common}, certificate_header_name: X-Client-Cert, \
         certificate_header_format: url_encoded}}}}
- {{name: header-cert-auth_1600, config: {{{common}, certificate_header_name: A, certificate_header_format: \
         base64_encoded, secure_source: false}}}}"
    ));
    assert_eq!(found, Vec::<String>::new());
    let configs: Vec<(&str, CertificateHeaderFormat, bool)> = plugins
        .iter()
        .map(|plugin| {
            let PluginConfig::HeaderCertAuth(config) = &plugin.config else {
                panic!("not header-cert-auth")
            };
            (
                config.certificate_header_name.value.as_str(),
                config.certificate_header_format,
                config.secure_source.value,
            )
        })
        .collect();
    assert_eq!(
        configs,
        [
            ("x-client-cert", CertificateHeaderFormat::UrlEncoded, true),
            ("a", CertificateHeaderFormat::Base64Encoded, false)
        ]
    );
    let (_, found) = super::plugins::plugins(&format!(
        "- {{name: header-cert-auth, config: {{{common}, send_ca_dn: true}}}}
- {{name: header-cert-auth_1, config: {{{common}, certificate_header_name: 'a b', certificate_header_format: pem}}}}"
    ));
    let places: Vec<&str> = found
        .iter()
        .filter_map(|line| line.split_once("]: "))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(
        places,
        [
            "config.certificate_header_name: required field missing",
            "config.certificate_header_format: required field missing",
            "config.send_ca_dn: unknown field",
            "config.certificate_header_name: 'a b' is not a valid header name",
            "config.certificate_header_format: expected one of: base64_encoded, url_encoded",
        ]
    );
}
