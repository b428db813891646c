//! The certificates that are shown, by name. A new one is shown by the next handshake, without a reload.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;
use tokio::sync::mpsc;

use super::domain::{AllowList, Domain};

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

    pub(super) fn show(&self, domain: &Domain, certificate: &Arc<CertifiedKey>) {
        self.by_name.rcu(|by_name| {
            let mut by_name = HashMap::clone(by_name);
            by_name.insert(domain.as_str().into(), Arc::clone(certificate));
            by_name
        });
    }

    pub(super) fn send_wishes(&self, profile: PathBuf, sender: mpsc::Sender<Wish>) {
        // Set once, by the one keeper that a profile is given to.
        let _ = self.wishes.set(Wishes { profile, sender });
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issued({})", self.by_name.load().len())
    }
}
