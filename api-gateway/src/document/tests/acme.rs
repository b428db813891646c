//! `acme`: Kong's fields with Kong's defaults, and what each is taken for.

use std::time::Duration;

use transport::acme::{ChallengeKind, Domain, KeyKind};

use super::{check, document};
use crate::document::plugin::acme::AcmeConfig;
use crate::document::{PluginConfig, PluginKind};

fn config(fields: &str) -> AcmeConfig {
    let text = format!(
        "_format_version: '3.0'\nplugins: [{{name: acme, config: {{account_email: ops@example.com, {fields}}}}}]"
    );
    let plugin = document(&text).plugins.remove(0);
    assert_eq!((plugin.name.kind, plugin.name.priority), (PluginKind::Acme, 1705));
    let PluginConfig::Acme(config) = plugin.config else {
        panic!("not acme")
    };
    *config
}

#[test]
fn defaults_are_kongs() {
    let config = config("tos_accepted: true");
    assert_eq!(
        config.directory.value,
        "https://acme-v02.api.letsencrypt.org/directory"
    );
    assert_eq!(config.account.email.as_deref(), Some("ops@example.com"));
    assert_eq!(config.account.external, None);
    assert_eq!(config.key, KeyKind::Rsa4096);
    assert_eq!(config.renew_before, Duration::from_hours(14 * 24));
    assert_eq!(config.retry_after, Duration::from_mins(5));
    assert_eq!((config.domains.len(), config.challenge), (0, None));
    assert!(!config.allowed.permits(&Domain::parse("a.example").unwrap()));
}

#[test]
fn fields_mean_what_they_mean_to_kong() {
    for (uri, directory) in [
        ("https://ca.example", "https://ca.example/directory"),
        ("https://ca.example:14000/", "https://ca.example:14000/directory"),
        ("https://ca.example/dir", "https://ca.example/dir"),
        ("http://127.0.0.1:1/dir", "http://127.0.0.1:1/dir"),
    ] {
        assert_eq!(config(&format!("api_uri: '{uri}'")).directory.value, directory);
    }
    for (fields, kind) in [
        ("cert_type: ecc", KeyKind::EcdsaP256),
        ("cert_type: ecc, rsa_key_size: 2048", KeyKind::EcdsaP256),
        ("rsa_key_size: 2048", KeyKind::Rsa2048),
        ("cert_type: rsa, rsa_key_size: 3072", KeyKind::Rsa3072),
    ] {
        assert_eq!(
            config(&format!("api_uri: 'https://ca.example', {fields}")).key,
            kind,
            "{fields}"
        );
    }
    let all = config(
        "api_uri: 'https://ca.example', domains: [A.example, '*.b.example', 'c.*'], renew_threshold_days: 0.5, \
         fail_backoff_minutes: 1, challenge: tls-alpn-01, eab_kid: k, eab_hmac_key: AQI",
    );
    assert_eq!(all.domains[0].value.as_str(), "a.example");
    for (name, is_allowed) in [
        ("a.example", true),
        ("x.b.example", true),
        ("c.test", true),
        ("b.example", false),
    ] {
        assert_eq!(
            all.allowed.permits(&Domain::parse(name).unwrap()),
            is_allowed,
            "{name}"
        );
    }
    assert_eq!(
        (all.renew_before, all.retry_after),
        (Duration::from_hours(12), Duration::from_mins(1))
    );
    assert_eq!(
        all.challenge.map(|challenge| challenge.value),
        Some(ChallengeKind::TlsAlpn01)
    );
    assert_eq!(all.account.external.unwrap().hmac_key, [1, 2]);
    let anybody = config("api_uri: 'https://ca.example', allow_any_domain: true").allowed;
    assert!(anybody.permits(&Domain::parse("any.example").unwrap()));
}

#[test]
fn what_kong_requires_is_required() {
    check(&[
        (
            "plugins:\n- {name: acme}",
            &[
                "k.yaml:3:3: error[required-field-missing]: config.account_email: required field missing",
                "k.yaml:3:3: error[entity-check]: config.tos_accepted: terms of service must be accepted, see https://letsencrypt.org/repository/",
            ],
        ),
        (
            "consumers: [{username: a}]\nplugins:\n- {name: acme, consumer: a, config: {account_email: a@b, tos_accepted: true}}",
            &["k.yaml:4:26: error[must-be-null]: consumer: value must be null"],
        ),
    ]);
}
