//! Groups that nobody is in, consumers that nobody can be, names that mean two.

use super::check;

fn routes(plugins: &str) -> String {
    format!("routes:\n- {{name: r, protocols: [https], paths: [/r], plugins: [{plugins}]}}\n")
}

#[test]
fn groups_that_nobody_is_in() {
    const PEOPLE: &str = "consumers: [{username: alice, acls: [{group: partners}, {group: team-a}, {group: group1}, {group: v1}]}]
consumer_groups: [{name: team}, {name: empty}]
consumer_group_consumers: [{consumer: alice, consumer_group: team}]
";
    const MTLS: &str = "{name: mtls-auth, config: {ca_certificates: [*ca]}}";
    const BY_CREDENTIAL: &str =
        "{name: mtls-auth, config: {ca_certificates: [*ca], skip_consumer_lookup: true}}";
    const BY_NOTHING: &str = "{name: mtls-auth, config: {ca_certificates: [*ca], skip_consumer_lookup: true, authenticated_group_by: null}}";
    let empty: &[&str] = &["nobody is in the group"];
    for (authentication, config, expected) in [
        (MTLS, "allow: [partners]", &[][..]),
        (MTLS, "allow: [partners, Partners]", empty),
        (
            MTLS,
            "allow: [x, y]",
            &["group 'x': it lets nobody pass", "group 'y'"],
        ),
        (MTLS, "allow: [team]", &["group 'team'"]),
        (MTLS, "allow: [team], include_consumer_groups: true", &[]),
        (
            MTLS,
            "allow: [empty], include_consumer_groups: true",
            &["group 'empty'"],
        ),
        (MTLS, "deny: [suspended]", &[]),
        (MTLS, "deny: [partner]", &["group 'partner': it refuses nobody"]),
        (
            MTLS,
            "deny: [part-ners]",
            &["group 'part-ners': it refuses nobody"],
        ),
        (MTLS, "deny: [team-ab, group2, v2]", &[]),
        (MTLS, "deny: [taem-a]", &["group 'taem-a'"]),
        (BY_CREDENTIAL, "allow: [alice@example.com]", &[]),
        (BY_NOTHING, "allow: [x]", empty),
    ] {
        let document = format!(
            "{PEOPLE}{}",
            routes(&format!("{authentication}, {{name: acl, config: {{{config}}}}}"))
        );
        check(&["empty-group"], &[(&document, expected)]);
    }
    // One acl for two routes, of which one has groups out of credentials.
    let document = format!(
        "{PEOPLE}plugins: [{{name: acl, config: {{allow: [x]}}}}]\n{}- {{name: q, paths: [/q], plugins: [{MTLS}]}}\n",
        routes(BY_CREDENTIAL)
    );
    check(&["empty-group"], &[(&document, &[])]);
}

#[test]
fn consumers_that_nobody_can_be() {
    let lost: &[&str] = &["nobody can be the consumer 'alice'"];
    for (consumer, plugins, expected) in [
        (
            "{username: alice}",
            "",
            &["no plugin on any route looks for consumers"][..],
        ),
        (
            "{username: alice}",
            "{name: mtls-auth, config: {ca_certificates: [*ca]}}",
            &[],
        ),
        (
            "{username: alice}",
            "{name: mtls-auth, enabled: false, config: {ca_certificates: [*ca]}}",
            lost,
        ),
        (
            "{username: alice}",
            "{name: mtls-auth, config: {ca_certificates: [*ca], consumer_by: [custom_id]}}",
            lost,
        ),
        (
            "{username: alice}",
            "{name: mtls-auth, config: {ca_certificates: [*ca], skip_consumer_lookup: true}}",
            lost,
        ),
        (
            "{username: alice}",
            "{name: mtls-auth, config: {ca_certificates: [*ca], consumer_by: [custom_id], anonymous: alice}}",
            &[],
        ),
        ("{username: alice}", "{name: key-auth}", lost),
        (
            "{username: alice, keyauth_credentials: [{key: r4nd0m-r4nd0m-r4nd0m}]}",
            "{name: key-auth}",
            &[],
        ),
        (
            "{username: alice, keyauth_credentials: [{key: r4nd0m-r4nd0m-r4nd0m}]}",
            "{name: jwt}",
            lost,
        ),
        (
            "{username: alice, mtls_auth_credentials: [{subject_name: a}]}",
            "{name: mtls-auth, config: {ca_certificates: [*ca], consumer_by: []}}",
            &[],
        ),
        (
            "{username: alice, mtls_auth_credentials: [{subject_name: a, ca_certificate: *other}]}",
            "{name: mtls-auth, config: {ca_certificates: [*ca], consumer_by: []}}",
            lost,
        ),
        (
            "{username: alice, header_cert_auth_credentials: [{subject_name: a}]}",
            "{name: mtls-auth, config: {ca_certificates: [*ca], consumer_by: []}}",
            lost,
        ),
        (
            "{username: alice}, {username: bob}, {username: carol}",
            "{name: basic-auth}",
            &["'alice' (and 2 more consumers)"],
        ),
        (
            "{username: alice}",
            "{name: openid-connect, config: {issuer: 'https://id.test/', consumer_claim: [azp], consumer_by: [username]}}",
            &[],
        ),
        (
            "{username: alice}",
            "{name: openid-connect, config: {issuer: 'https://id.test/', consumer_claim: [azp], consumer_by: [custom_id]}}",
            lost,
        ),
    ] {
        let document = format!("consumers: [{consumer}]\n{}", routes(plugins));
        check(&["unreachable-consumer"], &[(&document, expected)]);
    }
    check(&["unreachable-consumer"], &[(&routes(""), &[])]);
}

#[test]
fn names_that_mean_two() {
    let two: &[&str] = &["'x' is mapped to another consumer"];
    for (alice, bob, expected) in [
        (
            "mtls_auth_credentials: [{subject_name: x}]",
            "mtls_auth_credentials: [{subject_name: x}]",
            two,
        ),
        (
            "mtls_auth_credentials: [{subject_name: x, ca_certificate: *ca}]",
            "mtls_auth_credentials: [{subject_name: x, ca_certificate: *ca}]",
            two,
        ),
        (
            "mtls_auth_credentials: [{subject_name: x, ca_certificate: *ca}]",
            "mtls_auth_credentials: [{subject_name: x, ca_certificate: *other}]",
            &[],
        ),
        (
            "mtls_auth_credentials: [{subject_name: x}]",
            "header_cert_auth_credentials: [{subject_name: x}]",
            &[],
        ),
        (
            "mtls_auth_credentials: [{subject_name: x}, {subject_name: y}]",
            "mtls_auth_credentials: [{subject_name: z}]",
            &[],
        ),
    ] {
        let document = format!("consumers: [{{username: alice, {alice}}}, {{username: bob, {bob}}}]\n");
        check(&["contradictory-mapping"], &[(&document, expected)]);
    }
}

#[test]
fn rules_about_plugins_that_are_not_there() {
    const CODE: [&str; 1] = ["unknown-order"];
    let acl = |rule: &str| {
        routes(&format!(
            "{{name: mtls-auth, config: {{ca_certificates: [*ca]}}}}, {{name: acl, config: {{deny: [x]}}, ordering: {rule}}}"
        ))
    };
    for (rule, expected) in [
        ("{after: {access: [mtls-auth]}}", &[][..]),
        ("{after: {access: [mtls-aut]}}", &["'mtls-aut'"]),
        (
            "{before: {access: [rate-limiting, acl_5]}, after: {access: [jwt]}}",
            &["'rate-limiting'", "'acl_5'", "'jwt'"],
        ),
    ] {
        check(&CODE, &[(&acl(rule), expected)]);
    }
}
