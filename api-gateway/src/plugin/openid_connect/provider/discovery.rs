//! OpenID Connect Discovery and the fetch of key sets. What the document says is believed as far as its server's
//! certificate reaches: an https document that sends us to http is not, nor one that speaks for another issuer.

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, StatusCode, Uri};
use serde_json::{Map, Value};
use transport::outgoing::{CallError, OutgoingClient};

use super::{Known, Source};
use crate::token::{JsonError, KeySet, KeySetError, object};

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

/// Asks for everything.
pub(super) async fn ask(source: &Source, client: &OutgoingClient) -> Result<Known, DiscoveryError> {
    let mut known = Known::default();
    let mut sets: Vec<Uri> = source.further_keys.to_vec();
    match &source.discovery {
        Some(uri) => {
            let octets = get(client, uri).await?;
            let document = object(&octets).map_err(|error| DiscoveryError::Json {
                uri: uri.clone(),
                error,
            })?;
            known.issuer = Some(issuer(source, &document)?);
            let link = |document: &Map<String, Value>, name| link(document, name, uri);
            if let Some(keys) = link(&document, "jwks_uri")? {
                sets.insert(0, keys);
            }
            known.introspection_endpoint = link(&document, "introspection_endpoint")?;
            if let Some(aliases) = document.get("mtls_endpoint_aliases").and_then(Value::as_object) {
                known.introspection_endpoint_mtls = link(aliases, "introspection_endpoint")?;
            }
        }
        None => known.issuer = Some(source.issuer.clone()),
    }
    let mut keys = Vec::with_capacity(sets.len());
    for uri in sets {
        let octets = get(client, &uri).await?;
        // Hundreds of keys take milliseconds: beside the requests, not between them.
        let read = tokio::task::spawn_blocking(move || KeySet::parse(&octets)).await;
        let read = read.unwrap_or(Err(KeySetError::NoKeys));
        keys.push(read.map_err(|error| DiscoveryError::Keys { uri, error })?);
    }
    known.keys = KeySet::joined(keys);
    Ok(known)
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

fn link(
    document: &Map<String, Value>,
    name: &'static str,
    from: &Uri,
) -> Result<Option<Uri>, DiscoveryError> {
    let Some(value) = document.get(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let uri: Option<Uri> = value.as_str().and_then(|text| text.parse().ok());
    let schemes: &[&str] = if from.scheme_str() == Some("https") {
        &["https"]
    } else {
        &["http", "https"]
    };
    let usable = uri.filter(|uri| uri.scheme_str().is_some_and(|scheme| schemes.contains(&scheme)));
    usable.map(Some).ok_or(DiscoveryError::Field(name))
}
