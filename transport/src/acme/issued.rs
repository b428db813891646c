//! The certificates that are shown, by name. A new one is shown by the next handshake, without a reload.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;
use tokio::sync::mpsc;

use super::domain::{AllowList, Domain};
use crate::certificate::Certificate;

/// The certificates of a profile, and the list of names that it may have more for.
///
/// A handshake looks in here without a lock. Whom it misses is told to the [`super::Keeper`], if the name is allowed;
/// the handshake does not wait for that.
pub struct Issued {
    allowed: AllowList,
    by_name: ArcSwap<HashMap<Box<str>, Arc<CertifiedKey>>>,
    wishes: OnceLock<Wishes>,
}

/// Where wishes go.
#[derive(Debug)]
struct Wishes {
    /// Of whom: the profile's place.
    profile: PathBuf,
    sender: mpsc::Sender<Wish>,
}

/// A name that a client asked for and that has no certificate.
#[derive(Debug)]
pub(super) struct Wish {
    /// Under which profile.
    pub(super) profile: PathBuf,
    /// The name; allowed.
    pub(super) domain: Domain,
}

impl Issued {
    /// Nothing yet.
    pub fn new(allowed: AllowList) -> Self {
        Self {
            allowed,
            by_name: ArcSwap::default(),
            wishes: OnceLock::new(),
        }
    }

    /// Which names there may be certificates for.
    pub fn allowed(&self) -> &AllowList {
        &self.allowed
    }

    /// The certificate for a server name, in lower case and without the trailing dot.
    pub fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.by_name.load().get(name).cloned()
    }

    /// Tells that a client asked for a name and saw something else. Where nobody listens or too many are told, it is
    /// told again by the next client.
    pub fn missed(&self, name: &str) {
        let Some(wishes) = self.wishes.get() else { return };
        let Ok(domain) = Domain::parse(name) else { return };
        if self.allowed.permits(&domain) {
            let wish = Wish {
                profile: wishes.profile.clone(),
                domain,
            };
            let _ = wishes.sender.try_send(wish);
        }
    }

    /// Shows a certificate in the place of the one before. Only one that has ended does not take the place of one that
    /// has not: of several accounts and types of keys, the best there is is shown until there is another.
    pub(super) fn show(&self, domain: &Domain, certificate: &Arc<CertifiedKey>) {
        let now = UnixTime::now();
        self.by_name.rcu(|by_name| {
            let shown = by_name.get(domain.as_str());
            if shown.is_some_and(|shown| has_ended(certificate, now) && !has_ended(shown, now)) {
                return Arc::clone(by_name);
            }
            let mut by_name = HashMap::clone(by_name);
            by_name.insert(domain.as_str().into(), Arc::clone(certificate));
            Arc::new(by_name)
        });
    }

    pub(super) fn send_wishes(&self, profile: PathBuf, sender: mpsc::Sender<Wish>) {
        // Set once, by the one keeper that a profile is given to.
        let _ = self.wishes.set(Wishes { profile, sender });
    }
}

fn has_ended(certificate: &CertifiedKey, now: UnixTime) -> bool {
    let leaf = certificate
        .cert
        .first()
        .map(|leaf| Certificate::parse(leaf.clone()));
    match leaf {
        Some(Ok(leaf)) => leaf.not_after() < now,
        Some(Err(_)) | None => true,
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued({})", self.by_name.load().len())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;
    use crate::pem;

    fn until(year: i32) -> Arc<CertifiedKey> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["a.example".to_owned()]).expect("a name");
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        let chain = pem::certificates_in(certificate.as_bytes(), "the certificate").expect("a chain");
        let key = pem::private_key_in(key.serialize_pem().as_bytes(), "the key").expect("a key");
        pem::certified_key(chain, key, "the certificate").expect("a pair")
    }

    #[test]
    fn what_has_ended_takes_the_place_of_nothing_that_has_not() {
        let issued = Issued::new(AllowList::default());
        let domain = Domain::parse("a.example").expect("a name");
        let shown = || issued.certificate("a.example").expect("one is shown");
        let (ended, good, shorter, older) = (until(2001), until(2090), until(2080), until(2000));
        for (certificate, expected) in [
            (&older, &older),
            (&ended, &ended),
            (&good, &good),
            (&ended, &good),
            // A newer one may be the shorter: it was asked for.
            (&shorter, &shorter),
        ] {
            issued.show(&domain, certificate);
            assert!(Arc::ptr_eq(&shown(), expected));
        }
    }
}
