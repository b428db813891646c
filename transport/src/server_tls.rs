//! TLS towards clients: which certificate is shown, whether one is asked for, and what is never resumed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion, version};

use crate::acme::Issued;
use crate::key_exchange;
use crate::stapling::{FetchedStaple, Shown, StapleProblem, Unfetchable};

/// The TLS versions that a listener speaks. TLS 1.2 is ECDHE with AEAD only: rustls has nothing weaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Versions {
    /// Both; a client that can has TLS 1.3.
    #[default]
    Tls12AndTls13,
    /// TLS 1.2 alone.
    Tls12Only,
    /// TLS 1.3 alone.
    Tls13Only,
}

/// Whether a client is asked for a certificate.
#[derive(Clone, Debug)]
pub enum ClientAuthentication {
    /// Not asked. Sessions may be resumed by tickets: they live twelve hours, their keys change every six and belong to
    /// this configuration alone, so that a reload ends all of them.
    NotAsked,
    /// Asked; the verifier says whether one is required and what is judged in the handshake. Nothing is ever resumed:
    /// a resumed session carries no proof of the key and no fresh judgement (CVE-2025-23419).
    Asked(Arc<dyn ClientCertVerifier>),
}

/// HTTP versions offered by ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// `h2`, then `http/1.1`.
    Http2AndHttp1,
    /// `http/1.1` alone.
    Http1,
}

/// The certificates of a listener and the names that they are shown for.
#[derive(Debug)]
pub struct CertificateChooser {
    by_name: HashMap<Box<str>, Keys>,
    default: Keys,
    /// Certificates that come and go while this is shown.
    issued: Vec<Arc<Issued>>,
}

/// Certificates of different key types for one name; the client's signature schemes choose.
#[derive(Clone, Default)]
pub struct Keys(Vec<Shown>);

impl CertificateChooser {
    /// A chooser that shows `default` to everybody.
    pub fn new(default: Keys) -> Self {
        Self {
            by_name: HashMap::new(),
            default,
            issued: Vec::new(),
        }
    }

    /// Shows what an ACME server issues, for names that have no certificate of their own in here: before a wildcard's.
    /// Whoever sees the default instead is told to `issued`.
    pub fn add_issued(&mut self, issued: Arc<Issued>) {
        self.issued.push(issued);
    }

    /// Whether a certificate was added for exactly this name, in lower case.
    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Shows `key` for a name: exact, `*.example.com`, `example.*`, or `*` for every name that no other entry has.
    /// The first certificate of a key type wins.
    pub fn add(&mut self, name: &str, key: Arc<CertifiedKey>) {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.by_name.entry(name.into_boxed_str()).or_default().push(key);
    }

    /// The certificates for a server name, in the order of Kong's §9.1: the exact name, one label replaced at the left,
    /// one at the right, `*`, the default. Without a server name it is the default, never `*`.
    pub fn choose(&self, server_name: Option<&str>) -> &Keys {
        let Some(name) = server_name.filter(|_| !self.by_name.is_empty()) else {
            return &self.default;
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let left = name
            .split_once('.')
            .filter(|(_, rest)| rest.contains('.'))
            .map(|(_, rest)| format!("*.{rest}"));
        let right = name.rsplit_once('.').map(|(rest, _)| format!("{rest}.*"));
        [Some(name), left, right, Some("*".to_owned())]
            .into_iter()
            .flatten()
            .find_map(|candidate| self.by_name.get(candidate.as_str()))
            .unwrap_or(&self.default)
    }

    /// The certificate that this client is shown: of those for its server name, the first whose key it can check.
    pub fn key_for(&self, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(issued) = self.issued_for(hello.server_name()) {
            return Some(issued);
        }
        let keys = self.choose(hello.server_name());
        let now = UnixTime::now();
        let mut shown = keys.0.iter().map(|shown| shown.key(now));
        let fitting = shown.find(|key| key.key.choose_scheme(hello.signature_schemes()).is_some());
        // If none fits, the first one lets rustls say so in its own words.
        fitting.or_else(|| keys.0.first().map(|shown| shown.key(now)))
    }

    fn issued_for(&self, server_name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        if self.issued.is_empty() {
            return None;
        }
        let name = server_name?;
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if self.by_name.contains_key(name.as_str()) {
            return None;
        }
        let found = self.issued.iter().find_map(|issued| issued.certificate(&name));
        if found.is_none() && std::ptr::eq(self.choose(Some(&name)), &raw const self.default) {
            for issued in &self.issued {
                issued.missed(&name);
            }
        }
        found
    }

    /// Staples an OCSP response to the certificate that it is about, wherever that is shown, if the response is good.
    pub fn staple(&mut self, response: &[u8], now: UnixTime) -> Result<(), StapleProblem> {
        let mut outcome = Err(StapleProblem::Nobodys);
        for shown in self.shown_mut() {
            match shown.staple(response, now) {
                Err(StapleProblem::Nobodys) => {}
                about => outcome = about,
            }
        }
        outcome
    }

    /// Has the OCSP answers of all certificates fetched from now on, each once. What can be fetched goes to `wanted`; the
    /// others are told, with the subject.
    pub fn fetch_staples(&mut self, wanted: &mut Vec<Arc<FetchedStaple>>) -> Vec<(String, Unfetchable)> {
        let mut left_out = Vec::new();
        for shown in self.shown_mut() {
            if let Err(why) = shown.fetch(wanted) {
                let about = (shown.to_string(), why);
                if !left_out.contains(&about) {
                    left_out.push(about);
                }
            }
        }
        left_out
    }

    /// The subjects of certificates whose clients expect a stapled answer ("must staple") and for which there is none, and
    /// nobody who would fetch one.
    pub fn without_their_staple(&self) -> Vec<String> {
        let keys = self.by_name.values().chain([&self.default]);
        let lacking = keys
            .flat_map(|keys| &keys.0)
            .filter(|shown| shown.lacks_its_staple());
        let mut subjects: Vec<String> = lacking.map(ToString::to_string).collect();
        subjects.sort();
        subjects.dedup();
        subjects
    }

    fn shown_mut(&mut self) -> impl Iterator<Item = &mut Shown> {
        let keys = self.by_name.values_mut().chain([&mut self.default]);
        keys.flat_map(|keys| keys.0.iter_mut())
    }
}

impl Keys {
    /// One certificate.
    pub fn one(key: Arc<CertifiedKey>) -> Self {
        Self(vec![Shown::new(key)])
    }

    /// Adds a certificate of, presumably, another key type.
    pub fn push(&mut self, key: Arc<CertifiedKey>) {
        self.0.push(Shown::new(key));
    }
}

impl FromIterator<Arc<CertifiedKey>> for Keys {
    fn from_iter<I: IntoIterator<Item = Arc<CertifiedKey>>>(keys: I) -> Self {
        Self(keys.into_iter().map(Shown::new).collect())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

impl ResolvesServerCert for CertificateChooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.key_for(&hello)
    }
}

/// A listener's TLS configuration, in two forms that differ in the key exchange alone.
#[derive(Clone, Debug)]
pub struct ServerConfigs {
    /// For clients that can do the hybrid key exchange that is preferred; absent where TLS 1.3 is not spoken.
    hybrid: Option<Arc<ServerConfig>>,
    classical: Arc<ServerConfig>,
}

impl ServerConfigs {
    /// A listener's configuration.
    pub fn new(
        certificates: Arc<CertificateChooser>,
        clients: &ClientAuthentication,
        versions: Versions,
        offer: Offer,
    ) -> Result<Self, rustls::Error> {
        let parts = (certificates, clients, offer);
        let (classical, spoken) = (key_exchange::any_group(), versions.spoken());
        let classical = config(classical, &spoken, parts.clone())?;
        let hybrid = match versions {
            Versions::Tls12Only => None,
            Versions::Tls12AndTls13 | Versions::Tls13Only => {
                let mut hybrid = config(key_exchange::preferred_group(), &spoken, parts)?;
                // One client may come by either.
                hybrid.ticketer = Arc::clone(&classical.ticketer);
                Some(Arc::new(hybrid))
            }
        };
        Ok(Self {
            hybrid,
            classical: Arc::new(classical),
        })
    }

    /// The form for a client.
    pub fn for_client(&self, hello: &ClientHello<'_>) -> &Arc<ServerConfig> {
        let groups = hello.named_groups().unwrap_or_default();
        let can = groups.contains(&key_exchange::PREFERRED);
        self.hybrid.as_ref().filter(|_| can).unwrap_or(&self.classical)
    }
}

impl Versions {
    fn spoken(self) -> Vec<&'static SupportedProtocolVersion> {
        match self {
            Self::Tls12AndTls13 => vec![&version::TLS13, &version::TLS12],
            Self::Tls12Only => vec![&version::TLS12],
            Self::Tls13Only => vec![&version::TLS13],
        }
    }
}

fn config(
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    (certificates, clients, offer): (Arc<CertificateChooser>, &ClientAuthentication, Offer),
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(versions)?;
    let mut config = match clients {
        ClientAuthentication::NotAsked => {
            let mut config = builder.with_no_client_auth().with_cert_resolver(certificates);
            config.ticketer = aws_lc_rs::Ticketer::new()?;
            config
        }
        ClientAuthentication::Asked(verifier) => {
            let mut config = builder
                .with_client_cert_verifier(Arc::clone(verifier))
                .with_cert_resolver(certificates);
            config.send_tls13_tickets = 0;
            config
        }
    };
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ignore_client_order = true;
    config.max_early_data_size = 0;
    config.alpn_protocols = match offer {
        Offer::Http2AndHttp1 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Offer::Http1 => vec![b"http/1.1".to_vec()],
    };
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::possession::prove_possession;

    fn forms(clients: &ClientAuthentication) -> Vec<Arc<ServerConfig>> {
        let nothing = Arc::new(CertificateChooser::new(Keys::default()));
        let configs = ServerConfigs::new(nothing, clients, Versions::default(), Offer::Http1)
            .expect("a configuration without certificates is one");
        [configs.hybrid, Some(configs.classical)]
            .into_iter()
            .flatten()
            .collect()
    }

    #[test]
    fn tickets_are_made_where_nobody_is_asked_and_nowhere_else() {
        let made = forms(&ClientAuthentication::NotAsked);
        assert!(
            Arc::ptr_eq(&made[0].ticketer, &made[1].ticketer),
            "a client may come by either form"
        );
        for config in made {
            assert!(config.ticketer.enabled());
            assert_eq!(config.ticketer.lifetime(), 12 * 60 * 60);
            assert_eq!(config.max_early_data_size, 0);
        }
        for config in forms(&ClientAuthentication::Asked(prove_possession(Vec::new()))) {
            assert!(!config.ticketer.enabled());
            assert_eq!((config.send_tls13_tickets, config.max_tls13_tickets), (0, 0));
            assert!(!config.session_storage.can_cache());
        }
    }
}
