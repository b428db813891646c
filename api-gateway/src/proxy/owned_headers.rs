//! Headers that say who somebody is. Only the gateway writes them: whatever a client sends under these names, in any
//! spelling that another program could fold to them, is removed at entry, and what is true is written at exit.

use http::HeaderName;
use transport::forwarded_cert::{fold, folds_to, is_certificate_header};

/// `X-Consumer-ID`.
pub const CONSUMER_ID: HeaderName = HeaderName::from_static("x-consumer-id");
/// `X-Consumer-Custom-ID`.
pub const CONSUMER_CUSTOM_ID: HeaderName = HeaderName::from_static("x-consumer-custom-id");
/// `X-Consumer-Username`.
pub const CONSUMER_USERNAME: HeaderName = HeaderName::from_static("x-consumer-username");
/// `X-Consumer-Groups`, written by `acl`.
pub const CONSUMER_GROUPS: HeaderName = HeaderName::from_static("x-consumer-groups");
/// `X-Credential-Identifier`.
pub const CREDENTIAL_IDENTIFIER: HeaderName = HeaderName::from_static("x-credential-identifier");
/// `X-Anonymous-Consumer`.
pub const ANONYMOUS_CONSUMER: HeaderName = HeaderName::from_static("x-anonymous-consumer");
/// `X-Authenticated-Groups`, written by `acl`.
pub const AUTHENTICATED_GROUPS: HeaderName = HeaderName::from_static("x-authenticated-groups");
/// `X-Client-Cert-Dn`.
pub const CLIENT_CERT_DN: HeaderName = HeaderName::from_static("x-client-cert-dn");
/// `X-Client-Cert-San`.
pub const CLIENT_CERT_SAN: HeaderName = HeaderName::from_static("x-client-cert-san");

/// Decision 10, folded. A family covers every name that begins with it.
const FAMILIES: [&str; 4] = ["x-consumer-", "x-credential-", "x-client-cert-", "x-principal-"];
const NAMES: [&str; 2] = ["x-anonymous-consumer", "x-authenticated-groups"];

/// Whose a header is, if it is not the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderOwner {
    /// The gateway's own word.
    Gateway,
    /// It holds a certificate that a carrier may have put there.
    Carrier,
}

/// The names that are ours: the fixed ones, and those that plugins are configured to read certificates from.
#[derive(Debug, Default)]
pub struct OwnedHeaders {
    /// Folded. A handful: as many as there are names that plugins read.
    configured: Vec<String>,
}

impl OwnedHeaders {
    /// With the certificate headers that plugins read.
    pub fn with<'a>(names: impl IntoIterator<Item = &'a HeaderName>) -> Self {
        let mut configured: Vec<String> = names
            .into_iter()
            .map(|name| fold(name.as_str()).into_owned())
            .collect();
        configured.sort_unstable();
        configured.dedup();
        // Those of the list are found without.
        configured.retain(|name| !is_certificate_header(name));
        Self { configured }
    }

    /// Whose the header is; `None`: the client's.
    pub fn owner(&self, name: &HeaderName) -> Option<HeaderOwner> {
        let name = name.as_str();
        // Before the families: `x-client-cert-chain` begins like one of ours and holds a certificate.
        if is_certificate_header(name) || self.configured.iter().any(|known| folds_to(name, known)) {
            return Some(HeaderOwner::Carrier);
        }
        // All of ours begin with it, and few of what clients send.
        if !name.starts_with(['x', 'X']) {
            return None;
        }
        let of_family = |family: &&str| {
            name.get(..family.len())
                .is_some_and(|begin| folds_to(begin, family))
        };
        let ours = FAMILIES.iter().any(of_family) || NAMES.iter().any(|known| folds_to(name, known));
        ours.then_some(HeaderOwner::Gateway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_owned_name_is_owned() {
        let owned = OwnedHeaders::with([&HeaderName::from_static("my-cert")]);
        for (name, owner) in [
            ("X-Consumer-ID", Some(HeaderOwner::Gateway)),
            ("X_Consumer_Username", Some(HeaderOwner::Gateway)),
            ("x.consumer.groups", Some(HeaderOwner::Gateway)),
            ("X-Credential-Identifier", Some(HeaderOwner::Gateway)),
            ("x-credential-username", Some(HeaderOwner::Gateway)),
            ("X-Anonymous_Consumer", Some(HeaderOwner::Gateway)),
            ("X-Authenticated-Groups", Some(HeaderOwner::Gateway)),
            ("X-Client-Cert-Dn", Some(HeaderOwner::Gateway)),
            ("X-Client_Cert-San", Some(HeaderOwner::Gateway)),
            ("X-Principal-Mtls-Auth-Username", Some(HeaderOwner::Gateway)),
            ("X-Client-Cert", Some(HeaderOwner::Carrier)),
            ("X-Client-Cert-Chain", Some(HeaderOwner::Carrier)),
            ("X-Amzn-Mtls-Anything", Some(HeaderOwner::Carrier)),
            ("My_Cert", Some(HeaderOwner::Carrier)),
            ("X-Consumer", None),
            ("X-Request-Id", None),
            ("Accept", None),
            ("My-Certificate", None),
        ] {
            assert_eq!(owned.owner(&name.parse().unwrap()), owner, "{name}");
        }
    }
}
