//! OpenID Connect Discovery and the fetch of key sets. What the document says is believed as far as its server's
//! certificate reaches: an https document that speaks for another issuer is not, nor is a link of it that leads to http. What
//! needs that link does without; the rest does not.

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, StatusCode, Uri};
use rustls::pki_types::UnixTime;
use serde_json::{Map, Value};
use tracing::warn;
use transport::outgoing::{CallError, OutgoingClient};

use super::{Known, Source};
use crate::token::{JsonError, KeySet, KeySetError, object};

/// Characters of a link that is not followed, for the log.
const LONGEST_SHOWN: usize = 200;
/// What an issuer's URL is followed by.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// No answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Another answer than 200. Redirects are not followed: the provider's URL is what was configured.
    #[error("{uri} answers {status}")]
    Status {
        /// What was asked.
        uri: Uri,
        /// The answer.
        status: StatusCode,
    },
    /// No JSON.
    #[error("{uri} answers with unusable JSON: {error}")]
    Json {
        /// What was asked.
        uri: Uri,
        /// What is wrong.
        error: JsonError,
    },
    /// It is somebody else's document.
    #[error(
        "the discovery document is of the issuer '{found}', not of '{expected}': correct 'issuer', or list what is accepted in 'issuers_allowed'"
    )]
    Issuer {
        /// What it says.
        found: Box<str>,
        /// What is configured.
        expected: Box<str>,
    },
    /// A field of the document is missing or not usable.
    #[error("the discovery document has no usable '{0}'")]
    Field(&'static str),
    /// A key set is none.
    #[error("{uri}: {error}")]
    Keys {
        /// What was asked.
        uri: Uri,
        /// What is wrong.
        error: KeySetError,
    },
}

/// Where the discovery document of an issuer is; an issuer may be written as the document's URL.
pub fn discovery_uri(issuer: &str) -> String {
    if issuer.contains("/.well-known/") {
        issuer.to_owned()
    } else {
        format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'))
    }
}

/// What a link of the discovery document leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Link {
    /// It is not there.
    #[default]
    Absent,
    /// It is there, and nobody should follow it; by its name.
    Unusable(&'static str),
    /// There.
    To(Uri),
}

impl Link {
    /// Its name, if it should not be followed.
    pub fn unusable(&self) -> Option<&'static str> {
        match self {
            Self::Unusable(name) => Some(name),
            Self::Absent | Self::To(_) => None,
        }
    }
}

/// What was learned, as far as it could be.
#[derive(Debug)]
pub(super) struct Discovered {
    issuer: Box<str>,
    introspection_endpoint: Link,
    introspection_endpoint_mtls: Link,
    /// Of each place where keys are published, always in the same order.
    sets: Vec<Result<KeySet, DiscoveryError>>,
}

impl Discovered {
    /// What is known now: what was known before of a place that has failed stays, as through an outage.
    pub(super) fn after(self, before: &Known) -> Known {
        let (mut sets, mut faults) = (Vec::with_capacity(self.sets.len()), Vec::new());
        let learned_any = self.sets.is_empty() || self.sets.iter().any(Result::is_ok);
        for (place, learned) in self.sets.into_iter().enumerate() {
            let earlier = || before.sets.get(place).map(KeySet::again).unwrap_or_default();
            sets.push(learned.unwrap_or_else(|error| {
                faults.push(error.to_string());
                earlier()
            }));
        }
        let keys = KeySet::joined(sets.iter().map(KeySet::again));
        Known {
            issuer: Some(self.issuer),
            introspection_endpoint: self.introspection_endpoint,
            introspection_endpoint_mtls: self.introspection_endpoint_mtls,
            keys: keys.succeeding(&before.keys),
            sets: sets.into(),
            since: if learned_any {
                Some(UnixTime::now())
            } else {
                before.since
            },
            error: (!faults.is_empty()).then(|| faults.join("; ").into()),
        }
    }
}

/// Asks for everything. Without the discovery document nothing is learned; whatever else fails, fails alone.
pub(super) async fn ask(source: &Source, client: &OutgoingClient) -> Result<Discovered, DiscoveryError> {
    let mut discovered = Discovered {
        issuer: source.issuer.clone(),
        introspection_endpoint: Link::Absent,
        introspection_endpoint_mtls: Link::Absent,
        sets: Vec::new(),
    };
    if let Some(uri) = &source.discovery {
        let octets = get(client, uri).await?;
        let document = object(&octets).map_err(|error| DiscoveryError::Json {
            uri: uri.clone(),
            error,
        })?;
        discovered.issuer = issuer(source, &document)?;
        discovered.introspection_endpoint =
            link(&document, "introspection_endpoint", "introspection_endpoint", uri);
        if let Some(aliases) = document.get("mtls_endpoint_aliases").and_then(Value::as_object) {
            const NAME: &str = "mtls_endpoint_aliases.introspection_endpoint";
            discovered.introspection_endpoint_mtls = link(aliases, "introspection_endpoint", NAME, uri);
        }
        discovered
            .sets
            .push(match link(&document, "jwks_uri", "jwks_uri", uri) {
                Link::To(keys) => key_set(client, keys).await,
                Link::Absent => Ok(KeySet::default()),
                Link::Unusable(name) => Err(DiscoveryError::Field(name)),
            });
    }
    for uri in &source.further_keys {
        discovered.sets.push(key_set(client, uri.clone()).await);
    }
    Ok(discovered)
}

async fn key_set(client: &OutgoingClient, uri: Uri) -> Result<KeySet, DiscoveryError> {
    let octets = get(client, &uri).await?;
    // Hundreds of keys take milliseconds: beside the requests, not between them.
    let read = tokio::task::spawn_blocking(move || KeySet::parse(&octets)).await;
    let read = read.unwrap_or(Err(KeySetError::NoKeys));
    read.map_err(|error| DiscoveryError::Keys { uri, error })
}

async fn get(client: &OutgoingClient, uri: &Uri) -> Result<Bytes, DiscoveryError> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = uri.clone();
    request
        .headers_mut()
        .insert(ACCEPT, http::HeaderValue::from_static("application/json"));
    let answer = client.call(request).await?;
    if answer.status() != StatusCode::OK {
        return Err(DiscoveryError::Status {
            uri: uri.clone(),
            status: answer.status(),
        });
    }
    Ok(answer.into_body())
}

/// The document's issuer. It must be the configured one, unless the operator says whose tokens are accepted.
fn issuer(source: &Source, document: &Map<String, Value>) -> Result<Box<str>, DiscoveryError> {
    let found = document.get("issuer").and_then(Value::as_str);
    let found = found.ok_or(DiscoveryError::Field("issuer"))?;
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    let expected = match source.issuer.split_once("/.well-known/") {
        Some((before, _)) => bare(before),
        None => bare(&source.issuer),
    };
    if source.issuers_allowed.is_none() && bare(found) != expected {
        return Err(DiscoveryError::Issuer {
            found: found.into(),
            expected: expected.into(),
        });
    }
    Ok(found.into())
}

/// A link of a document that was read `from` there. One that leads away from TLS is not followed, and said by its `name`.
fn link(document: &Map<String, Value>, field: &str, name: &'static str, from: &Uri) -> Link {
    let Some(value) = document.get(field).filter(|value| !value.is_null()) else {
        return Link::Absent;
    };
    let uri: Option<Uri> = value.as_str().and_then(|text| text.parse().ok());
    let schemes: &[&str] = if from.scheme_str() == Some("https") {
        &["https"]
    } else {
        &["http", "https"]
    };
    let usable = uri.filter(|uri| uri.scheme_str().is_some_and(|scheme| schemes.contains(&scheme)));
    usable.map_or_else(
        || {
            let value: String = value.to_string().chars().take(LONGEST_SHOWN).collect();
            warn!(document = %from, link = name, value, "a link of the discovery document is not followed: no usable URL, or without TLS");
            Link::Unusable(name)
        },
        Link::To,
    )
}
