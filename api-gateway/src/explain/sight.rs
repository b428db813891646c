//! What a plugin looks at, what it changed, and which field of its configuration made it so.

use http::HeaderName;
use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION};
use transport::forwarded_cert::decode;

use super::describe;
use crate::consumer::ConsumerKey;
use crate::document::plugin::acl::AclRule;
use crate::document::plugin::certificate_auth::CertificateAuth as CertificateConfig;
use crate::document::plugin::named_consumer::NamedConsumer;
use crate::document::plugin::principals::PrincipalsConfig;
use crate::document::{Located, Place, PluginConfig};
use crate::exchange::{Exchange, Principal};
use crate::form::Form;
use crate::identity::Claim;
use crate::plugin::Plugin;
use crate::plugin::acl::{Acl, Groups, Subject};
use crate::plugin::credential_auth::Preflight;
use crate::plugin::header_cert_auth::HeaderCertAuth;
use crate::plugin::openid_connect::OpenIdConnect;
use crate::plugin::openid_connect::source::Place as TokenPlace;
use crate::plugin::principals::Principals;
use crate::query;
use crate::rejection::Rejection;
use crate::token::{TypeRule, UnverifiedToken};

/// What a plugin sees at its turn.
pub(super) fn of(plugin: &Plugin, exchange: &Exchange<'_>) -> Vec<String> {
    if preflight(plugin).is_some_and(|preflight| preflight.lets_pass(exchange)) {
        return vec![PREFLIGHT.to_owned()];
    }
    if stands_back(plugin, exchange) {
        return vec![STANDS_BACK.to_owned()];
    }
    match plugin {
        Plugin::Acl(acl) => of_acl(acl, exchange),
        Plugin::BasicAuth(_) => {
            let headers = [PROXY_AUTHORIZATION, AUTHORIZATION];
            places(headers.iter(), std::iter::empty(), exchange)
        }
        Plugin::HeaderCertAuth(plugin) => of_header(plugin, exchange),
        Plugin::IpRestriction(_) => vec![match exchange.arrival.client_ip {
            Some(address) => format!("the client's address is {address}"),
            None => "the client's address is not one".to_owned(),
        }],
        Plugin::Jwt(plugin) => {
            let arguments = plugin.places.arguments.iter().map(AsRef::as_ref);
            places(plugin.places.headers.iter(), arguments, exchange)
        }
        Plugin::KeyAuth(plugin) => {
            let headers = plugin.names.iter().filter(|_| plugin.places.header);
            let arguments = plugin.names.iter().filter(|_| plugin.places.query);
            let mut seen = places(
                headers.map(|name| &name.header),
                arguments.map(|name| &*name.argument),
                exchange,
            );
            if plugin.places.body {
                let fields = plugin.names.iter().map(|name| {
                    let values = exchange.form.values(name.argument.as_bytes());
                    number(values.len(), "field", &name.argument)
                });
                seen.push(fields.collect::<Vec<_>>().join(", "));
            }
            seen
        }
        Plugin::MtlsAuth(_) => of_socket(exchange),
        Plugin::OpenIdConnect(plugin) => vec![of_token(plugin, exchange)],
        Plugin::Principals(plugin) => of_principals(plugin, exchange),
        Plugin::CorrelationId(_) | Plugin::RequestTermination(_) => Vec::new(),
    }
}

fn stands_back(plugin: &Plugin, exchange: &Exchange<'_>) -> bool {
    match plugin {
        Plugin::BasicAuth(plugin) => plugin.auth.stands_back(exchange),
        Plugin::HeaderCertAuth(plugin) => plugin.stands_back(exchange),
        Plugin::Jwt(plugin) => plugin.auth.stands_back(exchange),
        Plugin::KeyAuth(plugin) => plugin.auth.stands_back(exchange),
        Plugin::MtlsAuth(plugin) => plugin.auth.stands_back(exchange),
        Plugin::OpenIdConnect(plugin) => plugin.stands_back(exchange),
        Plugin::Acl(_)
        | Plugin::CorrelationId(_)
        | Plugin::IpRestriction(_)
        | Plugin::Principals(_)
        | Plugin::RequestTermination(_) => false,
    }
}

/// Of a plugin that has `run_on_preflight`.
fn preflight(plugin: &Plugin) -> Option<Preflight> {
    match plugin {
        Plugin::Jwt(plugin) => Some(plugin.auth.preflight),
        Plugin::KeyAuth(plugin) => Some(plugin.auth.preflight),
        Plugin::OpenIdConnect(plugin) => Some(plugin.preflight()),
        Plugin::Acl(_)
        | Plugin::BasicAuth(_)
        | Plugin::CorrelationId(_)
        | Plugin::HeaderCertAuth(_)
        | Plugin::IpRestriction(_)
        | Plugin::MtlsAuth(_)
        | Plugin::Principals(_)
        | Plugin::RequestTermination(_) => None,
    }
}

const PREFLIGHT: &str = "the method is OPTIONS and it has `run_on_preflight: false`: it looks at nothing";
const STANDS_BACK: &str =
    "somebody is authenticated already and it has an `anonymous` consumer: it looks at nothing";

fn of_socket(exchange: &Exchange<'_>) -> Vec<String> {
    let connection = exchange.arrival.connection;
    let certificate = match connection.presented() {
        Some(presented) => describe::presented(presented),
        None if connection.tls.is_none() => "none: the connection is not TLS".to_owned(),
        None if !connection.asked_for_certificate => "none: the handshake did not ask for one".to_owned(),
        None => "none: the peer was asked and showed none".to_owned(),
    };
    vec![format!("the certificate of the connection: {certificate}")]
}

fn of_header(plugin: &HeaderCertAuth, exchange: &Exchange<'_>) -> Vec<String> {
    let (name, arrival) = (&plugin.header, &exchange.arrival);
    let carrier = describe::carrier(arrival.carrier);
    let counts = arrival.sources.admits(arrival.carrier, plugin.source);
    let value = match exchange.carried.claim(name) {
        Claim::Absent => return vec![format!("no header `{name}`")],
        Claim::Contradictory => {
            format!("`{name}` more than once, or in a spelling that is not its own")
        }
        Claim::One(value) => match decode(plugin.format, value.as_bytes()) {
            Ok(chain) => format!("`{name}`: {}", describe::chain(&chain)),
            Err(error) => format!("`{name}` cannot be decoded: {error}"),
        },
    };
    let source = if counts {
        format!("it counts: the peer is `{carrier}`")
    } else {
        format!("it does not count: the peer is `{carrier}`, who may not carry certificates")
    };
    vec![value, source]
}

/// In which of these headers and arguments something is. What it is, is nobody's to see.
fn places<'n>(
    headers: impl Iterator<Item = &'n HeaderName>,
    arguments: impl Iterator<Item = &'n str>,
    exchange: &Exchange<'_>,
) -> Vec<String> {
    let headers = headers.map(|name| {
        let lines = exchange.head.headers.get_all(name).iter().count();
        number(lines, "header", name.as_str())
    });
    let query = exchange.head.uri.query().unwrap_or_default();
    let arguments = arguments.map(|name| {
        let named = query::arguments(query).filter(|argument| *argument.name == *name.as_bytes());
        number(named.count(), "argument", name)
    });
    vec![headers.chain(arguments).collect::<Vec<_>>().join(", ")]
}

fn number(count: usize, what: &str, name: &str) -> String {
    match count {
        0 => format!("no {what} `{name}`"),
        1 => format!("one {what} `{name}`"),
        more => format!("{more} of {what} `{name}`"),
    }
}

/// Where a token is, and what its header says: which key is meant. Its claims are nobody's word before it is verified.
fn of_token(plugin: &OpenIdConnect, exchange: &Exchange<'_>) -> String {
    let found = match plugin.sources().find(&exchange.head, &exchange.form) {
        Ok(found) => found,
        Err(fault) => {
            let unread = match exchange.form {
                Form::TooLong if plugin.sources().body => "; the body is longer than what is looked into",
                Form::TooLong | Form::Absent | Form::Unread(_) | Form::Read(_) => "",
            };
            return format!("no token that could be looked at: {}{unread}", fault.reason());
        }
    };
    let place = match found.place {
        TokenPlace::Authorization => "`authorization`".to_owned(),
        TokenPlace::Header(_) => "another header".to_owned(),
        TokenPlace::Query => "the query".to_owned(),
        TokenPlace::Cookie => "a cookie".to_owned(),
        TokenPlace::Body => "the body".to_owned(),
    };
    let octets = found.token.len();
    match UnverifiedToken::parse(&found.token, TypeRule::AccessToken) {
        Ok(token) => {
            let key = token
                .key_id()
                .map_or_else(|| "no key".to_owned(), |id| format!("the key `{id}`"));
            format!(
                "a token in {place}, {octets} octets, {} by {key}",
                token.algorithm().name()
            )
        }
        Err(_) => format!("a token in {place}, {octets} octets, that is not signed as a JWT is"),
    }
}

fn of_acl(acl: &Acl, exchange: &Exchange<'_>) -> Vec<String> {
    let subject = Subject::caller(exchange);
    let groups = subject.groups(acl.precedence, acl.consumer_groups);
    let who = match (subject.consumer, subject.has_credential) {
        (Some(consumer), true) => format!("consumer {}", describe::consumer(consumer)),
        (Some(consumer), false) => format!("anonymous consumer {}", describe::consumer(consumer)),
        (None, _) => "no consumer".to_owned(),
    };
    vec![format!("{who}, {}", in_words(groups))]
}

fn in_words(groups: Option<Groups<'_>>) -> String {
    match groups {
        None => "no groups".to_owned(),
        Some(groups) => {
            let whose = match groups {
                Groups::Authenticated(_) => "groups that the credential named",
                Groups::Consumers(..) => "groups of the consumer",
            };
            format!("{whose}: {}", describe::list(groups.names()))
        }
    }
}

fn of_principals(plugin: &Principals, exchange: &Exchange<'_>) -> Vec<String> {
    let on_record = &exchange.caller.principals;
    let consumers = exchange.consumers;
    let seen = plugin.required.iter().map(|required| {
        let name = &required.plugin;
        let Ok(principal) = required.find(on_record) else {
            return format!("{name}: nobody");
        };
        let groups = in_words(plugin.groups(principal, consumers));
        format!("{name}: {}, {groups}", principal_in_words(principal, exchange))
    });
    seen.collect()
}

fn principal_in_words(principal: &Principal, exchange: &Exchange<'_>) -> String {
    let consumer = principal.consumer.and_then(|key| exchange.consumers.get(key));
    let consumer = consumer.map_or_else(
        || "no consumer".to_owned(),
        |consumer| format!("consumer {}", describe::consumer(consumer)),
    );
    format!(
        "`{}` by {}, {consumer}",
        principal.proof.subject(),
        principal.proof.evidence()
    )
}

/// What is different after a plugin's turn.
pub(super) fn change(
    exchange: &Exchange<'_>,
    (before, principals_before): (Option<ConsumerKey>, usize),
    place: &dyn Fn(ConsumerKey) -> Option<String>,
) -> Vec<String> {
    let at = |key: Option<ConsumerKey>| {
        let place = key.and_then(place);
        place.map(|place| format!(" ({place})")).unwrap_or_default()
    };
    let caller = &exchange.caller;
    let mut changes = Vec::new();
    for principal in caller.principals.iter().skip(principals_before) {
        let who = principal_in_words(principal, exchange);
        changes.push(format!("authenticated {who}{}", at(principal.consumer)));
        if let Some(groups) = &principal.groups {
            let names = groups.names.iter().map(AsRef::as_ref);
            changes.push(format!(
                "the credential names the groups {}",
                describe::list(names)
            ));
        }
    }
    let is_anonymous = caller.credential.is_none() && caller.principals.len() == principals_before;
    if let Some(consumer) = exchange.consumer()
        && caller.consumer != before
    {
        let name = describe::consumer(consumer);
        if is_anonymous {
            let place = at(caller.consumer);
            changes.push(format!("goes on as the anonymous consumer {name}{place}"));
        } else if let Some(earlier) = before.and_then(|key| exchange.consumers.get(key)) {
            let earlier = describe::consumer(earlier);
            changes.push(format!("the consumer is now {name}, and no longer {earlier}"));
        }
    }
    changes
}

/// The field that made it so, by its place.
pub(super) fn because(
    plugin: &Plugin,
    config: &PluginConfig,
    exchange: &Exchange<'_>,
    verdict: &Result<(), Rejection>,
) -> Option<(Place, String)> {
    match config {
        PluginConfig::Acl(config) => {
            let (field, groups) = match &config.rule {
                AclRule::Allow(groups) => ("allow", groups),
                AclRule::Deny(groups) => ("deny", groups),
            };
            let Plugin::Acl(acl) = plugin else { return None };
            let own = Subject::caller(exchange).groups(acl.precedence, acl.consumer_groups);
            group(field, groups, own)
        }
        PluginConfig::HeaderCertAuth(config) => of_certificate(&config.auth, exchange, verdict),
        PluginConfig::MtlsAuth(config) => of_certificate(&config.auth, exchange, verdict),
        PluginConfig::Principals(config) => of_principal(config, verdict.as_ref().err()?),
        PluginConfig::Acme(_)
        | PluginConfig::BasicAuth(_)
        | PluginConfig::CorrelationId(_)
        | PluginConfig::IpRestriction(_)
        | PluginConfig::Jwt(_)
        | PluginConfig::KeyAuth(_)
        | PluginConfig::OpenIdConnect(_)
        | PluginConfig::RequestTermination(_) => anonymous_used(config.anonymous(), exchange, verdict),
    }
}

/// The group of a rule that somebody is in; else the rule.
fn group(field: &str, groups: &[Located<String>], own: Option<Groups<'_>>) -> Option<(Place, String)> {
    let names: Vec<&str> = own.map(|own| own.names().collect()).unwrap_or_default();
    let met = groups.iter().find(|group| names.contains(&group.value.as_str()));
    match met {
        Some(group) => Some((group.place, format!("{field}: {}", group.value))),
        None => {
            let listed = describe::list(groups.iter().map(|group| group.value.as_str()));
            Some((groups.first()?.place, format!("{field}: {listed}")))
        }
    }
}

fn of_certificate(
    config: &CertificateConfig,
    exchange: &Exchange<'_>,
    verdict: &Result<(), Rejection>,
) -> Option<(Place, String)> {
    match verdict {
        Err(Rejection::CertificateRefused(_)) => {
            let first = config.ca_certificates.first()?;
            Some((first.place, "ca_certificates".to_owned()))
        }
        Ok(()) | Err(_) => anonymous_used(config.anonymous.as_ref(), exchange, verdict),
    }
}

/// `anonymous`, if it is why the request goes on, or why it cannot.
fn anonymous_used(
    anonymous: Option<&Located<NamedConsumer>>,
    exchange: &Exchange<'_>,
    verdict: &Result<(), Rejection>,
) -> Option<(Place, String)> {
    let is_used = match verdict {
        Ok(()) => exchange.caller.consumer.is_some() && exchange.caller.credential.is_none(),
        Err(rejection) => matches!(rejection, Rejection::AnonymousMissing { .. }),
    };
    let anonymous = anonymous.filter(|_| is_used)?;
    Some((anonymous.place, format!("anonymous: {}", anonymous.value.text)))
}

fn of_principal(config: &PrincipalsConfig, rejection: &Rejection) -> Option<(Place, String)> {
    if let Rejection::PrincipalMissing { plugin } = rejection {
        let name = config.require.iter().find(|name| *name.value == **plugin)?;
        return Some((name.place, format!("require: {}", name.value)));
    }
    if let Rejection::PrincipalDenied { plugin } = rejection {
        let mut allowed = config.allow.iter();
        let allowed = allowed.find(|allowed| *allowed.plugin.value == **plugin)?;
        let groups = describe::list(allowed.groups.iter().map(|group| group.value.as_str()));
        let field = format!("allow: {}: {groups}", allowed.plugin.value);
        return Some((allowed.plugin.place, field));
    }
    // What is left is that they differ.
    Some((config.same.as_ref()?.place, "same".to_owned()))
}
