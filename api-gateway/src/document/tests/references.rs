//! Who refers to whom: nested and flat forms, ids, and what may be there only once.

use super::{CA_ID, ca_entry, check, document, findings, read_as, without_places};
use crate::document::{PluginConfig, Syntax};

const NESTED: &str = "
_format_version: '3.0'
services:
- name: s
  host: h
  plugins: [{name: acl, config: {allow: [a]}}]
  routes:
  - name: r
    paths: [/]
    plugins: [{name: acl_1595, config: {deny: [b]}}]
consumers:
- username: alice
  acls: [{group: a}, {group: b}]
  mtls_auth_credentials: [{id: aaaaaaaa-0000-4000-8000-000000000002, subject_name: alice@example.com}]
  header_cert_auth_credentials: [{id: aaaaaaaa-0000-4000-8000-000000000003, subject_name: alice}]
  consumer_group_consumers: [{consumer_group: gold}]
consumer_groups: [{name: gold}]
";

const FLAT: &str = "
_format_version: '3.0'
consumer_group_consumers: [{consumer: alice, consumer_group: {name: gold}}]
consumer_groups: [{name: gold}]
header_cert_auth_credentials: [{id: aaaaaaaa-0000-4000-8000-000000000003, subject_name: alice, consumer: alice}]
mtls_auth_credentials:
- {id: aaaaaaaa-0000-4000-8000-000000000002, subject_name: alice@example.com, consumer: {username: alice}}
acls: [{group: a, consumer: alice}, {group: b, consumer: {id: b32379d9-3d28-5683-a79c-72139be6e34f}}]
plugins:
- {name: acl_1595, route: {name: r}, config: {deny: [b]}}
- {name: acl, service: 2933fbcc-9d7c-54a7-a984-fe2bde836cea, config: {allow: [a]}}
routes: [{name: r, paths: [/], service: s}]
services: [{name: s, id: 2933fbcc-9d7c-54a7-a984-fe2bde836cea, host: h}]
consumers: [{username: alice}]
";

#[test]
fn nested_and_flat_are_the_same_document() {
    let given = NESTED.replace(
        "name: s\n",
        "name: s\n  id: 2933fbcc-9d7c-54a7-a984-fe2bde836cea\n",
    );
    let nested = document(&given);
    assert_eq!(without_places(&nested), without_places(&document(FLAT)));
    assert_eq!(nested.acls.len(), 2);
    assert_eq!(nested.plugins[0].route, Some(nested.routes[0].id));
    assert_eq!(
        nested.consumer_group_consumers[0].consumer_group,
        nested.consumer_groups[0].id
    );
}

#[test]
fn yaml_and_json_are_the_same_document() {
    let json =
        r#"{"_format_version": "3.0", "consumers": [{"username": "alice", "acls": [{"group": "admin"}]}]}"#;
    let (from_json, _) = read_as(Syntax::Json, json.as_bytes());
    let yaml = "_format_version: '3.0'\nconsumers:\n- username: alice\n  acls:\n  - group: admin\n";
    assert_eq!(
        without_places(&from_json.unwrap()),
        without_places(&document(yaml))
    );
}

#[test]
fn ids_follow_from_names_and_positions() {
    let first = document(NESTED);
    assert_eq!(
        first.consumers[0].id.to_string(),
        "b32379d9-3d28-5683-a79c-72139be6e34f"
    );
    let unnamed = "_format_version: '3.0'\nroutes: [{paths: [/a]}, {paths: [/b]}]\nservices: [{host: h}]";
    let (one, other) = (document(unnamed), document(unnamed));
    assert_eq!(one, other);
    assert_ne!(one.routes[0].id, one.routes[1].id);
    let admin = document("_format_version: '3.0'\nconsumers: [{username: alice, acls: [{group: admin}]}]");
    assert_eq!(
        admin.acls[0].id.to_string(),
        "051654ec-b4cd-59fd-96db-c35d736d4e4d"
    );
}

#[test]
fn a_reference_must_resolve() {
    check(&[
        (
            "routes: [{paths: [/], service: s}]\nservices: [{name: s, host: h}]",
            &[],
        ),
        (
            "routes:\n- paths: [/]\n  service: nobody",
            &[
                "k.yaml:4:12: error[invalid-reference]: service: invalid reference 'service: nobody' (no such entry in \
             'services')",
            ],
        ),
        (
            "routes: [{paths: [/], service: {id: x}}, {paths: [/], service: {name: y}}]",
            &[
                "k.yaml:2:32: error[invalid-reference]: service: invalid reference 'service: {\"id\":\"x\"}' (no such \
             entry in 'services')",
                "k.yaml:2:64: error[invalid-reference]: service: invalid reference 'service: {\"name\":\"y\"}' (no such \
             entry in 'services')",
            ],
        ),
        (
            "routes: [{paths: [/], service: {username: x}}, {paths: [/], service: 7}]",
            &[
                "k.yaml:2:32: error[unknown-field]: service: expected one field, 'id' or 'name'",
                "k.yaml:2:70: error[wrong-type]: service: expected a string",
            ],
        ),
        (
            "acls: [{group: a}, {group: b, consumer: null}]",
            &[
                "k.yaml:2:8: error[required-field-missing]: consumer: required field missing",
                "k.yaml:2:20: error[required-field-missing]: consumer: required field missing",
            ],
        ),
        (
            "services: [{host: h, protocol: https, ca_certificates: [aaaaaaaa-0000-4000-8000-000000000001, name]}]",
            &[
                "k.yaml:2:57: error[invalid-reference]: ca_certificates[0]: invalid reference 'ca_certificates: \
             aaaaaaaa-0000-4000-8000-000000000001' (no such entry in 'ca_certificates')",
                "k.yaml:2:95: error[invalid-value]: ca_certificates[1]: expected a valid UUID",
            ],
        ),
        (
            "consumers: [{username: a}]\nacls: [{group: g, consumer: b}]\nmtls_auth_credentials: [{subject_name: x, \
          consumer: a, ca_certificate: c}]",
            &[
                "k.yaml:3:29: error[invalid-reference]: consumer: invalid reference 'consumer: b' (no such entry in \
             'consumers')",
                "k.yaml:4:72: error[invalid-reference]: ca_certificate: invalid reference 'ca_certificate: c' (no such \
             entry in 'ca_certificates')",
            ],
        ),
    ]);
}

#[test]
fn a_long_or_pem_reference_is_not_repeated_whole() {
    check(&[(
        "consumers: [{username: a}]\nmtls_auth_credentials: [{subject_name: x, consumer: a, ca_certificate: \
         \"-----BEGIN CERTIFICATE-----\\nMIIB\"}]",
        &[
            "k.yaml:3:72: error[invalid-reference]: ca_certificate: invalid reference 'ca_certificate: …; PEM as a \
             reference is decK's form: write the id",
        ],
    )]);
    let long = format!(
        "_format_version: '3.0'\nroutes: [{{paths: [/], service: {}}}]",
        "é".repeat(100_000)
    );
    let found = findings(&long);
    assert!(found[0].len() < 800 && found[0].ends_with('…'), "{found:#?}");
}

#[test]
fn a_nested_child_does_not_name_its_parent() {
    check(&[
        (
            "services: [{name: s, host: h, routes: [{paths: [/], service: null}]}]",
            &[],
        ),
        (
            "services: [{name: s, host: h, routes: [{paths: [/], service: s}]}]",
            &[
                "k.yaml:2:62: error[must-be-null]: service: value must be null; the parent it is nested in is meant",
            ],
        ),
        (
            "services: [{name: s, host: h}]\nroutes: [{name: r, paths: [/], plugins: [{name: acl, service: s, config: \
          {allow: [a]}}]}]",
            &[],
        ),
    ]);
}

#[test]
fn what_may_be_there_once_is_there_once() {
    check(&[
        (
            "services:\n- {name: a, host: h}\n- {name: a, host: h}",
            &[
                "k.yaml:4:3: error[uniqueness-violation]: uniqueness violation: 'services' entity with name set to 'a' \
             already declared (line 3, column 3)",
            ],
        ),
        (
            "consumers:\n- &c {username: a, custom_id: x}\n- {username: b, custom_id: x}\n- *c",
            &[
                "k.yaml:4:3: error[uniqueness-violation]: uniqueness violation: 'consumers' entity with custom_id set to \
             'x' already declared (line 3, column 6)",
                "k.yaml:5:3: error[uniqueness-violation]: uniqueness violation: 'consumers' entity with username set to \
             'a' already declared (line 3, column 6)",
                "k.yaml:5:3: error[uniqueness-violation]: uniqueness violation: 'consumers' entity with custom_id set to \
             'x' already declared (line 3, column 6)",
            ],
        ),
        (
            "routes:\n- {id: aaaaaaaa-0000-4000-8000-000000000001, paths: [/]}\n\
          - {id: AAAAAAAA-0000-4000-8000-000000000001, paths: [/]}",
            &[
                "k.yaml:4:3: error[uniqueness-violation]: uniqueness violation: 'routes' entity with primary key set to \
             'aaaaaaaa-0000-4000-8000-000000000001' already declared (line 3, column 3)",
            ],
        ),
        (
            "consumers: [{username: a, acls: [{group: g}, {group: h}, {group: g}]}]",
            &[
                "k.yaml:2:58: error[uniqueness-violation]: uniqueness violation: 'acls' entity with group 'g' of this \
             consumer already declared (line 2, column 34)",
            ],
        ),
        (
            "plugins:\n- {name: acl, config: {allow: [a]}}\n- {name: acl_1, config: {allow: [a]}}\n\
          - {id: aaaaaaaa-0000-4000-8000-000000000001, name: acl, config: {deny: [a]}}",
            &[
                "k.yaml:5:3: error[uniqueness-violation]: uniqueness violation: 'plugins' entity with name 'acl' for this \
             route, service and consumer already declared (line 3, column 3)",
            ],
        ),
        (
            "services: [{name: a, host: h}]\nroutes: [{name: a, paths: [/]}]\nconsumers: [{username: a}]",
            &[],
        ),
    ]);
}

#[test]
fn a_configuration_names_consumers_by_id_or_name() {
    let text = format!(
        "_format_version: '3.0'\n{}consumers: [{{username: guest}}]\nplugins: [{{name: mtls-auth, config: \
         {{ca_certificates: [{CA_ID}], revocation_check_mode: SKIP, anonymous: guest, default_consumer: \
         b32379d9-3d28-5683-a79c-72139be6e34f}}}}]",
        ca_entry()
    );
    let found = findings(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("config.default_consumer: there is no consumer")
            && found[0].contains(": a certificate that matches nobody is refused; "),
        "{found:#?}"
    );
    let document = document(&text.replace("b32379d9-3d28-5683-a79c-72139be6e34f", "guest"));
    let PluginConfig::MtlsAuth(config) = &document.plugins[0].config else {
        panic!("not mtls-auth")
    };
    assert_eq!(
        config.auth.anonymous.as_ref().unwrap().value.consumer,
        Some(document.consumers[0].id)
    );
}
