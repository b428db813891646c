//! What is told, in the order in which it came about. Its JSON form has these names.

use http::HeaderMap;
use serde::Serialize;

use super::describe;
use super::lines::Line;
use super::question::Question;
use super::secrets::Secrets;
use super::watcher::{Routing, Turn, Watcher};
use crate::proxy::rehearsal::{Rehearsal, Sent};
use crate::rejection::Rejection;

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Account {
    pub(super) verdict: &'static str,
    /// What is not known here and would be asked of the network first: then the verdict is what there is without it.
    pub(super) unknown: Option<String>,
    /// The word of the log line; null if it is allowed.
    pub(super) reason: Option<&'static str>,
    pub(super) cause: Option<String>,
    /// The last plugin that decided; null: routing did.
    pub(super) plugin: Option<String>,
    /// The gateway's; null: the upstream's.
    pub(super) status: Option<u16>,
    pub(super) request: Asked,
    pub(super) connection: Arrived,
    #[serde(flatten)]
    pub(super) routing: Routing,
    pub(super) plugins: Vec<Turn>,
    pub(super) consumer: Option<Whom>,
    pub(super) principals: Vec<Authenticated>,
    pub(super) upstream: Option<Upstream>,
    pub(super) answer: Option<Answer>,
}

/// The request.
#[derive(Debug, Serialize)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) at: String,
}

/// The connection.
#[derive(Debug, Serialize)]
pub(super) struct Arrived {
    pub(super) listener: String,
    pub(super) peer: String,
    /// `edge`, `trusted_address` or `nobody`; null where the request was refused before that was asked.
    pub(super) carrier: Option<&'static str>,
    pub(super) client_ip: Option<String>,
    pub(super) tls: bool,
    pub(super) server_name: Option<String>,
    pub(super) asks_for_certificate: bool,
    pub(super) certificate: Option<String>,
    pub(super) notes: Vec<String>,
}

/// A consumer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Whom {
    pub(super) id: String,
    pub(super) username: Option<String>,
    pub(super) custom_id: Option<String>,
    pub(super) groups: Vec<String>,
    /// Where it stands in the document.
    pub(super) line: Option<Line>,
}

/// A principal.
#[derive(Debug, Serialize)]
pub(super) struct Authenticated {
    pub(super) plugin: String,
    pub(super) evidence: &'static str,
    pub(super) subject: String,
    pub(super) certificate_serial: Option<String>,
    pub(super) certificate_sha256: Option<String>,
    pub(super) consumer: Option<Whom>,
    /// Those that the credential itself named.
    pub(super) groups: Option<Vec<String>>,
}

/// What the upstream would get.
#[derive(Debug, Serialize)]
pub(super) struct Upstream {
    pub(super) service: String,
    pub(super) targets: Vec<String>,
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) headers: Vec<(String, String)>,
}

/// What the client would get.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Account {
    pub(super) fn new(question: &Question<'_>, rehearsal: Rehearsal, watcher: Watcher<'_>) -> Self {
        let secrets = &question.secrets;
        let whom = |key| watcher.whom(key);
        let consumer = rehearsal.consumer.and_then(whom);
        let principals = rehearsal
            .principals
            .iter()
            .map(|principal| {
                let certificate = principal.proof.certificate();
                Authenticated {
                    plugin: principal.plugin.to_string(),
                    evidence: principal.proof.evidence(),
                    subject: principal.proof.subject().to_owned(),
                    certificate_serial: certificate.map(|identity| identity.serial.to_string()),
                    certificate_sha256: certificate.map(|identity| identity.sha256.to_string()),
                    consumer: principal.consumer.and_then(whom),
                    groups: principal
                        .groups
                        .as_ref()
                        .map(|groups| groups.names.iter().map(ToString::to_string).collect()),
                }
            })
            .collect();
        let unknown = watcher.unknown.clone();
        let connection = arrived(question, &watcher);
        let (routing, plugins) = watcher.finish(rehearsal.route);
        let (rejection, upstream) = match rehearsal.outcome {
            Ok(sent) => (None, Some(upstream(secrets, sent))),
            Err(rejection) => (Some(rejection), None),
        };
        Self {
            verdict: if rejection.is_some() { "deny" } else { "allow" },
            unknown,
            reason: rejection.as_ref().map(Rejection::reason),
            cause: rejection.as_ref().and_then(Rejection::cause),
            plugin: rehearsal.plugin.map(|name| name.to_string()),
            status: rejection.as_ref().map(|rejection| rejection.status().as_u16()),
            request: Asked {
                method: question.head.method.to_string(),
                url: secrets.uri(&question.url),
                at: transport::certificate::iso8601(question.now),
            },
            connection,
            routing,
            plugins,
            consumer,
            principals,
            upstream,
            answer: rehearsal.answer.map(|answer| Answer {
                status: answer.status().as_u16(),
                headers: headers(answer.headers(), secrets),
                body: secrets.body(answer.into_body()),
            }),
        }
    }
}

fn arrived(question: &Question<'_>, watcher: &Watcher<'_>) -> Arrived {
    let connection = &question.connection;
    Arrived {
        listener: question.listener.clone(),
        peer: connection.peer.ip().to_string(),
        carrier: watcher.carrier,
        client_ip: watcher.client_ip.map(|address| address.to_string()),
        tls: connection.tls.is_some(),
        server_name: connection
            .tls
            .as_ref()
            .and_then(|tls| Some(tls.server_name.as_ref()?.to_string())),
        asks_for_certificate: connection.asked_for_certificate,
        certificate: connection.presented().map(describe::presented),
        notes: question.notes.clone(),
    }
}

fn upstream(secrets: &Secrets<'_>, sent: Sent) -> Upstream {
    Upstream {
        service: sent.service.to_string(),
        targets: sent.targets,
        method: sent.head.method.to_string(),
        uri: secrets.uri(&sent.head.uri),
        headers: headers(&sent.head.headers, secrets),
    }
}

fn headers(map: &HeaderMap, secrets: &Secrets<'_>) -> Vec<(String, String)> {
    let shown = map.iter();
    shown
        .map(|(name, value)| (name.to_string(), secrets.header(name, value)))
        .collect()
}
