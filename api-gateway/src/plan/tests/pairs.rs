//! Callers with two credentials: a change that only a pair can see is told, by those who have such a pair and nobody else.

use rustls::pki_types::UnixTime;
use serde_json::{Value, json};

use super::changes::{acl, assert_told_of, document, key, mtls, principals};
use super::pki::Pki;
use super::sides;
use crate::plan::{Plan, Progress};

/// Two of one team, one of another, and one of none; some are known to somebody else.
fn teams() -> Value {
    let consumer = |name: &str, custom_id: Option<&str>, tags: &[&str]| {
        json!({
            "username": name, "custom_id": custom_id, "tags": tags, "acls": [{"group": "partners"}],
            "keyauth_credentials": [{"key": format!("the key of {name}, 1234567890")}],
        })
    };
    json!([
        consumer("alice", Some("c-1"), &["team-a"]),
        consumer("bob", None, &["team-a"]),
        consumer("carol", None, &["team-b"]),
        consumer("dave", Some("c-4"), &[]),
    ])
}

const BOTH: &str = "by a certificate in the handshake (by Clients; by Clients Below) with a key";

#[test]
fn what_only_a_pair_can_see_is_told_of_those_who_have_one() {
    let with = |same: &str| json!([mtls(&json!({})), key(), principals(same)]);
    let without = json!([mtls(&json!({})), key()]);
    assert_told_of(
        &teams(),
        &[
            (
                "nobody asks any more whose they are",
                with("consumer"),
                without.clone(),
                &[&format!(
                    "+ 4 consumers in group partners, e.g. alice, bob, carol, {BOTH}, of different consumers"
                )],
            ),
            (
                "one team is enough: dave is in none, and nobody else is in carol's",
                with("consumer"),
                with("tag:team-"),
                &[
                    &format!("+ alice, bob, {BOTH}, of different consumers that share a tag"),
                    &format!("- dave, {BOTH}, of one consumer"),
                ],
            ),
            (
                "whoever has no custom id has none in common",
                with("consumer"),
                with("custom_id"),
                &[&format!("- bob, carol, {BOTH}, of one consumer")],
            ),
            (
                "everybody may again",
                with("custom_id"),
                with("consumer"),
                &[&format!("+ bob, carol, {BOTH}, of one consumer")],
            ),
        ],
    );
}

#[test]
fn an_acl_that_sees_the_last_of_two_is_told_by_the_pairs() {
    let consumers = json!([
        {"username": "alice", "acls": [{"group": "partners"}],
         "keyauth_credentials": [{"key": "the key of alice, 1234567890"}]},
        {"username": "bob", "acls": [{"group": "staff"}],
         "keyauth_credentials": [{"key": "the key of bob, 1234567890"}]},
    ]);
    let twice = json!([
        mtls(&json!({})),
        {"name": "acl_1595", "config": {"allow": ["partners"]}},
        key(),
        acl(&["partners"]),
    ]);
    let once = json!([mtls(&json!({})), key(), acl(&["partners"])]);
    assert_told_of(
        &consumers,
        &[(
            "the certificate's owner is not looked at any more",
            twice,
            once,
            &["+ alice, by a certificate in the handshake (by Clients; by Clients Below) with a key"],
        )],
    );
}

#[test]
fn a_route_that_demands_more_than_is_tried_is_named() {
    let pki = Pki::new();
    let both = json!([key(), {"name": "basic-auth", "config": {}}]);
    let document = document(&pki, &teams(), &both);
    let sides = sides([&document, &document]).unwrap();
    let plan = Plan::between(&sides, UnixTime::now(), &mut Progress::quiet()).unwrap();
    let text = plan.to_string();
    assert!(text.contains("? route orders: a key and a password\n"), "{text}");
}
