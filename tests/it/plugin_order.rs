//! The order of plugins: priority, then `ordering`. What runs first decides what a stranger is told.

use harness::stack::Stack;

#[tokio::test]
async fn ordering_moves_plugins() {
    let stack = Stack::with("plugin_order.yaml").without_edge().start().await;
    for (path, who, status, plugin) in [
        // mtls-auth 1600, ip-restriction 990, acl 950
        ("/as-ever", None, 401, "mtls-auth"),
        ("/as-ever", Some("bob"), 403, "ip-restriction"),
        ("/as-ever", Some("alice"), 403, "ip-restriction"),
        ("/address-first", None, 403, "ip-restriction"),
        ("/address-first", Some("alice"), 403, "ip-restriction"),
        // Before anybody is authenticated, acl refuses everybody.
        ("/acl-first", None, 401, "acl"),
        ("/acl-first", Some("alice"), 401, "acl"),
        ("/address-last", None, 401, "mtls-auth"),
        ("/address-last", Some("bob"), 403, "acl"),
        ("/address-last", Some("alice"), 403, "ip-restriction"),
        ("/name-is-nobodys", None, 401, "mtls-auth"),
        ("/name-is-nobodys", Some("bob"), 403, "acl"),
    ] {
        let client = match who {
            Some(name) => stack.gateway().cert(name),
            None => stack.gateway(),
        };
        let answer = client.get(path).await;
        assert_eq!(answer.status, status, "{path} {who:?}: {}", answer.text());
        let line = stack.line_of(&answer).await;
        assert_eq!(line["decision"]["plugin"], plugin, "{path} {who:?}");
    }
    let alice = stack.gateway().cert("alice").get("/name-is-nobodys").await;
    assert_eq!(alice.status, 200);
}

#[test]
fn a_circle_is_refused_with_its_names_and_its_line() {
    let refusal = Stack::with("plugin_order.yaml")
        .replace(
            "{ after: { access: [acl] } }",
            "{ after: { access: [acl] }, before: { access: [mtls-auth, acl] } }",
        )
        .refusal()
        .expect("a circle")
        .to_string();
    let told: Vec<&str> = refusal
        .lines()
        .filter(|line| line.contains("error[ordering]"))
        .collect();
    assert_eq!(told.len(), 1, "{refusal}");
    assert!(
        told[0].contains("kong.yaml:")
            && told[0].contains("circular dependency")
            && told[0].contains("(each runs after the next: ip-restriction, acl)"),
        "{refusal}"
    );
}
