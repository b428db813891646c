//! What `check` says of a `principals` that could not do what it says, at the very word.

use harness::stack::Stack;

const HEAD: &str = r#"_format_version: "3.0"
services: [{name: echo, url: "http://{echo}"}]
consumers: [{username: guest}, {username: alice, tags: ["org:acme"]}]
ca_certificates: [{id: c1a00000-0000-4000-8000-000000000001, cert: "@ca/clients-root.pem"}]
cloned_plugins: [{name: late, ref: acl, priority: 1}]
routes:
- {name: r, service: echo, paths: [/r]}
- {name: other, service: echo, paths: [/o]}
plugins:
- {route: r, name: mtls-auth, config: {ca_certificates: [c1a00000-0000-4000-8000-000000000001]}}
- {route: r, name: mtls-auth_940, config: {ca_certificates: [c1a00000-0000-4000-8000-000000000001]}}
- {route: r, name: mtls-auth_1500, config: {ca_certificates: [c1a00000-0000-4000-8000-000000000001], anonymous: guest}}
- {route: r, name: acl, config: {allow: [a]}}
"#;

/// The line that follows [`HEAD`].
const LINE: usize = 14;

#[tokio::test]
async fn what_could_not_work_is_told_at_its_word() {
    #[rustfmt::skip]
    let rows = [
        ("{route: r, name: principals, config: {require: [mtls-auth]}}", "", &[][..]),
        ("{route: r, name: principals, config: {require: [mtls-auht]}}",
         "mtls-auht", &["error[unknown-principal]: no plugin 'mtls-auht' runs on route 'r': every request there is refused; did you mean 'mtls-auth'?"]),
        ("{route: r, name: principals, config: {require: [key]}}",
         "key]", &["error[unknown-principal]: no plugin 'key' runs on route 'r': every request there is refused"]),
        ("{name: principals, config: {require: [mtls-auth]}}",
         "mtls-auth]", &["error[unknown-principal]: no plugin 'mtls-auth' runs on route 'other': every request there is refused"]),
        ("{route: r, name: principals, config: {require: [acl]}}",
         "acl]", &["error[unknown-principal]: 'acl' authenticates nobody: it cannot be required"]),
        ("{route: r, name: principals, config: {require: [mtls-auth_940]}}",
         "mtls-auth_940]", &["error[unknown-principal]: 'mtls-auth_940' runs after this on route 'r': every request there is refused; say in `ordering` that this runs after it"]),
        ("{route: r, name: principals, ordering: {after: {access: [mtls-auth_940]}}, config: {require: [mtls-auth_940]}}", "", &[]),
        ("{route: r, name: principals, config: {require: [mtls-auth, mtls-auth_1500]}}",
         "mtls-auth_1500", &["warning[principal-stands-back]: 'mtls-auth_1500' has an anonymous consumer: where another plugin has authenticated somebody it looks at no credential, and whoever it lets pass as anonymous is refused here; leave `anonymous` out of it: what is required is not optional"]),
        ("{route: r, name: principals, config: {require: [mtls-auth, mtls-auth_940], same: 'tag:team:'}, ordering: {after: {access: [mtls-auth_940]}}}",
         "'tag:team", &["warning[unused-tag]: no consumer has a tag that begins with 'team:': every request is refused; give the consumers that belong together one in common"]),
        ("{route: r, name: principals, config: {require: [mtls-auth, mtls-auth_940], same: 'tag:org:'}, ordering: {after: {access: [mtls-auth_940]}}}", "", &[]),
        ("{route: r, name: principals, config: {require: []}}",
         "[]", &["error[invalid-value]: config.require: length must be at least 1"]),
        ("{route: r, name: principals}",
         "{route", &["error[required-field-missing]: config.require: required field missing"]),
        ("{route: r, name: principals, config: {require: [mtls-auth, mtls-auth]}}",
         "[mtls-auth, mtls-auth]", &["error[invalid-value]: config.require: 'mtls-auth' is named twice"]),
        ("{route: r, name: principals, config: {require: [mtls-auth], same: consumer}}",
         "consumer}}", &["error[entity-check]: config.same: 'require' names nobody to compare with"]),
        ("{route: r, name: principals, config: {require: [mtls-auth, a], same: group}}",
         "group}}", &["error[invalid-value]: config.same: expected one of: consumer, custom_id, tag:PREFIX"]),
        ("{route: r, name: principals, config: {require: [mtls-auth, a], same: 'tag:'}}",
         "'tag:'", &["error[invalid-value]: config.same: there is no prefix after 'tag:'; write for example \"tag:org:\""]),
        ("{route: r, name: principals, config: {require: [mtls-auth], allow: {mtls-auth: []}}}",
         "[]}}}", &["error[invalid-value]: config.allow.mtls-auth: length must be at least 1"]),
        ("{route: r, name: principals, config: {require: [mtls-auth], allow: {key-auth: [a]}}}",
         "key-auth: [a]", &["error[entity-check]: config.allow.key-auth: 'key-auth' is not in 'require': a request without it would pass unjudged"]),
        ("{route: r, name: principals, config: {require: [mtls-auth], allow: [mtls-auth]}}",
         "[mtls-auth]}}", &["error[wrong-type]: config.allow: expected a map"]),
        ("{route: r, name: principals, consumer: alice, config: {require: [mtls-auth]}}",
         "alice", &["error[must-be-null]: consumer: value must be null"]),
        ("{route: r, name: principals, config: {require: [mtls-auth], header: true}}",
         "header: true", &["error[unknown-field]: config.header: unknown field"]),
        ("{route: r, name: principals, config: {require: [mtls-auth, mtls-auth_1500], upstream_headers: true}}",
         "mtls-auth_1500", &["warning[principal-stands-back]: …"]),
    ];
    for (plugin, word, expected) in rows {
        let plan = Stack::reading(format!("{HEAD}- {plugin}\n"));
        let report = plan.without_lists().findings();
        let place = format!("kong.yaml:{LINE}:");
        let told: Vec<String> = report
            .iter()
            .map(ToString::to_string)
            .filter_map(|line| Some(line.split_once(&place)?.1.to_owned()))
            .collect();
        // "- " comes before it.
        let column = plugin.find(word).unwrap() + 3;
        let expected: Vec<String> = expected.iter().map(|text| format!("{column}: {text}")).collect();
        let as_expected = |(told, expected): (&String, &String)| match expected.strip_suffix('…') {
            Some(beginning) => told.starts_with(beginning),
            None => told == expected,
        };
        let same = told.len() == expected.len() && told.iter().zip(&expected).all(as_expected);
        assert!(same, "{plugin}:\n{told:#?}\nand not\n{expected:#?}");
    }
}

/// Names that differ for us, and for no header.
#[tokio::test]
async fn principals_that_one_header_would_tell_of_are_refused() {
    let two = "- {route: r, name: mtls-auth_1400, config: {ca_certificates: [c1a00000-0000-4000-8000-000000000001]}}\n";
    for (more, refused) in [
        (
            "{route: r, name: principals, config: {require: [mtls-auth_1400, mtls-auth_1500], upstream_headers: true}}",
            false,
        ),
        (
            "{route: r, name: principals, config: {require: [mtls-auth_1400, mtls-auth-1400], upstream_headers: true}}",
            true,
        ),
        (
            "{route: r, name: principals, config: {require: [mtls-auth_1400, mtls-auth.1400]}}",
            false,
        ),
        (
            "{route: r, name: principals, config: {require: [Mtls-Auth-1400, mtls-auth_1400], upstream_headers: true}}",
            true,
        ),
    ] {
        let report = Stack::reading(format!("{HEAD}{two}- {more}\n"))
            .without_lists()
            .findings();
        let told = report.iter().any(|finding| {
            finding.code == "ambiguous-header"
                && finding.message.contains("x-principal-mtls-auth-1400-consumer-id")
        });
        assert_eq!(told, refused, "{more}: {report}");
    }
}
