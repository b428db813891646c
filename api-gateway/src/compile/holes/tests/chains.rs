//! Who is judged, by when, and who stands for whom.

use super::check;

const MTLS: &str = "{name: mtls-auth, config: {ca_certificates: [*other]";
const HEADER: &str = "{name: header-cert-auth, config: {ca_certificates: [*ca], certificate_header_name: X-A, certificate_header_format: url_encoded";
const CONSUMERS: &str = "consumers: [{username: guest, acls: [{group: guests}]}, {username: alice, acls: [{group: a}]}, {username: edge, acls: [{group: edges}]}]\nconsumer_groups: [{name: team}]\nconsumer_group_consumers: [{consumer: guest, consumer_group: team}]\n";

fn rows(codes: &[&str], rows: &[(String, Option<&str>)]) {
    for (plugins, expected) in rows {
        let document = format!(
            "{CONSUMERS}routes:\n- {{name: r, protocols: [https], paths: [/r], plugins: [{plugins}]}}"
        );
        let expected: Vec<&str> = expected.iter().copied().collect();
        check(codes, &[(&document, &expected)]);
    }
}

fn acl(config: &str) -> String {
    format!("{{name: acl, config: {{{config}}}}}")
}

#[test]
fn each_of_two_principals_is_judged_or_told_of() {
    let (mtls, header, allow) = (format!("{MTLS}}}}}"), format!("{HEADER}}}}}"), acl("allow: [a]"));
    let between = "{name: acl_1595, config: {allow: [edges]}}";
    rows(
        &["principal-not-judged"],
        &[
            (
                format!("{mtls}, {header}, {allow}"),
                Some("'acl' judges only whom 'header-cert-auth' finds"),
            ),
            (format!("{mtls}, {between}, {header}, {allow}"), None),
            (
                format!("{mtls}, {between}, {header}"),
                Some("'acl_1595' judges before 'header-cert-auth'"),
            ),
            (format!("{mtls}, {header}"), None),
            (format!("{mtls}, {allow}"), None),
            // Whoever has no certificate passes mtls-auth: nothing rests on it.
            (format!("{MTLS}, anonymous: guest}}}}, {header}, {allow}"), None),
            // Either of two is enough, and that one is judged.
            (
                format!("{mtls}, {{name: key-auth, config: {{anonymous: guest}}}}, {allow}"),
                None,
            ),
            // But a client is judged although his carrier is known.
            (
                format!("{mtls}, {HEADER}, anonymous: guest}}}}, {allow}"),
                Some("only whom 'header-cert-auth' finds"),
            ),
            (
                format!("{mtls}, {{name: jwt}}, {allow}"),
                Some("only whom 'jwt' finds … 'mtls-auth'"),
            ),
            (
                format!("{MTLS}, skip_consumer_lookup: true}}}}, {header}, {allow}"),
                None,
            ),
        ],
    );
}

#[test]
fn whoever_is_overlooked_on_a_route_is_told_of_together() {
    let two = format!("{MTLS}}}}}, {HEADER}}}}}");
    rows(
        &["principal-not-judged"],
        &[
            (
                format!("{two}, {{name: jwt}}, {}", acl("allow: [a]")),
                Some(
                    "only whom 'jwt' finds … 'mtls-auth' … ; and 'acl' judges only whom 'header-cert-auth' finds … 'jwt' … of that one passes",
                ),
            ),
            (
                format!("{two}, {{name: acl_1005, config: {{allow: [a]}}}}, {{name: jwt_1004}}"),
                Some(
                    "'acl_1005' judges only whom 'header-cert-auth' finds … 'mtls-auth' … ; and 'acl_1005' judges before 'jwt_1004'",
                ),
            ),
        ],
    );
}

/// A clone can run between two plugins only where there is a number between theirs.
#[test]
fn what_is_proposed_can_be_done() {
    for (second, fix) in [
        (
            "mtls-auth_1500",
            "judge the first by a clone between the two: acl_1595",
        ),
        (
            "mtls-auth_1596",
            "judge the first by a clone between the two: acl_1599",
        ),
        (
            "mtls-auth_1599",
            "judge both: principals, with require: [mtls-auth, mtls-auth_1599] and allow",
        ),
    ] {
        let document = format!(
            "{}{CONSUMERS}routes:\n- {{name: r, protocols: [https], paths: [/r], plugins: [{MTLS}}}}}, {{name: {second}, config: {{ca_certificates: [*ca]}}}}, {}]}}",
            super::beginning(),
            acl("allow: [a]")
        );
        let found = super::warnings(&document);
        let told = found
            .iter()
            .find(|one| one.code == "principal-not-judged")
            .unwrap();
        assert_eq!(told.fix.as_deref(), Some(fix));
    }
}

#[test]
fn an_acl_that_judges_another_is_told_of_unless_there_is_nobody_else() {
    let skip = |more: &str| format!("{HEADER}, skip_consumer_lookup: true{more}}}}}");
    let (mtls, edges) = (format!("{MTLS}}}}}"), acl("allow: [edges]"));
    let token = |more: &str| {
        format!(
            "{{name: openid-connect, config: {{issuer: 'https://id.test/', authenticated_groups_claim: [groups]{more}}}}}"
        )
    };
    let principals = |allow: &str| {
        format!("{{name: principals, config: {{require: [mtls-auth, header-cert-auth]{allow}}}}}")
    };
    rows(
        &["acl-judges-another"],
        &[
            (
                format!("{mtls}, {}, {edges}", skip("")),
                Some("'acl' judges by what 'mtls-auth' … found; whom 'header-cert-auth'"),
            ),
            (
                format!("{mtls}, {}, {edges}", token("")),
                Some("whom 'openid-connect'"),
            ),
            // It looks at nothing where somebody is known.
            (format!("{mtls}, {}, {edges}", token(", anonymous: guest")), None),
            // But a carrier's client is judged.
            (
                format!("{mtls}, {}, {edges}", skip(", anonymous: guest")),
                Some("whom 'header-cert-auth'"),
            ),
            (
                format!(
                    "{mtls}, {}, {}",
                    skip(""),
                    acl("allow: [alice], always_use_authenticated_groups: true")
                ),
                None,
            ),
            (
                format!(
                    "{mtls}, {}, {}, {edges}",
                    skip(""),
                    principals(", allow: {header-cert-auth: [alice]}")
                ),
                None,
            ),
            (
                format!("{mtls}, {}, {}, {edges}", skip(""), principals("")),
                Some("whom 'header-cert-auth'"),
            ),
        ],
    );
}

#[test]
fn principals_judges_each_or_both_together() {
    let two = format!("{MTLS}}}}}, {HEADER}}}}}, {}", acl("allow: [a]"));
    let principals = |more: &str| {
        format!("{{name: principals, config: {{require: [mtls-auth, header-cert-auth]{more}}}}}")
    };
    rows(
        &["principal-not-judged", "empty-group", "default-consumer-allowed"],
        &[
            (format!("{two}, {}", principals("")), Some("principal-not-judged")),
            (format!("{two}, {}", principals(", same: consumer")), None),
            (
                format!("{two}, {}", principals(", allow: {mtls-auth: [edges]}")),
                None,
            ),
            (
                format!("{two}, {}", principals(", allow: {header-cert-auth: [a]}")),
                Some("principal-not-judged"),
            ),
            (
                format!("{two}, {}", principals(", allow: {mtls-auth: [edgse]}")),
                Some("empty-group … 'edgse'"),
            ),
            (
                format!(
                    "{MTLS}, default_consumer: edge}}}}, {HEADER}}}}}, {}",
                    principals(", allow: {mtls-auth: [edges]}")
                ),
                Some("default-consumer-allowed … 'edges'"),
            ),
            (
                format!(
                    "{MTLS}, skip_consumer_lookup: true}}}}, {HEADER}}}}}, {}",
                    principals(", allow: {mtls-auth: [x]}")
                ),
                None,
            ),
        ],
    );
}

#[test]
fn an_acl_needs_somebody_to_judge() {
    let mtls = format!("{MTLS}}}}}");
    rows(
        &["acl-before-authentication"],
        &[
            (acl("allow: [a]"), Some("no plugin there finds out who calls")),
            (acl("deny: [a]"), Some("refuses everybody with 401")),
            (
                format!("{mtls}, {{name: acl_1700, config: {{allow: [a]}}}}"),
                Some("'mtls-auth' finds out who calls only after it"),
            ),
            (
                format!(
                    "{mtls}, {{name: acl, config: {{allow: [a]}}, ordering: {{before: {{access: [mtls-auth]}}}}}}"
                ),
                Some("only after it"),
            ),
            (format!("{mtls}, {}", acl("allow: [a]")), None),
        ],
    );
}

#[test]
fn a_global_acl_is_told_once_with_the_number_of_routes() {
    let document = format!(
        "{CONSUMERS}plugins: [{{name: acl, config: {{allow: [a]}}}}]\nroutes: [{{name: a, paths: [/a]}}, {{name: b, paths: [/b]}}, {{name: c, paths: [/c]}}]"
    );
    check(
        &["acl-before-authentication"],
        &[(&document, &["on the route 'a' … (and 2 more routes)"])],
    );
}

#[test]
fn whoever_stands_for_others_is_in_no_allowed_group() {
    const CODES: [&str; 2] = ["anonymous-allowed", "default-consumer-allowed"];
    let mtls = |more: &str| format!("{MTLS}, {more}}}}}");
    let guests = acl("allow: [a, guests]");
    rows(
        &CODES,
        &[
            (
                format!("{}, {guests}", mtls("anonymous: guest")),
                Some("anonymous-allowed … without any credential … 'guests'"),
            ),
            (
                format!("{}, {guests}", mtls("default_consumer: guest")),
                Some("default-consumer-allowed … any certificate of its CAs"),
            ),
            (
                format!("{}, {}", mtls("anonymous: guest"), acl("allow: [a]")),
                None,
            ),
            (
                format!("{}, {}", mtls("anonymous: guest"), acl("deny: [a]")),
                None,
            ),
            (
                format!("{}, {}", mtls("anonymous: guest"), acl("allow: [team]")),
                None,
            ),
            (
                format!(
                    "{}, {}",
                    mtls("anonymous: guest"),
                    acl("allow: [team], include_consumer_groups: true")
                ),
                Some("anonymous-allowed … 'team'"),
            ),
            // Somebody else is found, or nobody passes.
            (
                format!("{}, {HEADER}}}}}, {guests}", mtls("anonymous: guest")),
                None,
            ),
            (
                format!(
                    "{}, {HEADER}, anonymous: alice}}}}, {}",
                    mtls("anonymous: guest"),
                    acl("allow: [guests]")
                ),
                None,
            ),
            (
                format!(
                    "{}, {{name: key-auth, config: {{anonymous: alice}}}}, {}",
                    mtls("default_consumer: guest, anonymous: edge"),
                    acl("allow: [guests]")
                ),
                Some("default-consumer-allowed"),
            ),
            (
                format!(
                    "{}, {{name: acl_1000, config: {{allow: [edges]}}}}, {guests}",
                    mtls("anonymous: guest")
                ),
                None,
            ),
        ],
    );
    // One of several credentials, but one: nobody gets through as the anonymous consumer.
    let document = format!(
        "{CONSUMERS}routes:\n- {{name: r, protocols: [https], paths: [/r], plugins: [{}, {guests}]}}\nplugins: [{{name: request-termination, consumer: guest, config: {{status_code: 401}}}}]",
        mtls("anonymous: guest")
    );
    check(&CODES, &[(&document, &[])]);
    let open = document.replace("status_code: 401", "trigger: x-stop");
    check(&CODES, &[(&open, &["anonymous-allowed"])]);
}

#[test]
fn http_is_told_where_a_certificate_is_needed() {
    let route = |more: &str, plugin: &str| {
        format!("{CONSUMERS}routes:\n- {{name: r, paths: [/r]{more}, plugins: [{plugin}]}}")
    };
    let mtls = format!("{MTLS}}}}}");
    let optional = format!("{MTLS}, anonymous: guest}}}}");
    let header = format!("{HEADER}}}}}");
    for (document, expected) in [
        (route("", &mtls), vec!["the route 'r' takes http"]),
        (
            route(", protocols: [http]", &mtls),
            vec!["the route 'r' takes http"],
        ),
        (route(", protocols: [https]", &mtls), vec![]),
        (route("", &optional), vec![]),
        (route("", &header), vec![]),
    ] {
        check(&["http-beside-certificate"], &[(&document, &expected)]);
    }
}

#[test]
fn tokens_for_any_service_and_keys_in_the_query() {
    let oidc = |more: &str| format!("{{name: openid-connect, config: {{issuer: 'https://id.test/'{more}}}}}");
    rows(
        &["token-without-audience", "key-in-query"],
        &[
            (
                oidc(""),
                Some("token-without-audience … https://id.test/ issued for any service"),
            ),
            (oidc(", audience_required: [r]"), None),
            (oidc(", scopes_required: [r]"), Some("token-without-audience")),
            ("{name: key-auth}".to_owned(), Some("key-in-query")),
            ("{name: key-auth, config: {key_in_query: false}}".to_owned(), None),
            (
                "{name: key-auth}, {name: key-auth_1200}".to_owned(),
                Some("key-in-query … (and 1 more plugins)"),
            ),
        ],
    );
}
