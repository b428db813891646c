//! One handshake with any server, to see what it shows, what it asks for and what it takes.
//!
//! A certificate that does not verify is taken note of and the handshake goes on, because what comes after it is part of
//! the diagnosis. Nothing is sent over the session but its end.

use std::fmt::{self, Display};
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Arguments, table};
use crate::client_tls::{client_config, platform_authorities};
use crate::dial::{DialError, dial};
use crate::handshake_demand::Demand;
use crate::handshake_diagnosis::{Diagnosis, ShownBy, ShownChain, tls_error};
use crate::pem;
use crate::presented::MAX_PRESENTED_BY_SERVER;
use crate::private_key::KeyReference;
use crate::revocation::crl::RevocationLists;
use crate::serve::names_of;
use crate::server_verifier::verify_server;
use crate::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation, TrustStore};

/// How long connecting may take, and then the handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a server may take to say that it does not take our certificate.
const LAST_WORD: Duration = Duration::from_secs(3);
/// Authorities that are told of those that a server names.
const AUTHORITIES: usize = 64;
/// Certificates below the root that are allowed, all that a server may present: how deep is too deep is for whoever connects
/// in earnest.
const DEEPEST: usize = MAX_PRESENTED_BY_SERVER;

/// Whom to visit, and as whom.
pub(super) struct Visit {
    host: String,
    port: u16,
    name: ServerName<'static>,
    identity: Option<Arc<CertifiedKey>>,
    trust: Arc<TrustStore>,
}

/// What was seen.
#[derive(Debug)]
pub(super) struct Seen {
    address: String,
    name: String,
    /// Version and cipher suite, if the handshake came to its end.
    session: Option<(&'static str, &'static str)>,
    chain: Option<ShownChain>,
    /// Why the server's certificate does not verify.
    distrust: Option<Diagnosis>,
    /// Whether it asked for a certificate.
    asked: bool,
    authorities: Vec<String>,
    /// Whose certificate it was shown.
    shown: Option<String>,
    /// Why there is no session.
    failure: Option<Diagnosis>,
}

impl Visit {
    pub(super) fn new(address: &str, arguments: &Arguments) -> Result<Self, String> {
        let wrong = || format!("`{address}` is not HOST:PORT");
        let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = arguments.server_name.clone().unwrap_or_else(|| host.clone());
        let name =
            ServerName::try_from(name).map_err(|error| format!("no server has such a name: {error}"))?;
        let identity = match (&arguments.cert, &arguments.key) {
            (Some(chain), Some(key)) => Some(identity(chain, key)?),
            (_, _) => None,
        };
        let authorities = match &arguments.trust {
            Some(file) => pem::certificates_given(file).map_err(|error| error.to_string())?,
            None => platform_authorities(),
        };
        let trust = TrustStore::new(authorities, policy(), RevocationLists::none())
            .map_err(|error| format!("{error}: name a PEM file of authorities with --trust"))?;
        Ok(Self {
            host,
            port,
            name,
            identity,
            trust: Arc::new(trust),
        })
    }

    /// Shakes hands. The error is that there is nobody.
    pub(super) async fn pay(self) -> Result<Seen, String> {
        let address = if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        };
        let nobody = |error: &dyn Display| format!("cannot connect to {address}: {error}");
        let stream = dial(&self.host, self.port, PATIENCE)
            .await
            .map_err(|error| match error {
                DialError::TooSlow => nobody(&format!("nothing within {} s", PATIENCE.as_secs())),
                DialError::Unresolved(error) | DialError::Refused(error) => nobody(&error),
            })?;
        let observer = Arc::new(Observer {
            judge: verify_server(self.trust),
            seen: OnceLock::new(),
        });
        let verifier = Arc::clone(&observer);
        let config = client_config(self.identity, verifier).map_err(|error| error.to_string())?;
        let mut config = ClientConfig::clone(&config);
        config.alpn_protocols.insert(0, b"h2".to_vec());
        let (config, demand) = Demand::noting_of(&config, &self.name, AUTHORITIES);
        let shaken = TlsConnector::from(config).connect(self.name.clone(), stream);
        let (session, failure) = match timeout(PATIENCE, shaken).await {
            Err(_) => {
                let silence = io::Error::new(io::ErrorKind::TimedOut, "it fell silent");
                (None, Some(Diagnosis::of_server(&silence, &demand)))
            }
            Ok(Err(error)) => (None, Some(Diagnosis::of_server(&error, &demand))),
            Ok(Ok(stream)) => {
                let (_, session) = stream.get_ref();
                let suite = session.negotiated_cipher_suite().map(|suite| suite.suite());
                let names = names_of(session.protocol_version(), suite);
                (Some(names), last_word(stream, &demand).await)
            }
        };
        let (chain, distrust) = observer.told(&demand);
        Ok(Seen {
            address,
            name: self.name.to_str().into_owned(),
            session,
            chain,
            distrust,
            asked: demand.is_made(),
            authorities: demand.authorities().to_vec(),
            shown: demand.shown_subject(),
            failure,
        })
    }
}

fn identity(chain: &Path, key: &str) -> Result<Arc<CertifiedKey>, String> {
    let key = KeyReference::parse(key, Path::new("")).map_err(|problem| format!("--key {problem}"))?;
    let source = chain.display().to_string();
    let chain = pem::certificates_given(chain).map_err(|error| error.to_string())?;
    let certified = key.open().and_then(|key| key.certify(chain, &source));
    certified.map_err(|error| error.to_string())
}

fn policy() -> Policy {
    Policy {
        purpose: Purpose::Server,
        keys: KeyPolicy::Gateway,
        max_depth: DEEPEST,
        partial_chain: PartialChain::Refused,
        expiry: Expiry::Enforced,
        revocation: Revocation::Skip,
    }
}

/// Ends the session and listens: a TLS 1.3 server judges our certificate when we are done with the handshake, and what it
/// has against it comes as an alert, or as a connection that is cut off: some servers have no words for it, and of others
/// the alert is lost with the connection. One that took it answers the end with its own, or with nothing.
async fn last_word(mut stream: TlsStream<TcpStream>, demand: &Demand) -> Option<Diagnosis> {
    let listen = async {
        let mut room = [0; 1024];
        stream.shutdown().await?;
        while stream.read(&mut room).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    match timeout(LAST_WORD, listen).await {
        Ok(Err(error)) => match tls_error(&error) {
            Some(alert @ Error::AlertReceived(_)) => Some(Diagnosis::of_tls(alert, demand)),
            None if demand.is_made() && is_cut_off(&error) => Some(Diagnosis::of_server(&error, demand)),
            Some(_) | None => None,
        },
        Ok(Ok(())) | Err(_) => None,
    }
}

/// Whether the other side dropped the connection, which is not how one that is content ends it.
fn is_cut_off(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}

/// Lets every certificate pass, and remembers what it was and what is wrong with it. That the server holds its key is
/// checked as always.
#[derive(Debug)]
struct Observer {
    judge: Arc<dyn ServerCertVerifier>,
    seen: OnceLock<(Vec<CertificateDer<'static>>, Option<Error>)>,
}

impl Observer {
    /// What was shown, and why it does not verify.
    fn told(&self, demand: &Demand) -> (Option<ShownChain>, Option<Diagnosis>) {
        let Some((chain, refusal)) = self.seen.get() else {
            return (None, None);
        };
        let distrust = refusal.as_ref().map(|error| Diagnosis::of_tls(error, demand));
        let marked = distrust.as_ref().and_then(|why| why.chain.clone());
        (
            marked.or_else(|| ShownChain::of(ShownBy::Peer, chain, None)),
            distrust,
        )
    }
}

impl ServerCertVerifier for Observer {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let refusal = self.judge.verify_server_cert(leaf, rest, name, ocsp, now).err();
        self.seen.get_or_init(|| {
            let chain = std::iter::once(leaf).chain(rest);
            (chain.map(|der| der.clone().into_owned()).collect(), refusal)
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

impl Seen {
    /// Whether the server is believed and took us.
    pub(super) fn is_well(&self) -> bool {
        self.distrust.is_none() && self.failure.is_none()
    }

    pub(super) fn json(&self) -> Value {
        let told = |diagnosis: &Option<Diagnosis>| {
            diagnosis.as_ref().map(|why| {
                json!({"class": why.class.as_str(), "certificate": why.certificate, "cause": why.cause, "remedy": why.remedy})
            })
        };
        json!({
            "address": self.address,
            "server_name": self.name,
            "version": self.session.map(|(version, _)| version),
            "cipher": self.session.map(|(_, cipher)| cipher),
            "chain": self.chain,
            "verified": self.chain.is_some() && self.distrust.is_none(),
            "distrust": told(&self.distrust),
            "asked_for_a_certificate": self.asked,
            "authorities": self.authorities,
            "shown": self.shown,
            "taken": self.failure.is_none(),
            "failure": told(&self.failure),
            "is_well": self.is_well(),
        })
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "server:    {}, asked for {}", self.address, self.name)?;
        match self.session {
            Some((version, cipher)) => writeln!(f, "session:   {version}, {cipher}")?,
            None => writeln!(f, "session:   none")?,
        }
        let chain = json!(self.chain);
        for (depth, shown) in chain["certificates"].as_array().into_iter().flatten().enumerate() {
            let mark = if shown["failed"] == true {
                "  <- this one"
            } else {
                ""
            };
            writeln!(f, "shows, {depth}:  {}{mark}", table::certificate(shown))?;
        }
        match (&self.chain, &self.distrust) {
            (None, _) => writeln!(f, "verifies:  it showed no certificate")?,
            (Some(_), None) => writeln!(f, "verifies:  yes")?,
            (Some(_), Some(why)) => write_diagnosis(f, "verifies:  no", why)?,
        }
        match (self.asked, &self.authorities[..]) {
            (false, _) => writeln!(f, "asks:      for no certificate")?,
            (true, []) => writeln!(f, "asks:      for a certificate, of any authority")?,
            (true, named) => writeln!(f, "asks:      for a certificate of {}", named.join(", "))?,
        }
        let shown = match (&self.shown, self.asked) {
            (Some(subject), _) => format!("`{subject}`"),
            (None, true) => "no certificate".to_owned(),
            (None, false) => "nothing, as nothing was asked for".to_owned(),
        };
        match &self.failure {
            None => write!(f, "was shown: {shown}; took it"),
            Some(why) => {
                writeln!(f, "was shown: {shown}")?;
                write_diagnosis(f, "failed", why)
            }
        }
    }
}

fn write_diagnosis(f: &mut fmt::Formatter<'_>, what: &str, why: &Diagnosis) -> fmt::Result {
    writeln!(f, "{what}: {}: {}", why.class, why.cause)?;
    writeln!(f, "  do:      {}", why.remedy)
}
