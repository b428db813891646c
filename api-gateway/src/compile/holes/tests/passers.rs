//! Allow lists that nobody passes.

use super::check;

const PEOPLE: &str = "consumers:
- {username: alice, acls: [{group: partners}], keyauth_credentials: [{key: r4nd0m-r4nd0m-r4nd0m}]}
- {custom_id: '7', acls: [{group: staff}]}
- {username: carol, acls: [{group: mapped}], mtls_auth_credentials: [{subject_name: c, ca_certificate: *other}]}
consumer_groups: [{name: team}]
consumer_group_consumers: [{consumer: alice, consumer_group: team}]
";
const KEY: &str = "{name: key-auth, config: {key_in_query: false}}";

fn mtls(more: &str) -> String {
    format!("{{name: mtls-auth, config: {{ca_certificates: [*ca]{more}}}}}")
}

fn acl(allow: &str) -> String {
    format!("{{name: acl, config: {{allow: [{allow}]}}}}")
}

fn told(rows: &[(String, Option<&str>)]) {
    for (plugins, expected) in rows {
        let document = format!(
            "{PEOPLE}routes:\n- {{name: r, protocols: [https], paths: [/r], plugins: [{plugins}]}}\n"
        );
        let expected: Vec<&str> = expected.iter().copied().collect();
        check(&["nobody-passes"], &[(&document, &expected)]);
    }
}

#[test]
fn members_have_to_be_found() {
    let staff = acl("staff");
    told(&[
        (
            format!("{KEY}, {staff}"),
            Some("on the route 'r' nobody passes 'acl': 'key-auth' … can find no member of 'staff'"),
        ),
        (format!("{KEY}, {}", acl("partners")), None),
        (format!("{KEY}, {}", acl("staff, partners")), None),
        (
            format!("{KEY}, {}", acl("staff, mapped")),
            Some("no member of any group in this list"),
        ),
        (format!("{}, {staff}", mtls("")), None),
        (
            format!("{}, {staff}", mtls(", consumer_by: [username]")),
            Some("'staff'"),
        ),
        // The name is looked for, though what is mapped for him is for another CA.
        (format!("{}, {}", mtls(""), acl("mapped")), None),
        (
            format!("{}, {}", mtls(", consumer_by: []"), acl("mapped")),
            Some("'mapped'"),
        ),
        (
            format!(
                "{{name: mtls-auth, config: {{ca_certificates: [*ca, *other], consumer_by: []}}}}, {}",
                acl("mapped")
            ),
            None,
        ),
        (format!("{KEY}, {}", acl("team")), None),
        (
            "{name: basic-auth}, {name: acl, config: {allow: [team], include_consumer_groups: true}}"
                .to_owned(),
            Some("'basic-auth' … 'team'"),
        ),
        (format!("{KEY}, {{name: acl, config: {{deny: [staff]}}}}"), None),
        // A group that nobody is in is told of as that.
        (format!("{KEY}, {}", acl("nobodys")), None),
        // Nobody is known there at all: that is told too.
        (staff.clone(), None),
    ]);
}

#[test]
fn the_last_word_counts_and_whoever_stands_for_others() {
    let staff = acl("staff");
    let anonymous = "{name: key-auth, config: {key_in_query: false, anonymous: alice}}";
    told(&[
        // The key takes the place of the certificate.
        (
            format!("{}, {KEY}, {staff}", mtls("")),
            Some("'key-auth' … 'staff'"),
        ),
        // Either of two.
        (
            format!("{}, {anonymous}, {staff}", mtls(", anonymous: alice")),
            None,
        ),
        (
            format!(
                "{anonymous}, {}, {staff}",
                mtls(", consumer_by: [], anonymous: alice")
            ),
            Some("'mtls-auth' … and 'key-auth' … 'staff'"),
        ),
        (format!("{anonymous}, {}", acl("partners")), None),
        (
            format!(
                "{}, {}",
                mtls(", consumer_by: [], default_consumer: alice"),
                acl("partners")
            ),
            None,
        ),
        // A token that finds nobody leaves the consumer whom the certificate has found.
        (
            format!(
                "{}, {{name: openid-connect, config: {{issuer: 'https://id.test/', consumer_claim: [azp], consumer_by: [username], consumer_optional: true}}}}, {staff}",
                mtls("")
            ),
            None,
        ),
        (format!("{}, {staff}", mtls(", skip_consumer_lookup: true")), None),
        (
            format!(
                "{}, {staff}",
                mtls(", skip_consumer_lookup: true, authenticated_group_by: null")
            ),
            Some("no plugin before it looks for consumers, or names groups"),
        ),
    ]);
}

#[test]
fn each_principal_has_its_own() {
    let principals = |allow: &str| {
        format!("{{name: principals, config: {{require: [mtls-auth, key-auth], allow: {{{allow}}}}}}}")
    };
    let two = format!("{}, {KEY}", mtls(""));
    told(&[
        (
            format!(
                "{two}, {}",
                principals("mtls-auth: [staff], key-auth: [partners]")
            ),
            None,
        ),
        (
            format!(
                "{two}, {}",
                principals("mtls-auth: [partners], key-auth: [staff]")
            ),
            Some("nobody passes 'principals': 'key-auth' … 'staff'"),
        ),
    ]);
}

#[test]
fn an_acl_for_many_routes_is_told_of_once() {
    let document = format!(
        "{PEOPLE}routes: [{{name: a, paths: [/a]}}, {{name: b, paths: [/b]}}]\nplugins: [{KEY}, {}]\n",
        acl("staff")
    );
    check(
        &["nobody-passes"],
        &[(&document, &["on the route 'a' … (and 1 more routes)"])],
    );
}
