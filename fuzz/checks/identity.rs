//! From names in a certificate to the names that a consumer is looked up by, over a certificate that is truly verified.
//!
//! The octets describe the names; the certificate around them is made and signed here, as no fuzzer guesses a signature.

use std::sync::{Arc, OnceLock};

use api_gateway::identity::{ClientIdentity, DirectoryNames, IdentityError, UseOfCommonName};
use certs::{AlternativeName, Attribute, Authority, Issued, Leaf, Subject};
use rustls::pki_types::UnixTime;
use transport::certificate::{AlternativeName as Read, Certificate};
use transport::presented::PresentedChain;
use transport::revocation::crl::RevocationLists;
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation, TrustStore};

/// A run of records: a kind, a length, so many octets. See [`Names::add`] for the kinds.
pub(crate) fn check(octets: &[u8]) {
    // More than this is the verifier's business (it is refused as too large), and signing it is slow.
    if octets.len() > 4096 {
        return;
    }
    let mut names = Names::default();
    let mut rest = octets;
    while let [kind, length, after @ ..] = rest {
        let length = usize::from(*length).min(after.len());
        let (value, after) = after.split_at(length);
        names.add(*kind, value);
        rest = after;
    }
    if let Some(identity) = names.identity() {
        judge(&identity);
    }
}

#[derive(Default)]
struct Names {
    subject: Subject,
    alternative: Vec<AlternativeName>,
}

const ATTRIBUTES: [Attribute; 5] = [
    Attribute::CommonName,
    Attribute::Organization,
    Attribute::Email,
    Attribute::UserId,
    Attribute::Other(&[1, 2, 3, 4]),
];

impl Names {
    /// 0 to 4: an attribute of the subject in UTF-8; 5: a common name of any string type; 6: an attribute joined to the
    /// last one; 7: a directory name with a common name of any type; from 0x80: an alternative name of that tag.
    fn add(&mut self, kind: u8, value: &[u8]) {
        let subject = std::mem::take(&mut self.subject);
        let (tag, typed) = value.split_first().unwrap_or((&0x0c, &[]));
        self.subject = match kind {
            0..=4 => subject.with_octets(ATTRIBUTES[usize::from(kind)], 0x0c, value),
            5 => subject.with_octets(Attribute::CommonName, *tag, typed),
            6 => subject.joined(Attribute::Unit, &String::from_utf8_lossy(value)),
            7 => {
                let name = Subject::empty().with_octets(Attribute::CommonName, *tag, typed);
                self.alternative.push(AlternativeName::Directory(name));
                subject
            }
            0x80.. => {
                self.alternative.push(AlternativeName::Raw(kind, value.to_vec()));
                subject
            }
            _ => subject,
        };
    }

    /// `None` where no path is built: the names are then nobody's.
    fn identity(self) -> Option<ClientIdentity> {
        let Pki {
            authority,
            leaf,
            trust,
        } = pki();
        let mut description = Leaf::client("").subject(self.subject);
        for name in self.alternative {
            description = description.alternative_name(name);
        }
        let issued = authority.reissue(description, leaf).ok()?;
        let chain = PresentedChain::new(issued.chain()).ok()?;
        let path = trust.verify_once(&chain, UnixTime::now()).ok()?;
        Some(ClientIdentity::of(&path, &DirectoryNames::default()))
    }
}

struct Pki {
    authority: Authority,
    leaf: Issued,
    trust: TrustStore,
}

fn pki() -> &'static Pki {
    static PKI: OnceLock<Pki> = OnceLock::new();
    PKI.get_or_init(|| {
        let authority = Authority::root("Fuzz Root").expect("a root");
        let policy = Policy {
            purpose: Purpose::Client,
            keys: KeyPolicy::Gateway,
            max_depth: 4,
            partial_chain: PartialChain::Refused,
            expiry: Expiry::Enforced,
            revocation: Revocation::Skip,
        };
        let roots = vec![authority.certificate().clone()];
        Pki {
            leaf: authority.issue(Leaf::client("any")).expect("a leaf"),
            trust: TrustStore::new(roots, policy, RevocationLists::none()).expect("a trust store"),
            authority,
        }
    })
}

fn judge(identity: &ClientIdentity) {
    let leaf: Arc<Certificate> = identity.chain.leaf_certificate().expect("it was verified");
    let wide = identity.names(UseOfCommonName::Always);
    let narrow = identity.names(UseOfCommonName::WithoutSan);
    let (wide, narrow): (Vec<_>, Vec<_>) = (wide.collect(), narrow.collect());
    for name in wide.iter().flatten() {
        let text = name.as_str();
        assert!(!text.chars().any(char::is_control), "a name to look up: {text:?}");
    }
    // Decision 3: beside a SAN the common name is not looked up, unless the plugin says so; then it comes last.
    assert!(wide.starts_with(&narrow), "{wide:?} {narrow:?}");
    assert!(wide.len() - narrow.len() <= 1);
    if leaf.alternative_names().is_none() {
        assert_eq!(wide, narrow);
        assert!(wide.len() <= 1, "{wide:?}");
    }
    if let Ok(Some(common_name)) = identity.common_name() {
        assert!(!common_name.chars().any(char::is_control), "{common_name:?}");
    }
    if identity.common_name() == Err(IdentityError::CommonName) {
        assert_eq!(wide.last(), Some(&Err(IdentityError::CommonName)));
    }
    header_is_a_list(identity, leaf.alternative_names().unwrap_or_default());
    let subject = &identity.subject;
    assert!(
        subject.bytes().all(|octet| (0x20..=0x7e).contains(&octet)),
        "{subject:?}"
    );
}

/// Decision 7: whoever splits the header at its commas gets names of the certificate, each whole, and nothing else.
fn header_is_a_list(identity: &ClientIdentity, names: &[Read]) {
    let Some(header) = &identity.alternative_names_header else {
        return;
    };
    let header = header.to_str().expect("printable ASCII");
    let known: Vec<String> = names
        .iter()
        .filter_map(|name| match name {
            Read::Email(text) | Read::Dns(text) | Read::Uri(text) => Some(text.clone()),
            Read::Ip(address) => Some(address.to_string()),
            Read::Directory(name) => Some(name.to_string()),
            Read::Other => None,
        })
        .collect();
    for part in header.split(", ") {
        assert!(
            known.iter().any(|name| name == part),
            "{part:?} of {header:?} is no name"
        );
    }
}
