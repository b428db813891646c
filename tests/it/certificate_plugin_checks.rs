//! What `check` says of the fields of both certificate plugins: every problem at once, each with its line and Kong's
//! words, and a warning for what is loaded and not done yet.

use certs::Authority;
use harness::stack::{Plan, Stack};

const CA: &str = "c1a00000-0000-4000-8000-000000000001";

/// A document whose line `3 + n` holds plugin number `n`, each on a route of its own.
fn plan(root: &Authority, plugins: &[String]) -> Plan {
    let routes = plugins
        .iter()
        .enumerate()
        .map(|(number, plugin)| format!("- {{name: r{number}, paths: [/r{number}], plugins: [{plugin}]}}\n"));
    let document: String = std::iter::once("_format_version: \"3.0\"\nroutes:\n".to_owned())
        .chain(routes)
        .collect();
    Stack::reading(document).without_lists().authority("root", root)
}

/// All findings with the number of the plugin that each is about.
fn findings(plan: Plan) -> Vec<(usize, String)> {
    let report = plan.findings();
    let lines = report.iter().map(ToString::to_string);
    lines
        .filter_map(|line| {
            let (_, rest) = line.split_once("kong.yaml:")?;
            let (line, rest) = rest.split_once(':')?;
            let (_column, told) = rest.split_once(": ")?;
            Some((line.parse::<usize>().unwrap().checked_sub(3)?, told.to_owned()))
        })
        .collect()
}

/// The findings of one code.
fn of_code(code: &str, plan: Plan) -> Vec<(usize, String)> {
    let mut found = findings(plan);
    found.retain(|(_, told)| told.contains(&format!("[{code}]: ")));
    found
}

/// Each row's plugin with what is said of it, and nothing else said of any.
fn check(root: &Authority, rows: &[(String, Vec<&str>)]) {
    let plugins: Vec<String> = rows.iter().map(|(plugin, _)| plugin.clone()).collect();
    let found = findings(plan(root, &plugins));
    for (number, (plugin, expected)) in rows.iter().enumerate() {
        let told: Vec<&str> = found
            .iter()
            .filter(|(row, _)| *row == number)
            .map(|(_, told)| told.as_str())
            .collect();
        assert_eq!(told, *expected, "{plugin}");
    }
}

fn mtls(config: &str) -> String {
    format!("{{name: mtls-auth, config: {{{config}}}}}")
}

fn header(config: &str) -> String {
    format!("{{name: header-cert-auth, config: {{{config}}}}}")
}

fn with_trust(config: &str) -> String {
    format!("ca_certificates: [{CA}], revocation_check_mode: SKIP, {config}")
}

const WRITTEN: &str = "certificate_header_name: X-Client-Cert, certificate_header_format: url_encoded";

#[test]
fn every_field_of_both_plugins_is_checked_in_kongs_words() {
    let root = Authority::root("Root").unwrap();
    let mut rows = vec![
        (mtls(&with_trust("send_ca_dn: true")), vec![]),
        (header(&with_trust(WRITTEN)), vec![]),
    ];
    let common: Vec<(&str, Vec<&str>)> = table![
        ("skip_consumer_lookup: 'yes'", vec!["error[wrong-type]: config.skip_consumer_lookup: expected a boolean"]);
        ("skip_consumer_lookup: 1", vec!["error[wrong-type]: config.skip_consumer_lookup: expected a boolean"]);
        ("allow_partial_chain: [true]", vec!["error[wrong-type]: config.allow_partial_chain: expected a boolean"]);
        ("ssl_verify: 'true'", vec!["error[wrong-type]: config.ssl_verify: expected a boolean"]);
        ("authenticated_group_by: OU", vec!["error[invalid-value]: config.authenticated_group_by: expected one of: CN, DN"]);
        ("authenticated_group_by: cn", vec!["error[invalid-value]: config.authenticated_group_by: expected one of: CN, DN"]);
        ("authenticated_group_by: null", vec![]);
        ("consumer_by: username", vec!["error[wrong-type]: config.consumer_by: expected an array"]);
        ("consumer_by: [email]", vec!["error[invalid-value]: config.consumer_by[0]: expected one of: username, custom_id"]);
        ("consumer_by: []", vec![]);
        ("default_consumer: 1", vec!["error[wrong-type]: config.default_consumer: expected a string; put it in quotes"]);
        ("default_consumer: ''", vec!["error[invalid-value]: config.default_consumer: length must be at least 1"]);
        ("anonymous: [a]", vec!["error[wrong-type]: config.anonymous: expected a string"]);
        ("anonymous: null", vec![]);
        ("cert_cache_ttl: soon", vec!["error[wrong-type]: config.cert_cache_ttl: expected a number"]);
        ("cert_cache_ttl: -1", vec!["error[out-of-range]: config.cert_cache_ttl: value should be between 0 and 2147483646"]);
        ("http_timeout: '1'", vec!["error[wrong-type]: config.http_timeout: expected a number"]);
        ("http_timeout: 2147483647", vec!["error[out-of-range]: config.http_timeout: value should be between 0 and 2147483646"]);
        ("http_proxy_port: 3128",
            vec!["error[entity-check]: config: all or none of these fields must be set: 'config.http_proxy_host', 'config.http_proxy_port'"]);
        ("common_name: never", vec!["error[invalid-value]: config.common_name: expected one of: without_san, always"]);
        ("ca_certificate: x", vec!["error[unknown-field]: config.ca_certificate: unknown field; did you mean 'ca_certificates'?"]);
        ("consumer: x", vec!["error[unknown-field]: config.consumer: unknown field"]);
        ("skip_consumer_lookup: 1, consumer_by: [x], nonsense: 1", vec![
            "error[wrong-type]: config.skip_consumer_lookup: expected a boolean",
            "error[invalid-value]: config.consumer_by[0]: expected one of: username, custom_id",
            "error[unknown-field]: config.nonsense: unknown field",
        ]);
    ]
    .into();
    for (config, expected) in common {
        rows.push((mtls(&with_trust(config)), expected.clone()));
        rows.push((header(&format!("{}, {WRITTEN}", with_trust(config))), expected));
    }
    let trust: Vec<(&str, &str)> = table![
        ("", "required field missing");
        (", ca_certificates: null", "required field missing");
        (", ca_certificates: []", "length must be at least 1");
        (", ca_certificates: root", "expected an array");
    ]
    .into();
    for (config, expected) in trust {
        let code = match expected {
            "required field missing" => "required-field-missing",
            "expected an array" => "wrong-type",
            _ => "invalid-value",
        };
        let expected: &'static str = format!("error[{code}]: config.ca_certificates: {expected}").leak();
        rows.push((
            mtls(&format!("revocation_check_mode: SKIP{config}")),
            vec![expected],
        ));
        rows.push((
            header(&format!("revocation_check_mode: SKIP, {WRITTEN}{config}")),
            vec![expected],
        ));
    }
    let modes =
        "error[invalid-value]: config.revocation_check_mode: expected one of: SKIP, IGNORE_CA_ERROR, STRICT";
    rows.push((
        mtls(&format!("ca_certificates: [{CA}], revocation_check_mode: strict")),
        vec![modes],
    ));
    rows.push((
        header(&format!(
            "ca_certificates: [{CA}], revocation_check_mode: 'OFF', {WRITTEN}"
        )),
        vec![modes],
    ));
    check(&root, &rows);
}

#[test]
fn each_plugin_has_fields_that_the_other_has_not() {
    let root = Authority::root("Root").unwrap();
    let format = |format: &str| {
        header(&with_trust(&format!(
            "certificate_header_name: X-Client-Cert, certificate_header_format: {format}"
        )))
    };
    let name = |name: &str| {
        header(&with_trust(&format!(
            "certificate_header_name: {name}, certificate_header_format: url_encoded"
        )))
    };
    let mut rows = Vec::from(table![
        (mtls(&with_trust("send_ca_dn: 1")), vec!["error[wrong-type]: config.send_ca_dn: expected a boolean"]);
        (header(&with_trust(&format!("{WRITTEN}, send_ca_dn: true"))), vec!["error[unknown-field]: config.send_ca_dn: unknown field"]);
        (mtls(&with_trust("secure_source: true")), vec!["error[unknown-field]: config.secure_source: unknown field"]);
        (mtls(&with_trust(WRITTEN)), vec![
            "error[unknown-field]: config.certificate_header_name: unknown field",
            "error[unknown-field]: config.certificate_header_format: unknown field",
        ]);
        (header(&with_trust("secure_source: true")), vec![
            "error[required-field-missing]: config.certificate_header_name: required field missing",
            "error[required-field-missing]: config.certificate_header_format: required field missing",
        ]);
        (header(&with_trust(&format!("{WRITTEN}, secure_source: 'no'"))), vec!["error[wrong-type]: config.secure_source: expected a boolean"]);
        (name("1"), vec!["error[wrong-type]: config.certificate_header_name: expected a string; put it in quotes"]);
        (name("'a b'"), vec!["error[invalid-value]: config.certificate_header_name: 'a b' is not a valid header name"]);
        (name("''"), vec!["error[invalid-value]: config.certificate_header_name: length must be at least 1"]);
        (format("pem"), vec!["error[invalid-value]: config.certificate_header_format: expected one of: base64_encoded, url_encoded"]);
        (format("[url_encoded]"), vec!["error[wrong-type]: config.certificate_header_format: expected a string"]);
        (format("base64_encoded"), vec![]);
    ]);
    for later in [
        "alb",
        "rfc9440",
        "xfcc",
        "nginx",
        "traefik",
        "haproxy",
        "cloudflare",
        "gcp",
        "azure",
        "cloudfront",
    ] {
        let expected: &'static str = format!(
            "error[not-yet]: config.certificate_header_format: the format '{later}' is not built yet: expected one of: \
             base64_encoded, url_encoded"
        )
        .leak();
        rows.push((format(later), vec![expected]));
    }
    check(&root, &rows);
}

#[test]
fn what_names_nobody_is_told_where_it_stands() {
    let root = Authority::root("Root").unwrap();
    let other = "c1a00000-0000-4000-8000-00000000000f";
    let rows = Vec::from(table![
        (mtls(&format!("ca_certificates: [{CA}, root], revocation_check_mode: SKIP")),
            vec!["error[invalid-value]: config.ca_certificates[1]: expected a valid UUID"]);
        (header(&format!("ca_certificates: [1], revocation_check_mode: SKIP, {WRITTEN}")),
            vec!["error[wrong-type]: config.ca_certificates[0]: expected a string; put it in quotes"]);
        (header(&format!("ca_certificates: [{other}], revocation_check_mode: SKIP, {WRITTEN}")), vec![
            "error[invalid-reference]: config.ca_certificates[0]: invalid reference 'ca_certificates: \
             c1a00000-0000-4000-8000-00000000000f' (no such entry in 'ca_certificates')",
        ]);
        (mtls(&with_trust("anonymous: lost")), vec![
            "warning[missing-consumer]: config.anonymous: there is no consumer 'lost': a request that it is needed for is \
             answered 500; name a consumer by its id or username, or leave it out",
        ]);
        (mtls(&with_trust("default_consumer: lost")), vec![
            "warning[missing-consumer]: config.default_consumer: there is no consumer 'lost': a certificate that matches \
             nobody is refused; name a consumer by its id or username, or leave it out",
        ]);
    ]);
    check(&root, &rows);
}

#[test]
fn what_is_not_fetched_yet_is_told_once() {
    const IGNORE: &str =
        "with IGNORE_CA_ERROR (the default) a certificate of a CA without a list counts as good";
    const STRICT: &str = "with STRICT every CA needs a list there";
    const NO_EFFECT: &str = "this has no effect yet: revocation data is not fetched";
    let root = Authority::root("Root").unwrap();
    let trust = |more: &str| format!("ca_certificates: [{CA}]{more}");
    for (plugins, expected) in Vec::from(table![
        (vec![mtls(&with_trust("http_timeout: 30000, cert_cache_ttl: 60000, ssl_verify: true"))], vec![]);
        (vec![mtls(&trust(""))], vec![(0, IGNORE)]);
        (vec![header(&trust(&format!(", {WRITTEN}")))], vec![(0, IGNORE)]);
        (vec![mtls(&trust(", revocation_check_mode: IGNORE_CA_ERROR")), header(&trust(&format!(", {WRITTEN}")))],
            vec![(0, IGNORE)]);
        (vec![header(&trust(&format!(", {WRITTEN}, revocation_check_mode: STRICT")))], vec![(0, STRICT)]);
        (vec![mtls(&with_trust("send_ca_dn: true")), mtls(&trust("")), mtls(&trust(", revocation_check_mode: STRICT"))],
            vec![(1, IGNORE), (2, STRICT)]);
        (vec![header(&with_trust(&format!("{WRITTEN}, http_timeout: 1000")))], vec![(0, NO_EFFECT)]);
        (vec![mtls(&with_trust("cert_cache_ttl: 1"))], vec![(0, NO_EFFECT)]);
        (vec![mtls(&with_trust("ssl_verify: false"))], vec![(0, NO_EFFECT)]);
        (vec![mtls(&with_trust("http_proxy_host: p.test, http_proxy_port: 3128"))], vec![(0, NO_EFFECT)]);
        (vec![header(&with_trust(&format!("{WRITTEN}, https_proxy_host: p.test, https_proxy_port: 3128")))],
            vec![(0, NO_EFFECT)]);
    ]) {
        let found = of_code("nothing-fetched", plan(&root, &plugins));
        assert_eq!(found.len(), expected.len(), "{plugins:?}: {found:#?}");
        for ((number, told), (row, text)) in found.iter().zip(expected) {
            assert_eq!(*number, row, "{told}");
            assert!(
                told.starts_with("warning[nothing-fetched]: config") && told.contains(text),
                "{told}"
            );
        }
    }
}

#[test]
fn what_is_not_checked_at_all_is_told_of_every_plugin() {
    let root = Authority::root("Root").unwrap();
    let written = |more: &str| header(&format!("ca_certificates: [{CA}], {WRITTEN}{more}"));
    let plugins = [
        mtls(&with_trust("send_ca_dn: true")),
        written(", revocation_check_mode: STRICT"),
        written(", revocation_check_mode: SKIP"),
        written(""),
    ];
    let found = of_code("unchecked-revocation", plan(&root, &plugins));
    let rows: Vec<usize> = found.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [0, 2], "{found:#?}");
}

#[test]
fn trust_that_can_vouch_for_nobody_is_told() {
    let root = Authority::root("Root").unwrap();
    let middle = root.intermediate("Middle").unwrap();
    let listing = |plugins: &[String]| plan(&root, plugins).authority("middle", &middle);
    let second = "c1a00000-0000-4000-8000-000000000002";
    let of = |ids: &str, more: &str| {
        mtls(&format!(
            "ca_certificates: [{ids}], revocation_check_mode: SKIP{more}"
        ))
    };
    let plugins = [
        of(CA, ""),
        of(second, ""),
        of(&format!("{CA}, {second}"), ""),
        of(second, ", allow_partial_chain: true"),
    ];
    assert_eq!(
        of_code("trust-store", listing(&plugins)),
        [(
            1,
            "warning[trust-store]: none of these CAs is self-signed, so no path can end: list the root, or set \
             allow_partial_chain"
                .to_owned()
        )]
    );
}
