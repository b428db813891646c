//! Situation by situation: who is on record, what they have in common, who may pass.

mod exhaustive;

use std::net::SocketAddr;

use http::{HeaderMap, Request};
use rustls::pki_types::UnixTime;
use uuid::Uuid;

use super::*;
use crate::consumer::{ConsumerKey, Name};
use crate::exchange::{Arrival, AuthenticatedGroups, BearerIdentity, Credential, Matched, Proof};
use crate::form::Form;
use crate::identity::{CarriedCertificates, Carrier, Connection, HeaderSources};
use crate::plugin::acl::joined;

const SOCKET: &str = "mtls-auth";
const TOKEN: &str = "openid-connect";
const KEY: &str = "key-auth_1200";
const BOTH: &[&str] = &[SOCKET, TOKEN];
const THREE: &[&str] = &[SOCKET, TOKEN, KEY];

/// Username, custom id, groups, consumer groups, tags.
type Row = (
    &'static str,
    Option<&'static str>,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const CONSUMERS: [Row; 5] = [
    ("acme", Some("4711"), "partners", "", &["org:acme", "env:live"]),
    (
        "acme-app",
        None,
        "apps",
        "gold",
        &["org:acme", "env:live", "org:all"],
    ),
    ("beta", Some("4712"), "", "", &["org:beta", "org:all", "env:live"]),
    ("Acme", Some("4711a"), "partners", "", &["ORG:acme"]),
    ("nobodys", None, "partners", "", &[]),
];

fn words(text: &str) -> Box<[Box<str>]> {
    text.split_whitespace().map(Into::into).collect()
}

fn consumers() -> (Consumers, Vec<ConsumerKey>) {
    let mut all = Consumers::default();
    let keys = CONSUMERS.map(|(username, custom_id, groups, consumer_groups, _)| {
        let id = Uuid::new_v5(&Uuid::nil(), username.as_bytes());
        all.add(Consumer {
            id,
            id_header: HeaderValue::try_from(id.to_string()).unwrap(),
            username: Name::new(username),
            custom_id: custom_id.and_then(Name::new),
            groups: words(groups).into(),
            groups_header: joined(groups.split_whitespace()).unwrap(),
            consumer_groups: words(consumer_groups).into(),
        })
    });
    (all, keys.to_vec())
}

fn tags(prefix: &str, keys: &[ConsumerKey]) -> Bond {
    let bearers = keys
        .iter()
        .copied()
        .zip(CONSUMERS.iter().map(|row| row.4.iter().copied()));
    Bond::Tag(Arc::new(Tags::with_prefix(prefix, bearers)))
}

/// `name`, and after a colon the groups of which one is needed.
fn principals(required: &[&str], bond: Option<Bond>) -> Principals {
    let required = required.iter().map(|text| {
        let (plugin, groups) = text
            .split_once(':')
            .map_or((*text, None), |(name, groups)| (name, Some(groups)));
        Required {
            plugin: plugin.into(),
            allow: groups.map(|groups| words(groups).into_iter().collect()),
            headers: Some(HeaderNames::of(plugin).unwrap()),
        }
    });
    Principals {
        required: required.collect(),
        bond,
        precedence: Precedence::ConsumersGroups,
        consumer_groups: ConsumerGroups::Ignored,
    }
}

/// Whom a plugin has found, and which groups the credential named.
type Found = (&'static str, Option<&'static str>, Option<&'static str>);

fn judge(plugin: &Principals, found: &[Found]) -> Result<HeaderMap, &'static str> {
    let (consumers, keys) = consumers();
    let (peer, local): (SocketAddr, SocketAddr) =
        ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
    let (connection, sources) = (Connection::plain(peer, local), HeaderSources::default());
    let arrival = Arrival {
        connection: &connection,
        carrier: &Carrier::Nobody,
        sources: &sources,
        client_ip: Some(peer.ip()),
        now: UnixTime::now(),
    };
    let head = Request::new(()).into_parts().0;
    let entry = (head, Form::Absent, CarriedCertificates::default());
    let mut exchange = Exchange::new(arrival, Matched::default(), &consumers, entry);
    for (plugin, consumer, groups) in found {
        let position = CONSUMERS.iter().position(|row| Some(row.0) == *consumer);
        exchange.caller.principals.push(Principal {
            plugin: (*plugin).into(),
            consumer: position.map(|position| keys[position]),
            credential: Some(Credential {
                identifier: consumer.map(|name| HeaderValue::from_str(name).unwrap()),
            }),
            groups: groups.map(|groups| {
                Arc::new(AuthenticatedGroups {
                    names: words(groups),
                    header: joined(groups.split_whitespace()),
                })
            }),
            proof: Proof::Bearer(Arc::new(BearerIdentity {
                subject: format!("of {plugin}").into(),
                valid_until: None,
                mark: None,
                token: None,
            })),
        });
    }
    // Kong's last word is somebody else's: it must not matter.
    exchange.caller.consumer = keys.last().copied();
    plugin.access(&mut exchange).map_err(|rejection| {
        assert_eq!(rejection.status(), 403);
        assert_eq!(rejection.to_string(), "You cannot consume this service");
        assert!(rejection.cause().is_some());
        rejection.reason()
    })?;
    exchange.caller.consumer = None;
    exchange.write_headers();
    Ok(exchange.head.headers)
}

#[test]
#[rustfmt::skip]
fn every_required_principal_must_be_on_record_and_belong_to_the_others() {
    let (_, keys) = consumers();
    let same = |word: &str| match word {
        "consumer" => Some(Bond::Consumer),
        "custom_id" => Some(Bond::CustomId),
        "" => None,
        tag => Some(tags(tag.strip_prefix("tag:").unwrap(), &keys)),
    };
    let (missing, differ) = (Some("principal_missing"), Some("principals_differ"));
    for (required, bond, found, refused) in [
        (BOTH, "", &[][..], missing),
        (BOTH, "", &[(SOCKET, Some("acme"), None)], missing),
        (BOTH, "", &[(TOKEN, Some("acme"), None)], missing),
        (BOTH, "", &[(TOKEN, Some("acme"), None), (KEY, Some("acme"), None)], missing),
        (BOTH, "", &[(SOCKET, Some("acme"), None), (TOKEN, Some("beta"), None)], None),
        (BOTH, "", &[(SOCKET, None, None), (TOKEN, None, None)], None),
        // The order on record is not that of `require`.
        (BOTH, "consumer", &[(TOKEN, Some("acme"), None), (SOCKET, Some("acme"), None)], None),
        (BOTH, "consumer", &[(SOCKET, Some("acme"), None), (TOKEN, Some("acme-app"), None)], differ),
        (BOTH, "consumer", &[(SOCKET, Some("acme"), None), (TOKEN, Some("Acme"), None)], differ),
        (BOTH, "consumer", &[(SOCKET, None, Some("a")), (TOKEN, None, Some("a"))], differ),
        (BOTH, "consumer", &[(SOCKET, Some("acme"), None), (TOKEN, None, None)], differ),
        // A third one who is not asked for does not matter, and one who is does.
        (BOTH, "consumer", &[(SOCKET, Some("acme"), None), (TOKEN, Some("acme"), None), (KEY, Some("beta"), None)], None),
        (THREE, "consumer", &[(SOCKET, Some("acme"), None), (TOKEN, Some("acme"), None), (KEY, Some("beta"), None)], differ),
        (BOTH, "custom_id", &[(SOCKET, Some("acme"), None), (TOKEN, Some("acme"), None)], None),
        (BOTH, "custom_id", &[(SOCKET, Some("acme-app"), None), (TOKEN, Some("acme-app"), None)], differ),
        (BOTH, "custom_id", &[(SOCKET, Some("acme"), None), (TOKEN, Some("Acme"), None)], differ),
        (BOTH, "custom_id", &[(SOCKET, None, None), (TOKEN, None, None)], differ),
        (BOTH, "tag:org:", &[(SOCKET, Some("acme"), None), (TOKEN, Some("acme-app"), None)], None),
        (BOTH, "tag:org:", &[(SOCKET, Some("acme"), None), (TOKEN, Some("beta"), None)], differ),
        (BOTH, "tag:org:", &[(SOCKET, Some("acme-app"), None), (TOKEN, Some("beta"), None)], None),
        // Case counts, and so does every octet.
        (BOTH, "tag:org:", &[(SOCKET, Some("acme"), None), (TOKEN, Some("Acme"), None)], differ),
        (BOTH, "tag:org:a", &[(SOCKET, Some("acme-app"), None), (TOKEN, Some("beta"), None)], None),
        (BOTH, "tag:org:ac", &[(SOCKET, Some("acme-app"), None), (TOKEN, Some("beta"), None)], differ),
        // Nobody has a tag in common with himself that he does not have.
        (BOTH, "tag:org:", &[(SOCKET, Some("nobodys"), None), (TOKEN, Some("nobodys"), None)], differ),
        (BOTH, "tag:org:", &[(SOCKET, None, None), (TOKEN, None, None)], differ),
        // Two and two have one in common, and all three have none.
        (THREE, "tag:org:", &[(SOCKET, Some("acme-app"), None), (TOKEN, Some("acme"), None), (KEY, Some("beta"), None)], differ),
        (THREE, "tag:env:", &[(SOCKET, Some("acme-app"), None), (TOKEN, Some("acme"), None), (KEY, Some("beta"), None)], None),
    ] {
        let judged = judge(&principals(required, same(bond)), found);
        assert_eq!(judged.err(), refused, "{required:?} {bond} {found:?}");
    }
}

#[test]
fn each_is_judged_by_its_own_groups() {
    let denied = Some("acl_denied");
    for (required, found, refused) in [
        (
            &["mtls-auth:partners", "openid-connect:read"][..],
            [(SOCKET, Some("acme"), None), (TOKEN, None, Some("read"))],
            None,
        ),
        (
            &["mtls-auth:partners", "openid-connect:read"],
            [(SOCKET, Some("acme"), None), (TOKEN, None, Some("write"))],
            denied,
        ),
        (
            &["mtls-auth:partners", "openid-connect:read"],
            [(SOCKET, Some("beta"), None), (TOKEN, None, Some("read"))],
            denied,
        ),
        // The other's groups are nobody else's.
        (
            &["mtls-auth:read", "openid-connect:partners"],
            [(SOCKET, Some("acme"), None), (TOKEN, None, Some("read"))],
            denied,
        ),
        (
            &["mtls-auth:partners"],
            [(SOCKET, None, None), (TOKEN, Some("acme"), None)],
            denied,
        ),
        // A consumer's own come first, also where there are none.
        (
            &["openid-connect:read"],
            [(SOCKET, None, None), (TOKEN, Some("beta"), Some("read"))],
            denied,
        ),
        (
            &["openid-connect:read partners"],
            [(SOCKET, None, None), (TOKEN, Some("acme"), Some("x"))],
            None,
        ),
        (
            &["openid-connect:gold"],
            [(SOCKET, None, None), (TOKEN, Some("acme-app"), None)],
            denied,
        ),
        (
            &["openid-connect:Partners"],
            [(SOCKET, None, None), (TOKEN, Some("acme"), None)],
            denied,
        ),
        (
            &["openid-connect"],
            [(SOCKET, None, None), (TOKEN, None, None)],
            None,
        ),
    ] {
        assert_eq!(
            judge(&principals(required, None), &found).err(),
            refused,
            "{required:?} {found:?}"
        );
    }
    let found = [(TOKEN, Some("beta"), Some("read"))];
    let mut plugin = principals(&["openid-connect:read"], None);
    plugin.precedence = Precedence::AuthenticatedGroups;
    assert_eq!(judge(&plugin, &found).err(), None);
    let mut plugin = principals(&["openid-connect:gold"], None);
    plugin.consumer_groups = ConsumerGroups::Counted;
    assert_eq!(judge(&plugin, &[(TOKEN, Some("acme-app"), None)]).err(), None);
}

#[test]
fn the_upstream_is_told_of_each() {
    let plugin = principals(&[SOCKET, KEY], None);
    let headers = judge(
        &plugin,
        &[(SOCKET, Some("acme"), None), (KEY, None, Some("read write"))],
    )
    .unwrap();
    let told: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .filter(|(name, _)| !name.ends_with("-consumer-id"))
        .collect();
    let expected = [
        ("x-principal-mtls-auth-username", "acme"),
        ("x-principal-mtls-auth-custom-id", "4711"),
        ("x-principal-mtls-auth-credential-identifier", "acme"),
        ("x-principal-mtls-auth-subject", "of mtls-auth"),
        ("x-principal-mtls-auth-groups", "partners"),
        ("x-principal-mtls-auth-evidence", "token"),
        ("x-principal-key-auth-1200-subject", "of key-auth_1200"),
        ("x-principal-key-auth-1200-groups", "read, write"),
        ("x-principal-key-auth-1200-evidence", "token"),
    ];
    assert_eq!(told, expected);
    let id = Uuid::new_v5(&Uuid::nil(), b"acme").to_string();
    assert_eq!(headers["x-principal-mtls-auth-consumer-id"], id.as_str());
}

#[test]
fn names_that_no_upstream_could_tell_apart_are_seen() {
    let names = |plugin: &str| HeaderNames::of(plugin).unwrap();
    for (one, other, clash) in [
        ("key-auth_1", "key-auth-1", true),
        ("key-auth.1", "Key-Auth~1", true),
        ("key-auth", "key-auth_1", false),
        ("a", "a_consumer", false),
    ] {
        assert_eq!(
            names(one).shared_with(&names(other)).is_some(),
            clash,
            "{one} {other}"
        );
    }
    for unusable in ["", "schlüssel", "a b", "a\nb"] {
        assert_eq!(HeaderNames::of(unusable), Err(UnusableName), "{unusable:?}");
    }
}
