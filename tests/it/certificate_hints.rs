//! The names of authorities in a certificate request: those of every plugin that could judge what the handshake opens,
//! or none where any certificate may be meant.

use std::collections::BTreeSet;

use harness::client::Client;

use crate::asked_for_a_certificate::{INTERMEDIATE, INTERNAL, NAMES, ROOT, mtls, reading};

/// The authorities that a handshake names, by their files in the PKI; `None` where it asks for no certificate.
async fn hints(client: &Client) -> Option<BTreeSet<&'static str>> {
    let name_of = |subject: &String| match subject.as_str() {
        "CN=Sallyport Clients Root,O=Sallyport" => "clients-root",
        "CN=Sallyport Clients Intermediate,O=Sallyport" => "clients-intermediate",
        "CN=Sallyport Internal Root,O=Sallyport" => "internal",
        other => panic!("{other} is nobody's authority"),
    };
    let subjects = client.asked_for().await.unwrap()?;
    let names: BTreeSet<_> = subjects.iter().map(name_of).collect();
    assert_eq!(names.len(), subjects.len(), "each is named once");
    Some(names)
}

fn set(names: &[&'static str]) -> BTreeSet<&'static str> {
    names.iter().copied().collect()
}

/// Routes, global plugins, and the hints under `exact.test`, under `a.wild.test` and without a name: `None` where no
/// certificate is asked for, an empty list where any will do.
type Hinted = (
    &'static str,
    Vec<String>,
    String,
    [Option<&'static [&'static str]>; 3],
);

#[rustfmt::skip]
fn hinted() -> Vec<Hinted> {
    const CLIENTS: &[&str] = &["clients-root", "clients-intermediate"];
    const ALL: &[&str] = &["clients-root", "clients-intermediate", "internal"];
    let (clients, internal) = ([ROOT, INTERMEDIATE], [INTERNAL]);
    let send = ", send_ca_dn: true";
    let on = |snis: &str, plugin: &str| format!("paths: [/a], snis: [{snis}], plugins: [{plugin}]");
    let bare = |plugin: &str| format!("paths: [/b], plugins: [{plugin}]");
    let any: Option<&'static [&'static str]> = Some(&[]);
    vec![
        ("not sent", vec![], mtls(&clients, ""), [any, any, any]),
        ("sent", vec![], mtls(&clients, send), [Some(CLIENTS), Some(CLIENTS), Some(CLIENTS)]),
        ("sent under a name", vec![on("exact.test", &mtls(&clients, send))], String::new(), [Some(CLIENTS), None, None]),
        (
            "two of one name are merged",
            vec![on("exact.test", &mtls(&clients, send)), on("exact.test, '*.wild.test'", &mtls(&internal, send))],
            String::new(),
            [Some(ALL), Some(&["internal"]), None],
        ),
        (
            "a name's are merged with those for every name",
            vec![on("exact.test", &mtls(&internal, send))],
            mtls(&clients, send),
            [Some(ALL), Some(CLIENTS), Some(CLIENTS)],
        ),
        (
            "a name's are merged with those of its wildcards",
            vec![
                on("exact.test, a.wild.test", &mtls(&[ROOT], send)),
                on("'*.test'", &mtls(&[INTERMEDIATE], send)),
                on("'*.wild.test'", &mtls(&internal, send)),
            ],
            String::new(),
            [Some(CLIENTS), Some(ALL), None],
        ),
        (
            "also with a wildcard at the other end",
            vec![on("'*.test'", &mtls(&clients, send)), on("'exact.*'", &mtls(&internal, send)), bare(&mtls(&[ROOT], send))],
            String::new(),
            [Some(ALL), Some(ALL), Some(&["clients-root"])],
        ),
        (
            "who takes any certificate takes the hints away, for every name",
            vec![on("exact.test", &mtls(&clients, send)), bare(&mtls(&internal, ""))],
            String::new(),
            [any, any, any],
        ),
        (
            "and for one",
            vec![on("exact.test", &mtls(&clients, "")), bare(&mtls(&internal, send))],
            String::new(),
            [any, Some(&["internal"]), Some(&["internal"])],
        ),
        (
            "of two for every name too",
            vec![bare(&mtls(&clients, send)), bare(&mtls(&internal, ""))],
            String::new(),
            [any, any, any],
        ),
    ]
}

#[tokio::test]
async fn the_request_names_the_authorities_of_all_plugins_of_the_name() {
    for (what, routes, global, expected) in hinted() {
        let plan = reading("", &routes, &global).without_trusted_edges();
        let stack = plan.start().await;
        for (name, expected) in ["exact.test", "a.wild.test", "127.0.0.1"]
            .into_iter()
            .zip(expected)
        {
            let expected = expected.map(set);
            let client = stack.gateway().asking_for(name);
            for client in [client.clone().over_tls12(), client.over_tls13()] {
                assert_eq!(hints(&client).await, expected, "{what}, under {name}");
            }
        }
    }
}

/// An edge must find its own authority among the names; where there are none, any certificate will do as it is.
#[tokio::test]
async fn the_edges_authority_joins_the_names_if_there_are_any() {
    let named = format!(
        "paths: [/a], snis: [exact.test], plugins: [{}]",
        mtls(&[ROOT, INTERMEDIATE], ", send_ca_dn: true")
    );
    let stack = reading("", &[named], "").without_edge().start().await;
    let all = set(&["clients-root", "clients-intermediate", "internal"]);
    for (name, expected) in [
        ("exact.test", Some(all.clone())),
        ("other.test", Some(BTreeSet::new())),
        ("127.0.0.1", Some(BTreeSet::new())),
    ] {
        assert_eq!(hints(&stack.gateway().asking_for(name)).await, expected, "{name}");
    }
    let global = mtls(&[ROOT, INTERMEDIATE], ", send_ca_dn: true");
    let stack = reading("", &["paths: [/a]".to_owned()], &global)
        .without_edge()
        .start()
        .await;
    let all = set(&["clients-root", "clients-intermediate", "internal"]);
    for name in NAMES {
        assert_eq!(
            hints(&stack.gateway().asking_for(name)).await,
            Some(all.clone()),
            "{name}"
        );
    }
}
