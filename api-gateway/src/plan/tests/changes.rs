//! What is said of changes that everybody makes sooner or later.

use rustls::pki_types::UnixTime;
use serde_json::{Value, json};

use super::document::AUTHORITIES;
use super::pki::Pki;
use super::{CARRIER, sides, sides_that_trust};
use crate::plan::{Plan, Progress, Side};

/// One service with one route by https, these plugins, and these consumers.
pub(super) fn document(pki: &Pki, consumers: &Value, plugins: &Value) -> Value {
    let authorities = AUTHORITIES.iter().zip(pki.known());
    let authorities: Vec<Value> = authorities
        .map(|(id, pem)| json!({"id": id, "cert": pem}))
        .collect();
    json!({
        "_format_version": "3.0",
        "ca_certificates": authorities,
        "services": [{
            "name": "orders",
            "url": "http://127.0.0.1:1",
            "routes": [{"name": "orders", "paths": ["/orders"], "protocols": ["https"]}],
        }],
        "consumers": consumers,
        "plugins": plugins,
    })
}

/// A few, of whom two are in one team.
fn few() -> Value {
    json!([
        {"username": "alice", "acls": [{"group": "partners"}], "tags": ["team-a"],
         "keyauth_credentials": [{"key": "the key of alice, 1234567890"}]},
        {"username": "bob", "acls": [{"group": "staff"}], "tags": ["team-a"],
         "keyauth_credentials": [{"key": "the key of bob, 1234567890"}]},
        {"username": "guest"},
    ])
}

fn certificates(name: &str, more: &Value) -> Value {
    let mut config = json!({"ca_certificates": [AUTHORITIES[0]]});
    if name == "header-cert-auth" {
        config["certificate_header_name"] = json!("x-client-cert");
        config["certificate_header_format"] = json!("url_encoded");
    }
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    json!({"name": name, "config": config})
}

pub(super) fn openid_connect(more: &Value) -> Value {
    let mut config = json!({"issuer": "https://provider.test", "consumer_claim": ["azp"], "audience_required": ["orders"]});
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    json!({"name": "openid-connect", "config": config})
}

/// The lines that say who gains (`+`), loses (`-`) or is told of otherwise (`~`) what by what.
fn lines(pki: &Pki, consumers: &Value, [old, new]: [&Value; 2]) -> Vec<String> {
    let documents = [old, new].map(|plugins| document(pki, consumers, plugins));
    lines_between(&sides(documents.each_ref()).unwrap())
}

fn lines_between(sides: &[Side; 2]) -> Vec<String> {
    let plan = Plan::between(sides, UnixTime::now(), &mut Progress::quiet())
        .unwrap()
        .to_string();
    let mut lines: Vec<String> = plan
        .lines()
        .filter(|line| line.starts_with(['+', '-', '~']))
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

/// A change, by a name; the plugins before and after it; what is said of it.
pub(super) type Row<'r> = (&'r str, Value, Value, &'r [&'r str]);

pub(super) fn mtls(more: &Value) -> Value {
    certificates("mtls-auth", more)
}

pub(super) fn header(more: &Value) -> Value {
    certificates("header-cert-auth", more)
}

pub(super) fn acl(groups: &[&str]) -> Value {
    json!({"name": "acl", "config": {"allow": groups}})
}

pub(super) fn key() -> Value {
    json!({"name": "key-auth", "config": {}})
}

pub(super) fn principals(same: &str) -> Value {
    json!({"name": "principals", "config": {"require": ["mtls-auth", "key-auth"], "same": same}})
}

fn assert_told(rows: &[Row<'_>]) {
    assert_told_of(&few(), rows);
}

pub(super) fn assert_told_of(consumers: &Value, rows: &[Row<'_>]) {
    let pki = Pki::new();
    let mut wrong = Vec::new();
    for (what, old, new, expected) in rows {
        let lines = lines(&pki, consumers, [old, new]);
        if lines != *expected {
            wrong.push(format!("{what}: {lines:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn changed_trust_is_told_by_whom_it_concerns() {
    assert_told(&[
        (
            "nothing",
            json!([mtls(&json!({}))]),
            json!([mtls(&json!({}))]),
            &[],
        ),
        (
            "a group",
            json!([mtls(&json!({})), acl(&["partners"])]),
            json!([mtls(&json!({})), acl(&["partners", "staff"])]),
            &["+ bob, by a certificate in the handshake (by Clients; by Clients Below)"],
        ),
        (
            "an authority",
            json!([mtls(&json!({}))]),
            json!([mtls(&json!({"ca_certificates": [AUTHORITIES[2]]}))]),
            &[
                "+ alice, bob, guest, by a certificate in the handshake (by Partners)",
                "- alice, bob, guest, by a certificate in the handshake (by Clients; by Clients Below)",
            ],
        ),
        (
            "revocation that is not asked any more",
            json!([mtls(&json!({}))]),
            json!([mtls(&json!({"revocation_check_mode": "SKIP"}))]),
            &[
                "+ alice, bob, guest, by a certificate in the handshake (revoked, by Clients; revoked, by Clients Below)",
            ],
        ),
        (
            // Nobody answers for the authority below either.
            "revocation that must be known",
            json!([mtls(&json!({}))]),
            json!([mtls(&json!({"revocation_check_mode": "STRICT"}))]),
            &[
                "- alice, bob, guest, by a certificate in the handshake (of unknown revocation, by Clients; by Clients Below)",
            ],
        ),
        (
            "who has none is somebody",
            json!([mtls(&json!({}))]),
            json!([mtls(&json!({"anonymous": "guest"}))]),
            &["+ anybody as the anonymous consumer guest, without a credential"],
        ),
        (
            "whoever is not known is somebody",
            json!([mtls(&json!({}))]),
            json!([mtls(&json!({"default_consumer": "guest"}))]),
            &["+ guest, by a certificate in the handshake (by Clients; by Clients Below)"],
        ),
    ]);
}

#[test]
fn another_way_for_certificates_is_told_by_whom_it_concerns() {
    assert_told(&[
        (
            "the certificate is enough",
            json!([mtls(&json!({})), acl(&["partners"])]),
            json!([mtls(&json!({"skip_consumer_lookup": true})), acl(&["partners"])]),
            &[
                "+ whoever holds a certificate of partners, by a certificate in the handshake (by Clients; by Clients Below)",
                "- alice, by a certificate in the handshake (by Clients; by Clients Below)",
            ],
        ),
        (
            "anybody may write the header",
            json!([header(&json!({}))]),
            json!([header(&json!({"secure_source": false}))]),
            &[
                "+ alice, bob, guest, by a certificate in a header that anybody can write (by Clients; by Clients Below)",
            ],
        ),
        (
            "another header",
            json!([header(&json!({}))]),
            json!([header(&json!({"certificate_header_name": "client-cert"}))]),
            &[
                "+ alice, bob, guest, by a certificate in a header (by Clients; by Clients Below)",
                "- alice, bob, guest, by a certificate in a header (by Clients; by Clients Below)",
            ],
        ),
    ]);
}

#[test]
fn changed_keys_and_tokens_are_told_by_whom_they_concern() {
    assert_told(&[
        (
            "a key is needed",
            json!([]),
            json!([key()]),
            &["- anybody, without a credential", "~ alice, bob, by a key"],
        ),
        (
            "two of one team are enough",
            json!([mtls(&json!({})), key(), principals("consumer")]),
            json!([mtls(&json!({})), key(), principals("tag:team-")]),
            &[
                "+ alice, bob, by a certificate in the handshake (by Clients; by Clients Below) with a key, of different consumers that share a tag",
            ],
        ),
        (
            "a scope is not needed any more",
            json!([openid_connect(&json!({"scopes_required": ["orders:read"]}))]),
            json!([openid_connect(&json!({}))]),
            &["+ alice, bob, guest, by an incomplete access token"],
        ),
        (
            "another claim says who it is",
            json!([openid_connect(&json!({}))]),
            json!([openid_connect(&json!({"consumer_claim": ["sub"]}))]),
            &[
                "+ alice, bob, guest, by an access token",
                "- alice, bob, guest, by an access token",
            ],
        ),
        (
            "another provider",
            json!([openid_connect(&json!({}))]),
            json!([openid_connect(&json!({"issuer": "https://other.test"}))]),
            &[
                "+ alice, bob, guest, by an access token",
                "- alice, bob, guest, by an access token",
            ],
        ),
    ]);
}

/// Who may carry certificates for others is the node's to say.
#[test]
fn more_addresses_that_are_believed_are_told_by_what_they_may_carry() {
    let pki = Pki::new();
    let more = format!("{CARRIER},198.18.0.0/15");
    let lines_of = |plugins: Value, trusted: [&str; 2]| {
        let document = document(&pki, &few(), &plugins);
        lines_between(&sides_that_trust([&document, &document], trusted).unwrap())
    };
    let certificates = "alice, bob, guest, by a certificate in a header (by Clients; by Clients Below)";
    assert_eq!(
        lines_of(json!([header(&json!({}))]), [CARRIER, &more]),
        [format!("+ {certificates}")]
    );
    assert_eq!(
        lines_of(json!([header(&json!({}))]), [&more, CARRIER]),
        [format!("- {certificates}")]
    );
    // Whoever is believed says where a client is.
    let nearby = json!([{"name": "ip-restriction", "config": {"allow": ["10.0.0.0/8"]}}]);
    assert_eq!(
        lines_of(nearby, [CARRIER, &more]),
        ["+ anybody, without a credential"]
    );
}
