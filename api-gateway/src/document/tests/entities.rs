//! Each entity's fields: defaults, ranges, and what depends on what.

use std::time::Duration;

use super::{check, document, findings};
use crate::document::{PathHandling, RouteProtocol, ServiceProtocol};

#[test]
fn a_service_has_kongs_defaults() {
    let document = document("_format_version: '3.0'\nservices: [{name: foo, host: up.test}]");
    let service = &document.services[0];
    assert_eq!(service.id.to_string(), "2933fbcc-9d7c-54a7-a984-fe2bde836cea");
    assert_eq!(service.protocol.value, ServiceProtocol::Http);
    assert_eq!((service.port, service.retries, service.enabled), (80, 5, true));
    assert_eq!(service.connect_timeout, Duration::from_mins(1));
    assert_eq!(
        (&service.path, service.tls_verify, &service.ca_certificates),
        (&None, None, &None)
    );
}

#[test]
fn every_problem_of_a_service_is_told() {
    check(&[(
        "services:
- host: up.test:80
  name: a/b
  port: 70000
  path: no
  retries: -1
  connect_timeout: 0
  tls_verify: true
  colour: red
  read_timeuot: 1
- {}
- text",
        &[
            "k.yaml:3:9: error[invalid-value]: host: must not have a port",
            "k.yaml:4:9: error[invalid-value]: name: invalid value 'a/b': the only accepted ascii characters are \
             alphanumerics or ., -, _, and ~",
            "k.yaml:5:9: error[out-of-range]: port: value should be between 0 and 65535",
            "k.yaml:6:9: error[wrong-type]: path: expected a string; put it in quotes",
            "k.yaml:7:12: error[out-of-range]: retries: value should be between 0 and 32767",
            "k.yaml:8:20: error[out-of-range]: connect_timeout: value should be between 1 and 2147483646",
            "k.yaml:9:15: error[must-be-null]: tls_verify: value must be null (failed conditional validation given \
             value of field 'protocol')",
            "k.yaml:10:3: error[unknown-field]: colour: unknown field",
            "k.yaml:11:3: error[unknown-field]: read_timeuot: unknown field; did you mean 'read_timeout'?",
            "k.yaml:12:3: error[required-field-missing]: host: required field missing",
            "k.yaml:13:3: error[wrong-type]: expected a record",
        ],
    )]);
}

#[test]
fn what_a_service_may_say() {
    check(&[
        (
            "services: [{host: h, protocol: https, tls_verify: false, tls_verify_depth: 64, ca_certificates: []}]",
            &[],
        ),
        (
            "services: [{host: h, protocol: https, tls_verify_depth: 65}]",
            &["k.yaml:2:57: error[out-of-range]: tls_verify_depth: value should be between 0 and 64"],
        ),
        (
            "services: [{host: h, protocol: grpc}]",
            &["k.yaml:2:32: error[unsupported-value]: protocol: only http and https are supported yet"],
        ),
        (
            "services: [{host: h, protocol: gopher}]",
            &[
                "k.yaml:2:32: error[invalid-value]: protocol: expected one of: http, https, grpc, grpcs, tcp, tls, \
             tls_passthrough, udp, ws, wss",
            ],
        ),
        (
            "services: [{host: h, path: /a//b}, {host: h, path: a}, {host: h, path: '/a b'}, {host: h, path: /%zz}]",
            &[
                "k.yaml:2:28: error[invalid-path]: path: must not have empty segments",
                "k.yaml:2:52: error[invalid-path]: path: should start with: /",
                "k.yaml:2:72: error[invalid-path]: path: invalid path: '/a b' (characters outside of the reserved list of \
             RFC 3986 found)",
                "k.yaml:2:97: error[invalid-path]: path: invalid url-encoded value: '%zz'",
            ],
        ),
        (
            "services: [{host: 10.0.0.1}, {host: '::1'}, {host: '[::1]'}, {host: my_host.test.}]",
            &[],
        ),
        (
            "services: [{host: 256.1.1.1}, {host: -a}, {host: a..b}, {host: ''}, {host: 'a b'}]",
            &[
                "k.yaml:2:19: error[invalid-value]: host: invalid value: 256.1.1.1",
                "k.yaml:2:38: error[invalid-value]: host: invalid value: -a",
                "k.yaml:2:50: error[invalid-value]: host: invalid value: a..b",
                "k.yaml:2:64: error[invalid-value]: host: length must be at least 1",
                "k.yaml:2:76: error[invalid-value]: host: invalid value: a b",
            ],
        ),
        (
            "services: [{host: h, tags: [a, a, 'b c'], enabled: false}, {host: h, tags: ['a,b']}]",
            &[
                "k.yaml:2:77: error[invalid-value]: tags[0]: invalid tag 'a,b': expected printable ascii (except `,` and \
             `/`) or valid utf-8 sequences",
            ],
        ),
        (
            "services: [{host: '{vault://env/host}'}]",
            &["k.yaml:2:19: error[unsupported-value]: host: vault references are not supported yet"],
        ),
        (
            "services: [{host: h, protocol: null, port: ~, created_at: 1, updated_at: 2, _comment: c, _ignore: []}]",
            &[],
        ),
        (
            "services: {host: h}",
            &["k.yaml:2:11: error[wrong-type]: services: expected an array"],
        ),
    ]);
}

#[test]
fn url_stands_for_four_fields() {
    for (url, expected) in [
        ("http://h", ("http", "h", 80, None)),
        ("https://h/p", ("https", "h", 443, Some("/p"))),
        ("https://h:8443/p/q", ("https", "h", 8443, Some("/p/q"))),
        ("http://[::1]:81/", ("http", "[::1]", 81, Some("/"))),
        ("h:443", ("https", "h", 443, None)),
        ("h/x", ("http", "h", 80, Some("/x"))),
    ] {
        let document = document(&format!("_format_version: '3.0'\nservices: [{{url: '{url}'}}]"));
        let service = &document.services[0];
        let protocol = match service.protocol.value {
            ServiceProtocol::Http => "http",
            ServiceProtocol::Https => "https",
        };
        let found = (
            protocol,
            service.host.value.as_str(),
            service.port,
            service.path.as_deref(),
        );
        assert_eq!(found, expected, "{url}");
    }
    check(&[
        (
            "services: [{url: 'http://u:p@h'}, {url: 'https://'}, {url: 'ftp://h'}, {url: 'http://h:99999'}]",
            &[
                "k.yaml:2:18: error[invalid-value]: url: could not parse url: user, query and fragment have no place in it",
                "k.yaml:2:41: error[invalid-value]: url: missing host in url",
                "k.yaml:2:60: error[unsupported-value]: url: only http and https are supported yet",
                "k.yaml:2:78: error[invalid-value]: url: value should be between 0 and 65535",
            ],
        ),
        (
            "services: [{url: 'http://h', host: other}]",
            &[
                "k.yaml:2:36: error[conflicting-fields]: host: 'url' gives this value already: keep one of the two",
            ],
        ),
    ]);
}

#[test]
fn a_route_has_kongs_defaults() {
    let document = document("_format_version: '3.0'\nroutes: [{name: r, paths: [/a, '~/b/\\d+']}]");
    let route = &document.routes[0];
    assert_eq!(route.protocols, [RouteProtocol::Http, RouteProtocol::Https]);
    assert_eq!(
        (
            route.strip_path,
            route.preserve_host,
            route.https_redirect_status_code
        ),
        (true, false, 426)
    );
    assert_eq!(
        (route.regex_priority, route.path_handling, route.service),
        (0, PathHandling::V0, None)
    );
    assert_eq!(route.matchers().paths, ["/a", "~/b/\\d+"]);
}

#[test]
fn what_a_route_may_say() {
    check(&[
        (
            "routes: [{hosts: [a.test, '*.a.test', 'a.*', 'a.test:80'], methods: [GET], headers: {x-a: [b, '~*c']}}]",
            &[],
        ),
        (
            "routes: [{hosts: ['*.a.*', 'a.*.b', '*a.b', 'a.test:x', 'a:99999']}]",
            &[
                "k.yaml:2:19: error[invalid-value]: hosts[0]: invalid wildcard: must have at most one wildcard",
                "k.yaml:2:28: error[invalid-value]: hosts[1]: invalid wildcard: must be placed at leftmost or rightmost \
             label",
                "k.yaml:2:37: error[invalid-value]: hosts[2]: invalid wildcard: must be placed at leftmost or rightmost \
             label",
                "k.yaml:2:45: error[invalid-value]: hosts[3]: invalid value: a.test:x",
                "k.yaml:2:57: error[invalid-value]: hosts[4]: invalid value: a:99999",
            ],
        ),
        (
            "routes: [{paths: [a, /a//b, /a/../b, /%zz, '~/(', '~a', /%41]}]",
            &[
                "k.yaml:2:19: error[invalid-path]: paths[0]: should start with: / (fixed path) or ~/ (regex path)",
                "k.yaml:2:22: error[invalid-path]: paths[1]: must not have empty segments",
                "k.yaml:2:29: error[invalid-path]: paths[0]: non-normalized path, consider use '/b' instead",
                "k.yaml:2:38: error[invalid-path]: paths[3]: invalid url-encoded value: '%zz'",
                "k.yaml:2:44: error[invalid-regex]: paths[1]: invalid regex: '/(' (unclosed group)",
                "k.yaml:2:51: error[invalid-path]: paths[5]: should start with: / (fixed path) or ~/ (regex path)",
                "k.yaml:2:57: error[invalid-path]: paths[2]: non-normalized path, consider use '/A' instead",
            ],
        ),
        (
            "routes: [{methods: [get]}]",
            &[
                "k.yaml:2:21: error[invalid-value]: methods[0]: invalid value: get; methods are written in upper case",
            ],
        ),
        (
            "routes: [{headers: {Host: [a]}}, {headers: {x-a: []}}, {headers: {x-b: ['~*(']}}, {headers: [a]}]",
            &[
                "k.yaml:2:21: error[invalid-value]: headers[0]: cannot contain 'host' header, which must be specified in \
             the 'hosts' attribute",
                "k.yaml:2:45: error[invalid-value]: headers[0]: 'x-a': length must be at least 1",
                "k.yaml:2:67: error[invalid-regex]: headers[0]: invalid regex: '(' (unclosed group)",
                "k.yaml:2:93: error[wrong-type]: headers: expected a map",
            ],
        ),
        (
            "routes: [{paths: [/], https_redirect_status_code: 307, path_handling: v1, regex_priority: 4294967295}]",
            &[
                "k.yaml:2:71: warning[path-handling]: path_handling: path_handling='v1' is deprecated and is treated as \
             'v0', as Kong's router does",
            ],
        ),
        (
            "routes: [{paths: [/], https_redirect_status_code: 303, path_handling: v2, regex_priority: -1}]",
            &[
                "k.yaml:2:51: error[invalid-value]: https_redirect_status_code: expected one of: 426, 301, 302, 307, 308",
                "k.yaml:2:71: error[invalid-value]: path_handling: expected one of: v0, v1",
                "k.yaml:2:91: error[out-of-range]: regex_priority: value should be between 0 and 4294967295",
            ],
        ),
        (
            "routes: [{paths: [/], sources: [{ip: 1.2.3.4}], destinations: null, expression: 'a'}]",
            &[
                "k.yaml:2:32: error[unsupported-field]: sources: cannot be set when 'protocols' is 'http' or 'https': \
             stream routes are not supported yet",
                "k.yaml:2:69: error[unknown-field]: expression: unknown field",
            ],
        ),
    ]);
}

#[test]
fn a_route_needs_a_matcher_that_its_protocols_know() {
    check(&[
        (
            "routes: [{snis: [a.test]}, {protocols: [https], snis: ['*.a.test']}]",
            &[],
        ),
        (
            "routes:\n- {}\n- {protocols: [http], paths: []}\n- {paths: [7]}",
            &[
                "k.yaml:3:3: error[entity-check]: must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when \
             'protocols' is 'https'",
                "k.yaml:4:3: error[entity-check]: must set one of 'methods', 'hosts', 'headers', 'paths' when 'protocols' \
             is 'http'",
                "k.yaml:5:12: error[wrong-type]: paths[0]: expected a string; put it in quotes",
            ],
        ),
        (
            "routes: [{protocols: [http], paths: [/], snis: [a.test]}]",
            &[
                "k.yaml:2:48: error[entity-check]: snis: 'snis' can only be set when 'protocols' is 'grpcs', 'https', \
             'tls' or 'tls_passthrough'",
            ],
        ),
        (
            "routes: [{paths: [/], protocols: []}, {paths: [/], protocols: [grpc]}, {paths: [/], protocols: [web]}]",
            &[
                "k.yaml:2:34: error[invalid-value]: protocols: length must be at least 1",
                "k.yaml:2:64: error[unsupported-value]: protocols[0]: only http and https routes are supported yet",
                "k.yaml:2:97: error[invalid-value]: protocols[0]: expected one of: grpc, grpcs, http, https, tcp, tls, \
             tls_passthrough, udp, ws, wss",
            ],
        ),
    ]);
}

#[test]
fn paths_of_old_formats_are_migrated() {
    let text = |version: &str| {
        format!(
            "_format_version: '{version}'\nservices: [{{host: h, routes: [{{paths: ['/a/./b', '/v\\d+']}}]}}]"
        )
    };
    assert_eq!(
        document(&text("2.1")).routes[0].matchers().paths,
        ["/a/b", "~/v\\d+"]
    );
    assert_eq!(
        document(&text("1.1")).routes[0].matchers().paths,
        ["/a/b", "~/v\\d+"]
    );
    assert_eq!(findings(&text("3.0")).len(), 2);
}

#[test]
fn what_consumers_and_groups_may_say() {
    check(&[
        (
            "consumers: [{username: a}, {custom_id: b}, {username: b, custom_id: a, tags: [t]}]",
            &[],
        ),
        (
            "consumers: [{tags: [t]}, {username: ''}]",
            &[
                "k.yaml:2:13: error[entity-check]: at least one of these fields must be non-empty: 'custom_id', \
             'username'",
                "k.yaml:2:37: error[invalid-value]: username: length must be at least 1",
            ],
        ),
        (
            "consumers: [{username: a, groups: [{name: g}]}]",
            &[
                "k.yaml:2:27: error[unknown-field]: groups: unknown field; this is decK's form: write \
             `consumer_group_consumers` at the top level",
            ],
        ),
        (
            "consumers: [{username: a, id: 7b}]",
            &["k.yaml:2:31: error[invalid-value]: id: expected a valid UUID"],
        ),
        (
            "consumer_groups: [{name: g}, {}]",
            &["k.yaml:2:30: error[required-field-missing]: name: required field missing"],
        ),
        (
            "consumers: [{username: a, acls: [{group: g}, {}]}]",
            &["k.yaml:2:46: error[required-field-missing]: group: required field missing"],
        ),
    ]);
}

#[test]
fn entities_that_are_not_built_are_told_once_each() {
    check(&[
        (
            "key_sets: [{name: u, keys: [{}]}, {name: v}]\nvaults: [{}]\nkeys: []\nparameters: ~",
            &[
                "k.yaml:2:1: error[unsupported-entity]: key_sets: entities of this kind are not supported yet",
                "k.yaml:3:1: error[unsupported-entity]: vaults: entities of this kind are not supported yet",
            ],
        ),
        (
            "consumers: [{username: a, hmacauth_credentials: [{}], oauth2_credentials: []}]",
            &[
                "k.yaml:2:27: error[unsupported-entity]: hmacauth_credentials: entities of this kind are not supported yet",
            ],
        ),
        (
            "workspaces: [{name: default, id: 0dc6f45b-8f8d-40d2-a504-473544ee190b}]",
            &[],
        ),
        (
            "workspaces: [{name: default}, {name: other}]",
            &[
                "k.yaml:2:13: error[unsupported-entity]: workspaces: workspaces other than 'default' are not supported yet",
            ],
        ),
        (
            "_info: {select_tags: [a]}\nservcies: []",
            &[
                "k.yaml:2:1: error[unknown-field]: _info: unknown field; this key is decK's and has no place in a DB-less \
             document: remove it",
                "k.yaml:3:1: error[unknown-field]: servcies: unknown field; did you mean 'services'?",
            ],
        ),
    ]);
}
