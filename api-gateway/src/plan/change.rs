//! What a plan says: who gains what, who loses what, each with a request that shows it.

use std::net::IpAddr;

use serde_json::{Map, Value};
use transport::verify::supposed::Standing;

pub use super::passes::PassKind;
pub use super::presented::Lifetime;
use super::request::PlannedRequest;

/// Which way a change goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// A service is reached that was not, or as another consumer than before.
    Gain,
    /// A service is no longer reached, or no longer as the consumer of before.
    Loss,
    /// The same service is reached, and it is told something else of who calls.
    Other,
}

/// What a caller brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Credential {
    /// A certificate in the handshake.
    pub socket: bool,
    /// A certificate in a header, and who puts it there.
    pub header: Option<HeaderSource>,
    /// A key, a password or a token.
    pub pass: Option<PassState>,
}

/// Who puts a certificate into a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeaderSource {
    /// Whoever may carry certificates for others.
    Carrier,
    /// Anybody.
    Anybody,
}

/// A key, a password or a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PassState {
    /// Which.
    pub kind: PassKind,
    /// When it ends, if it is a token.
    pub lifetime: Lifetime,
    /// Whether it lacks something that one of the sides demands, or has what it forbids.
    pub is_odd: bool,
}

/// How the owners of several credentials belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// Nobody asks.
    #[default]
    Any,
    /// They are different consumers, as far as they are any.
    Apart,
    /// They are different consumers that have a tag in common.
    Akin,
    /// They are one consumer.
    Same,
}

impl Credential {
    /// The words for scripts.
    pub fn word(self) -> String {
        let header = self.header.map(|source| match source {
            HeaderSource::Carrier => "header",
            HeaderSource::Anybody => "header-from-anybody",
        });
        let pass = self.pass.map(|pass| match (pass.kind, pass.lifetime) {
            (PassKind::Key, _) => "key",
            (PassKind::Password, _) => "password",
            (PassKind::AccessToken, _) if pass.is_odd => "incomplete-access-token",
            (PassKind::AccessToken, _) => "access-token",
            (PassKind::Token, Lifetime::Short) => "token",
            (PassKind::Token, Lifetime::Long) => "long-lived-token",
            (PassKind::Token, Lifetime::Over) => "expired-token",
            (PassKind::Token, Lifetime::Unsaid) => "token-without-end",
        });
        let words: Vec<&str> = self
            .socket
            .then_some("socket")
            .into_iter()
            .chain(header)
            .chain(pass)
            .collect();
        if words.is_empty() {
            return "none".to_owned();
        }
        words.join("+")
    }
}

/// Who issued a certificate, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertificateBy {
    /// What the authority is called; `None`: one that neither document has.
    pub authority: Option<String>,
    /// What is known of its revocation.
    pub standing: Standing,
}

/// As whom somebody reaches a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// Anybody: nobody is looked for.
    Anybody,
    /// Whoever holds a certificate with one of these names, without being a consumer.
    Holders(Vec<String>),
    /// Whoever has a token, in these groups if it has to name any, without being a consumer.
    Bearers(Vec<String>),
    /// Whoever is not known, as this consumer.
    Anonymous(String),
    /// These consumers, each as himself; and the groups that all of them are in.
    Consumers(Vec<String>, Vec<String>),
}

/// Some callers who gain or lose alike, and what.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which way it goes.
    pub direction: Direction,
    /// What they bring.
    pub credential: Credential,
    /// Whose the certificate of the connection is, if there is one.
    pub socket: Vec<CertificateBy>,
    /// Whose the certificate in the header is, if there is one.
    pub header: Vec<CertificateBy>,
    /// How the owners of what they bring belong together.
    pub relation: Relation,
    /// Who they are where they get through.
    pub who: Who,
    /// Whether it follows from what anybody gains or loses.
    pub is_implied: bool,
    /// What they gain or lose.
    pub accesses: Vec<Access>,
}

/// A route, the service that it leads to, and a request that shows the change.
#[derive(Clone, Debug)]
pub struct Access {
    /// The route by which it is reached.
    pub route: String,
    /// The service.
    pub service: String,
    /// What is said before and after.
    pub answers: [Answer; 2],
    /// What to send.
    pub witness: Witness,
}

/// What a configuration says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where it leads, or why it does not.
    pub verdict: AnswerVerdict,
    /// The route that the request takes.
    pub route: Option<String>,
    /// The plugin that refuses it.
    pub plugin: Option<String>,
    /// Where in the document that stands: `FILE:LINE:COLUMN`.
    pub place: Option<String>,
    /// The same of the consumer as whom the service is reached.
    pub consumer_place: Option<String>,
    /// The plugin that refuses it on the other side and not on this one, and where it stands.
    pub past: Option<(String, String)>,
}

impl Answer {
    /// What is said, whoever asks: the status, the reason, the plugin; of a request that gets through, the service.
    pub(super) fn without_names(&self) -> (String, Option<String>) {
        let verdict = match &self.verdict {
            AnswerVerdict::Reached { service, .. } => service.clone(),
            AnswerVerdict::Refused { status, reason } => format!("{status} {reason}"),
        };
        (verdict, self.plugin.clone())
    }
}

/// Whether a request gets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerVerdict {
    /// To this service, as this consumer if as any.
    Reached {
        /// The service's name.
        service: String,
        /// The consumer's.
        consumer: Option<String>,
    },
    /// It does not.
    Refused {
        /// The status that the client sees.
        status: u16,
        /// The reason, as the log has it.
        reason: &'static str,
    },
}

/// A request and its sender, by which a change can be seen.
#[derive(Clone, Debug)]
pub struct Witness {
    /// The request.
    pub request: PlannedRequest,
    /// A name in the certificate of the connection, and where it stands there.
    pub socket: Option<CertificateName>,
    /// The same for the certificate in the header.
    pub header: Option<CertificateName>,
    /// The headers that it stands in.
    pub header_names: Vec<String>,
    /// Whose key, password or token, and where it is; never itself.
    pub pass: Option<PassName>,
    /// Whether somebody carries it who may carry certificates.
    pub is_carried: bool,
    /// The client's address, if it matters.
    pub from: Option<IpAddr>,
}

/// Which key, password or token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassName {
    /// What it is.
    pub state: PassState,
    /// The user name, or what the token is signed for; nothing of a key.
    pub name: String,
    /// The consumers whose it is, before and after.
    pub owners: [Option<String>; 2],
    /// Where it is in the request.
    pub place: String,
    /// What else is to be known of it, if it is a provider's token.
    pub grant: Option<String>,
    /// Then, the token.
    pub token: Option<TokenClaims>,
}

/// A provider's token, but for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// What it says; `exp` and what binds it aside.
    pub claims: Map<String, Value>,
    /// Where the key is published that it is signed with, or where it is asked about.
    pub voucher: String,
    /// Whether it names the certificate that it comes with (`cnf`).
    pub is_bound: bool,
    /// Whether only its provider can read it.
    pub is_opaque: bool,
}

/// What has to stand in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateName {
    /// The name.
    pub name: String,
    /// Which name it is: `CN`, `SAN`, `CN beside a SAN` or `subject`.
    pub kind: &'static str,
    /// Who issued it.
    pub by: CertificateBy,
}
