//! Which plugin a name means.

use transport::layers::nearest;

use super::{PluginKind, PluginName};
use crate::document::reader::At;
use crate::document::rule;

/// A plugin of ours, a clone that `cloned_plugins` names, or a clone as Kong's priority-updater makes it:
/// `NAME_NUMBER`, the number being its priority.
pub(super) fn plugin_name(at: At<'_>) -> Option<PluginName> {
    let text = rule::text(at)?;
    let original = PluginKind::ALL.into_iter().find(|kind| kind.name() == text);
    let known = original
        .map(|kind| (kind, kind.priority()))
        .or_else(|| at.context.clones.get(&text).copied())
        .or_else(|| numbered_clone(&text));
    match known {
        Some((kind, priority)) => Some(PluginName {
            text,
            kind,
            priority,
            place: at.node.place,
        }),
        None => unknown(at, &text),
    }
}

/// Whose plugin a name in the node's `plugins` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Built here, or a numbered clone of one that is.
    Ours,
    /// Kong has it, this gateway does not.
    Kongs,
    /// Nobody knows it.
    Nobodys,
}

/// Looks a plugin's name up.
pub fn owner(name: &str) -> Owner {
    let ours = PluginKind::ALL.into_iter().any(|kind| kind.name() == name) || numbered_clone(name).is_some();
    match (ours, KONGS.contains(&name)) {
        (true, _) => Owner::Ours,
        (false, true) => Owner::Kongs,
        (false, false) => Owner::Nobodys,
    }
}

fn numbered_clone(text: &str) -> Option<(PluginKind, i32)> {
    let (original, number) = text.rsplit_once('_')?;
    let kind = PluginKind::ALL.into_iter().find(|kind| kind.name() == original)?;
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let priority = number.parse().ok().filter(|_| digits)?;
    Some((kind, priority))
}

/// How many clones a mistyped name is compared with: more than may be.
const MOST_COMPARED: usize = 32;

fn unknown<T>(at: At<'_>, text: &str) -> Option<T> {
    if KONGS.contains(&text) {
        // Kong's own words would advise to enable it, which nobody can.
        let message = format!("plugin '{text}' of Kong's is not built here");
        let fix = "remove it, or leave its routes on Kong";
        return at.refuse_with("unsupported-plugin", message, fix);
    }
    let message = format!("plugin '{text}' not enabled; add it to the 'plugins' configuration property");
    let originals = PluginKind::ALL.map(PluginKind::name);
    // A document with more clones than may be is refused for that; it need not be searched for every unknown name.
    let clones = at.context.clones.keys().map(String::as_str);
    let names = originals.into_iter().chain(clones.take(MOST_COMPARED));
    let meant = if at.context.log.is_full() {
        None
    } else {
        nearest(text, names)
    };
    match meant {
        Some(name) => at.refuse_with("unknown-plugin", message, format!("did you mean '{name}'?")),
        None => at.refuse("unknown-plugin", message),
    }
}

/// Kong's own plugins, open source and Enterprise, that are not built here.
const KONGS: &[&str] = &[
    "ai-prompt-decorator",
    "ai-prompt-guard",
    "ai-prompt-template",
    "ai-proxy",
    "ai-proxy-advanced",
    "ai-rate-limiting-advanced",
    "ai-request-transformer",
    "ai-response-transformer",
    "ai-semantic-cache",
    "app-dynamics",
    "application-registration",
    "aws-lambda",
    "azure-functions",
    "bot-detection",
    "canary",
    "confluent",
    "cors",
    "datadog",
    "datakit",
    "degraphql",
    "exit-transformer",
    "file-log",
    "forward-proxy",
    "graphql-proxy-cache-advanced",
    "graphql-rate-limiting-advanced",
    "grpc-gateway",
    "grpc-web",
    "hmac-auth",
    "http-log",
    "injection-protection",
    "jq",
    "json-threat-protection",
    "jwe-decrypt",
    "jwt-signer",
    "kafka-consume",
    "kafka-log",
    "kafka-upstream",
    "key-auth-enc",
    "konnect-application-auth",
    "ldap-auth",
    "ldap-auth-advanced",
    "loggly",
    "mocking",
    "oas-validation",
    "oauth2",
    "oauth2-introspection",
    "opa",
    "opentelemetry",
    "post-function",
    "pre-function",
    "prometheus",
    "proxy-cache",
    "proxy-cache-advanced",
    "rate-limiting",
    "rate-limiting-advanced",
    "redirect",
    "request-callout",
    "request-size-limiting",
    "request-transformer",
    "request-transformer-advanced",
    "request-validator",
    "response-ratelimiting",
    "response-transformer",
    "response-transformer-advanced",
    "route-by-header",
    "route-transformer-advanced",
    "saml",
    "service-protection",
    "session",
    "solace-upstream",
    "standard-webhooks",
    "statsd",
    "statsd-advanced",
    "syslog",
    "tcp-log",
    "tls-handshake-modifier",
    "tls-metadata-headers",
    "udp-log",
    "upstream-oauth",
    "upstream-timeout",
    "vault-auth",
    "websocket-size-limit",
    "websocket-validator",
    "xml-threat-protection",
    "zipkin",
];
