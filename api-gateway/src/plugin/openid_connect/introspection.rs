//! RFC 7662: tokens that only their provider can read.
//!
//! Every request with a token that nobody has asked about yet costs the provider a call, so calls are limited in number
//! and time ([`turns`]), an answer is remembered for its own token alone and never beyond the token's `exp`, and a refusal
//! for seconds.

pub mod turns;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use rustls::pki_types::UnixTime;
use serde_json::{Map, Value};
use tracing::warn;
use transport::outgoing::OutgoingClient;
use transport::remembered::{Digest, Remembered};

use self::turns::{Standing, Turn};
use super::provider::{Link, Provider, Source};
use crate::identity::later;
use crate::secret::Secret;
use crate::token::{TimeError, Validity, VerifiedClaims, object};

/// Answers that one instance remembers.
const REMEMBERED: usize = 4096;
/// How long it is remembered that a token is not active, or could not be asked about.
pub(super) const REFUSED_FOR: Duration = Duration::from_secs(3);

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

/// Who answers. Answers of two that are equal in this are of one weight, also after a reload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answerer {
    provider: Source,
    /// `introspection_endpoint`; `None`: the provider says where.
    endpoint: Option<Uri>,
}

/// Whoever asks.
#[derive(Debug)]
pub struct Introspector {
    provider: Arc<Provider>,
    answerer: Arc<Answerer>,
    client: OutgoingClient,
    authentication: ClientAuthentication,
    form: Form,
    /// How long an answer may be believed, and how much later than `exp` a token may come.
    believe_for: Duration,
    leeway: Duration,
    remembers: bool,
    answers: Remembered<Answer>,
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
    /// It is, and by its own dates it is not: clocks differ.
    Untimely(TimeError),
    /// Nothing useful.
    Failed(Box<str>),
}

/// A question about one token.
pub struct Question {
    introspector: Arc<Introspector>,
    token: Secret,
    digest: Digest,
    standing: Standing,
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
        let answerer = Answerer {
            provider: provider.source().clone(),
            endpoint,
        };
        Self {
            provider,
            answerer: Arc::new(answerer),
            client,
            authentication,
            form,
            believe_for,
            leeway,
            remembers,
            answers: Remembered::new(REMEMBERED),
        }
    }

    /// Who answers.
    pub(super) fn answerer(&self) -> &Arc<Answerer> {
        &self.answerer
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
        self.answers
            .keep(digest, (UnixTime::now(), until), Arc::new(answer));
    }

    /// `introspection_endpoint`, if it is configured.
    pub fn configured_endpoint(&self) -> Option<&Uri> {
        self.answerer.endpoint.as_ref()
    }

    /// The question about a token, if there is room for one that waits.
    pub fn question(self: &Arc<Self>, token: &str, digest: Digest, now: UnixTime) -> Option<Question> {
        let standing = self.provider.introspections().room_for(&digest, now)?;
        Some(Question {
            introspector: Arc::clone(self),
            token: Secret::new(token),
            digest,
            standing,
        })
    }

    async fn ask(&self, token: &str) -> Result<Answer, String> {
        let endpoint = match self.endpoint() {
            Ok(endpoint) => endpoint,
            Err(_) => {
                self.provider.ask_for_keys().await;
                self.endpoint()?
            }
        };
        let request = self.request(endpoint, token);
        let answer = self
            .client
            .ask(request)
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
        let validity = Validity::of(&claims).map_err(|error| error.to_string())?;
        if let Err(error) = validity.check(now, self.leeway) {
            return Ok(Answer::Untimely(error));
        }
        let end = validity.until(self.leeway);
        let limit = later(now, self.believe_for);
        let until = end.map_or(limit, |end| end.min(limit));
        Ok(Answer::Active(
            Arc::new(VerifiedClaims::of_introspection(claims)),
            until,
        ))
    }

    /// Where to ask; or why nobody can say.
    fn endpoint(&self) -> Result<Uri, String> {
        if let Some(configured) = &self.answerer.endpoint {
            return Ok(configured.clone());
        }
        let known = self.provider.known();
        let by_certificate = matches!(self.authentication, ClientAuthentication::Certificate { .. });
        let named = match &known.introspection_endpoint_mtls {
            Link::To(_) | Link::Unusable(_) if by_certificate => &known.introspection_endpoint_mtls,
            Link::To(_) | Link::Unusable(_) | Link::Absent => &known.introspection_endpoint,
        };
        match (named, &known.error) {
            (Link::To(endpoint), _) => Ok(endpoint.clone()),
            (Link::Unusable(name), _) => Err(format!("the discovery document has no usable '{name}'")),
            (Link::Absent, Some(why)) if known.since.is_none() => Err(why.to_string()),
            (Link::Absent, _) => Err("the provider names no introspection endpoint".to_owned()),
        }
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
    /// Asks, and leaves the answer with the introspector. Whoever goes away while he waits for a turn is not asked for;
    /// whoever goes away later ends nothing, for the provider has been called, and the turn is taken until it answers.
    pub async fn ask(self) {
        let turns = self.introspector.provider.introspections();
        let Some(turn) = turns.take(self.standing).await else {
            return;
        };
        // It ends with the program alone; then nobody waits.
        let _ = tokio::spawn(self.ask_in_turn(turn)).await;
    }

    async fn ask_in_turn(self, turn: Turn) {
        let Self {
            introspector,
            token,
            digest,
            standing: _,
        } = self;
        // Another request with the same token may have asked while this one waited.
        if introspector.known(&digest, UnixTime::now()).is_some() {
            return;
        }
        let answer = introspector.ask(token.expose()).await.unwrap_or_else(|error| {
            warn!(issuer = introspector.provider.issuer(), %error, "a token cannot be introspected");
            Answer::Failed(error.into())
        });
        let now = UnixTime::now();
        let until = match &answer {
            Answer::Active(_, until) if introspector.remembers => *until,
            // For whoever has asked, and looks at once.
            Answer::Active(..) => now,
            Answer::Inactive | Answer::Untimely(_) | Answer::Failed(_) => later(now, REFUSED_FOR),
        };
        match answer {
            Answer::Active(..) => introspector
                .provider
                .introspections()
                .note_good(digest, (now, until)),
            Answer::Inactive | Answer::Untimely(_) | Answer::Failed(_) => turn.hold(),
        }
        introspector.answers.keep(digest, (now, until), Arc::new(answer));
    }
}
