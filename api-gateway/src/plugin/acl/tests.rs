//! Kong's algorithm, situation by situation.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use rustls::pki_types::UnixTime;
use uuid::Uuid;

use super::*;
use crate::consumer::Consumers;
use crate::exchange::{Arrival, AuthenticatedGroups, Credential, Matched};
use crate::form::Form;
use crate::identity::{CarriedCertificates, Carrier, Connection, HeaderSources};

fn boxed(names: &[&str]) -> Box<[Box<str>]> {
    names.iter().map(|name| (*name).into()).collect()
}

fn set(names: &[&str]) -> HashSet<Box<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

fn acl(rule: Rule) -> Acl {
    Acl {
        rule,
        groups_header: GroupsHeader::Sent,
        precedence: Precedence::ConsumersGroups,
        consumer_groups: ConsumerGroups::Ignored,
    }
}

/// Who calls: the consumer's groups and consumer groups, whether there is a credential, authenticated groups.
#[derive(Clone, Copy, Debug, Default)]
struct Who {
    consumer: Option<(&'static [&'static str], &'static [&'static str])>,
    credential: bool,
    authenticated: Option<&'static [&'static str]>,
}

/// The answer, and the group headers that go upstream.
fn judge(acl: &Acl, who: Who) -> Result<Vec<(String, String)>, u16> {
    let mut consumers = Consumers::default();
    let key = who.consumer.map(|(groups, consumer_groups)| {
        consumers.add(Consumer {
            id: Uuid::nil(),
            id_header: HeaderValue::from_static("0"),
            username: None,
            custom_id: None,
            groups_header: joined(groups.iter().copied()).unwrap(),
            groups: boxed(groups).into(),
            consumer_groups: boxed(consumer_groups).into(),
        })
    });
    let (peer, local): (SocketAddr, SocketAddr) =
        ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
    let (connection, sources) = (Connection::plain(peer, local), HeaderSources::default());
    let head = Request::new(()).into_parts().0;
    let arrival = Arrival {
        connection: &connection,
        carrier: &Carrier::Nobody,
        sources: &sources,
        client_ip: Some(peer.ip()),
        now: UnixTime::now(),
    };
    let mut exchange = Exchange::new(
        arrival,
        Matched::default(),
        &consumers,
        (head, Form::Absent, CarriedCertificates::default()),
    );
    exchange.caller.consumer = key;
    exchange.caller.credential = who.credential.then(Credential::default);
    exchange.caller.authenticated_groups = who.authenticated.map(|groups| {
        Arc::new(AuthenticatedGroups {
            names: boxed(groups),
            header: joined(groups.iter().copied()),
        })
    });
    acl.access(&mut exchange)
        .map_err(|rejection| rejection.status().as_u16())?;
    exchange.write_headers();
    let headers = &exchange.head.headers;
    let sent = [CONSUMER_GROUPS, AUTHENTICATED_GROUPS]
        .into_iter()
        .filter_map(|name| {
            let value = headers.get(&name)?.to_str().ok()?.to_owned();
            Some((name.to_string(), value))
        });
    Ok(sent.collect())
}

#[allow(clippy::unnecessary_wraps)] // stands in a table of results
fn consumer(value: &str) -> Result<Vec<(String, String)>, u16> {
    Ok(vec![("x-consumer-groups".into(), value.into())])
}

#[allow(clippy::unnecessary_wraps)] // stands in a table of results
fn authenticated(value: &str) -> Result<Vec<(String, String)>, u16> {
    Ok(vec![("x-authenticated-groups".into(), value.into())])
}

/// Kong's algorithm (kong.md §7.2, §7.3), one row a situation.
#[test]
#[allow(clippy::too_many_lines)] // one table
fn every_situation_has_kongs_answer() {
    let allow = || acl(Rule::Allow(set(&["a"])));
    let deny = || acl(Rule::Deny(set(&["a"])));
    let who = Who::default();
    let known = |groups| Who {
        consumer: Some((groups, &[])),
        credential: true,
        ..who
    };
    let anonymous = |groups| Who {
        consumer: Some((groups, &[])),
        ..who
    };
    for (what, acl, who, expected) in [
        ("allow, nobody", allow(), who, Err(401)),
        ("deny, nobody", deny(), who, Err(401)),
        (
            "allow, a credential without consumer",
            allow(),
            Who {
                credential: true,
                ..who
            },
            Err(403),
        ),
        (
            "allow, in the group",
            allow(),
            known(&["b", "a"]),
            consumer("b, a"),
        ),
        ("allow, in another", allow(), known(&["b"]), Err(403)),
        ("allow, in another case", allow(), known(&["A"]), Err(403)),
        ("allow, in none", allow(), known(&[]), Err(403)),
        ("deny, in the group", deny(), known(&["a"]), Err(403)),
        ("deny, in another", deny(), known(&["b"]), consumer("b")),
        ("deny, in none", deny(), known(&[]), consumer("")),
        (
            "allow, anonymous in the group",
            allow(),
            anonymous(&["a"]),
            consumer("a"),
        ),
        (
            "allow, anonymous in another",
            allow(),
            anonymous(&["b"]),
            Err(403),
        ),
        ("allow, anonymous in none", allow(), anonymous(&[]), Err(401)),
        ("deny, anonymous in none", deny(), anonymous(&[]), consumer("")),
        (
            "allow, authenticated groups",
            allow(),
            Who {
                authenticated: Some(&["a"]),
                ..who
            },
            authenticated("a"),
        ),
        (
            "allow, other authenticated groups",
            allow(),
            Who {
                authenticated: Some(&["b"]),
                ..who
            },
            Err(403),
        ),
        (
            "allow, an empty list of them",
            allow(),
            Who {
                authenticated: Some(&[]),
                ..who
            },
            Err(403),
        ),
        (
            "deny, an empty list of them",
            deny(),
            Who {
                authenticated: Some(&[]),
                ..who
            },
            authenticated(""),
        ),
        (
            "the consumer's groups win",
            allow(),
            Who {
                authenticated: Some(&["a"]),
                ..known(&["b"])
            },
            Err(403),
        ),
        (
            "unless told otherwise",
            Acl {
                precedence: Precedence::AuthenticatedGroups,
                ..allow()
            },
            Who {
                authenticated: Some(&["a"]),
                ..known(&["b"])
            },
            authenticated("a"),
        ),
        (
            "told otherwise, but there are none",
            Acl {
                precedence: Precedence::AuthenticatedGroups,
                ..allow()
            },
            known(&["a"]),
            consumer("a"),
        ),
        (
            "an anonymous consumer's yield",
            allow(),
            Who {
                authenticated: Some(&["a"]),
                ..anonymous(&["b"])
            },
            authenticated("a"),
        ),
        (
            "consumer groups do not count",
            allow(),
            Who {
                consumer: Some((&["b"], &["a"])),
                credential: true,
                ..who
            },
            Err(403),
        ),
        (
            "unless they are included",
            Acl {
                consumer_groups: ConsumerGroups::Counted,
                ..allow()
            },
            Who {
                consumer: Some((&["b"], &["a"])),
                credential: true,
                ..who
            },
            consumer("b, a"),
        ),
        (
            "hidden",
            Acl {
                groups_header: GroupsHeader::Hidden,
                ..allow()
            },
            known(&["a"]),
            Ok(vec![]),
        ),
    ] {
        assert_eq!(judge(&acl, who), expected, "{what}");
    }
}
