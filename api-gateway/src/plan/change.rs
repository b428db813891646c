//! What a plan says: who gains what, who loses what, each with a request that shows it.

use std::net::IpAddr;

use transport::verify::supposed::Standing;

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
pub enum Credential {
    /// Nothing.
    Nothing,
    /// A certificate in the handshake.
    Socket,
    /// A certificate in a header, carried by whoever may.
    Header,
    /// The same, and the carrier's own certificate counts too.
    SocketAndHeader,
    /// A certificate in a header that anybody wrote.
    HeaderFromAnybody,
}

impl Credential {
    /// The word for scripts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Socket => "socket",
            Self::Header => "header",
            Self::SocketAndHeader => "socket+header",
            Self::HeaderFromAnybody => "header-from-anybody",
        }
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
    /// Whether somebody carries it who may carry certificates.
    pub is_carried: bool,
    /// The client's address, if it matters.
    pub from: Option<IpAddr>,
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
