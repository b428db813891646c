//! RFC 7662: tokens that only their provider can read.
//!
//! Every request with a token that nobody has asked about yet costs the provider a call, so calls are limited in number
//! and time, an answer is remembered for its own token alone and never beyond the token's `exp`, and a refusal for
//! seconds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use rustls::pki_types::UnixTime;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tracing::warn;
use transport::outgoing::OutgoingClient;
use transport::remembered::{Digest, Remembered};

use super::provider::{Provider, Waiting};
use crate::identity::later;
use crate::secret::Secret;
use crate::token::{Validity, VerifiedClaims, object};

/// Calls at once, of one instance.
const AT_ONCE: usize = 64;
/// Requests that may wait for their turn.
const MOST_WAITING: usize = 1024;
/// Answers that one instance remembers.
const REMEMBERED: usize = 4096;
/// How long it is remembered that a token is not active, or could not be asked about.
const REFUSED_FOR: Duration = Duration::from_secs(3);

/// How the gateway says who it is (RFC 6749 §2.3).
#[derive(Debug)]
pub enum ClientAuthentication {
    /// `client_secret_basic`: `Authorization`.
    Basic(HeaderValue),
    /// `client_secret_post`: in the body.
    Post {
        /// `client_id`.
        id: Box<str>,
        /// `client_secret`.
        secret: Secret,
    },
    /// `tls_client_auth`: by the certificate of the connection.
    Certificate {
        /// `client_id`.
        id: Box<str>,
    },
    /// `none`.
    Nothing {
        /// `client_id`, if there is one.
        id: Option<Box<str>>,
    },
}

/// What is written into a call.
#[derive(Debug)]
pub struct Form {
    /// `introspection_token_param_name`.
    pub parameter: Box<str>,
    /// `introspection_hint`.
    pub hint: Option<Box<str>>,
    /// `introspection_post_args_*`.
    pub arguments: Box<[(Box<str>, Box<str>)]>,
    /// `introspection_headers_*`.
    pub headers: Box<[(HeaderName, HeaderValue)]>,
    /// `introspection_accept`.
    pub accept: HeaderValue,
}

/// Whoever asks.
#[derive(Debug)]
pub struct Introspector {
    provider: Arc<Provider>,
    endpoint: Option<Uri>,
    client: OutgoingClient,
    authentication: ClientAuthentication,
    form: Form,
    /// How long an answer may be believed, and how much later than `exp` a token may come.
    believe_for: Duration,
    leeway: Duration,
    remembers: bool,
    answers: Remembered<Answer>,
    turns: Semaphore,
    waiting: AtomicUsize,
}

/// What an introspector is made of.
#[derive(Debug)]
pub struct Parts {
    /// Whose tokens they are.
    pub provider: Arc<Provider>,
    /// `introspection_endpoint`; `None`: the provider says where.
    pub endpoint: Option<Uri>,
    /// The client, with a certificate of its own where that is how it proves itself.
    pub client: OutgoingClient,
    /// How it says who it is.
    pub authentication: ClientAuthentication,
    /// What it writes.
    pub form: Form,
    /// `cache_ttl`.
    pub believe_for: Duration,
    /// `cache_introspection`: whether the next request with the same token has the same answer.
    pub remembers: bool,
    /// `leeway`.
    pub leeway: Duration,
}

/// What an endpoint said.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The token is good; and until when that may be believed.
    Active(Arc<VerifiedClaims>, UnixTime),
    /// It is not.
    Inactive,
    /// Nothing useful.
    Failed(Box<str>),
}

/// A question about one token.
pub struct Question {
    introspector: Arc<Introspector>,
    token: Secret,
    digest: Digest,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Question({:?})", self.digest)
    }
}

impl Introspector {
    /// Makes one that nobody has asked yet.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            provider,
            endpoint,
            client,
            authentication,
            form,
            believe_for,
            remembers,
            leeway,
        } = parts;
        Self {
            provider,
            endpoint,
            client,
            authentication,
            form,
            believe_for,
            leeway,
            remembers,
            answers: Remembered::new(REMEMBERED),
            turns: Semaphore::new(AT_ONCE),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Whether an answer is good for more than the request that asked.
    pub fn remembers(&self) -> bool {
        self.remembers
    }

    /// The answer about a token, if it is known.
    pub fn known(&self, digest: &Digest, now: UnixTime) -> Option<Arc<Answer>> {
        self.answers.recall(digest, now)
    }

    /// Takes an answer for the one that it would get, `None` for that the token is not active: for whoever asks offline.
    pub fn assume(&self, digest: Digest, claims: Option<Map<String, Value>>, until: UnixTime) {
        let answer = match claims {
            Some(claims) => Answer::Active(Arc::new(VerifiedClaims::of_introspection(claims)), until),
            None => Answer::Inactive,
        };
        self.answers.keep(digest, until, Arc::new(answer));
    }

    /// `introspection_endpoint`, if it is configured.
    pub fn configured_endpoint(&self) -> Option<&Uri> {
        self.endpoint.as_ref()
    }

    /// The question about a token, if there is room for one that waits.
    pub fn question(self: &Arc<Self>, token: &str, digest: Digest) -> Option<Question> {
        (self.waiting.load(Ordering::Relaxed) < MOST_WAITING).then(|| Question {
            introspector: Arc::clone(self),
            token: Secret::new(token),
            digest,
        })
    }

    async fn ask(&self, token: &str) -> Result<Answer, String> {
        let endpoint = match self.endpoint() {
            Some(endpoint) => endpoint,
            None => {
                self.provider.ask_for_keys().await;
                self.endpoint()
                    .ok_or("the provider names no introspection endpoint")?
            }
        };
        let request = self.request(endpoint, token);
        let answer = self
            .client
            .call(request)
            .await
            .map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("the endpoint answers {}", answer.status()));
        }
        let claims = object(answer.body()).map_err(|error| error.to_string())?;
        let now = UnixTime::now();
        match claims.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Ok(Answer::Inactive),
            Some(_) | None => return Err("the answer has no boolean 'active'".to_owned()),
        }
        let end = Validity::of(&claims)
            .map_err(|error| error.to_string())?
            .until(self.leeway);
        let limit = later(now, self.believe_for);
        let until = end.map_or(limit, |end| end.min(limit));
        Ok(Answer::Active(
            Arc::new(VerifiedClaims::of_introspection(claims)),
            until,
        ))
    }

    fn endpoint(&self) -> Option<Uri> {
        if let Some(configured) = &self.endpoint {
            return Some(configured.clone());
        }
        let known = self.provider.known();
        let by_certificate = matches!(self.authentication, ClientAuthentication::Certificate { .. });
        let alias = known
            .introspection_endpoint_mtls
            .as_ref()
            .filter(|_| by_certificate);
        alias.or(known.introspection_endpoint.as_ref()).cloned()
    }

    fn request(&self, endpoint: Uri, token: &str) -> Request<Bytes> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.append_pair(&self.form.parameter, token);
        if let Some(hint) = &self.form.hint {
            body.append_pair("token_type_hint", hint);
        }
        for (name, value) in &self.form.arguments {
            body.append_pair(name, value);
        }
        let mut authorization = None;
        match &self.authentication {
            ClientAuthentication::Basic(value) => authorization = Some(value.clone()),
            ClientAuthentication::Post { id, secret } => {
                body.append_pair("client_id", id)
                    .append_pair("client_secret", secret.expose());
            }
            ClientAuthentication::Certificate { id } | ClientAuthentication::Nothing { id: Some(id) } => {
                body.append_pair("client_id", id);
            }
            ClientAuthentication::Nothing { id: None } => {}
        }
        let mut request = Request::new(Bytes::from(body.finish()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint;
        let headers = request.headers_mut();
        for (name, value) in &self.form.headers {
            headers.insert(name.clone(), value.clone());
        }
        headers.insert(ACCEPT, self.form.accept.clone());
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value);
        }
        request
    }
}

impl Question {
    /// Asks, and leaves the answer with the introspector.
    pub async fn ask(self) {
        let Self {
            introspector,
            token,
            digest,
        } = self;
        let _waiting = Waiting::among(&introspector.waiting);
        let Ok(_turn) = introspector.turns.acquire().await else {
            return;
        };
        // Another request with the same token may have asked while this one waited.
        if introspector.known(&digest, UnixTime::now()).is_some() {
            return;
        }
        let answer = introspector.ask(token.expose()).await.unwrap_or_else(|error| {
            warn!(issuer = introspector.provider.issuer(), %error, "a token cannot be introspected");
            Answer::Failed(error.into())
        });
        let until = match &answer {
            Answer::Active(_, until) if introspector.remembers => *until,
            // For whoever has asked, and looks at once.
            Answer::Active(..) => UnixTime::now(),
            Answer::Inactive | Answer::Failed(_) => later(UnixTime::now(), REFUSED_FOR),
        };
        introspector.answers.keep(digest, until, Arc::new(answer));
    }
}
