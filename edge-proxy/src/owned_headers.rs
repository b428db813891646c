//! Header names that no client may send through the edge, in any spelling.
//!
//! # The threat
//!
//! The gateway believes the edge. A client that gets a header of ours through the edge is believed as if the edge had
//! written it, with any certificate it likes: certificates are public. Servers fold names (`X_Amzn_Mtls_Clientcert`
//! and `X-Amzn-Mtls-Clientcert` are one CGI variable), so names are compared folded, on every listener, whether it
//! asks for certificates or not. Trailers are dropped altogether by [`transport::body::RequestBody`].

use http::HeaderName;
use transport::forwarded_cert::{fold, folds_to, is_certificate_header};

/// Names that are the edge's to write beside the certificates'. Where the edge writes nothing, there is nothing:
/// neither a client's `X-Amzn-Tls-Version` (headers.md A.7) nor its `X-Forwarded-Host`, which the gateway believes
/// from an edge.
const OWNED: [HeaderName; 7] = [
    HeaderName::from_static("x-amzn-tls-version"),
    HeaderName::from_static("x-amzn-tls-cipher-suite"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-path"),
];

/// Names that a client may send and that are rewritten by modules of their own; only their look-alikes are removed.
const REWRITTEN: [&str; 2] = ["x-forwarded-for", "x-amzn-trace-id"];

/// What a listener strips: the identity headers of all fronts, what the edge writes, and the operator's own names.
#[derive(Clone, Debug, Default)]
pub(crate) struct StripList(Box<[Box<str>]>);

/// What the name of a client's header is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// The client's own business.
    Clients,
    /// Ours: removed before ours are written.
    Ours,
}

impl StripList {
    /// The operator's `strip_headers`, beside the names that always are stripped.
    pub(crate) fn new(names: &[HeaderName]) -> Self {
        Self(names.iter().map(|name| fold(name.as_str()).into()).collect())
    }

    /// Whose this name is.
    pub(crate) fn ownership(&self, name: &HeaderName) -> Ownership {
        let name = name.as_str();
        let ours = is_certificate_header(name)
            || OWNED.iter().any(|owned| folds_to(name, owned.as_str()))
            || REWRITTEN
                .iter()
                .any(|rewritten| name != *rewritten && folds_to(name, rewritten))
            || self.0.iter().any(|configured| folds_to(name, configured));
        if ours { Ownership::Ours } else { Ownership::Clients }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(name: &str) -> [String; 4] {
        [
            name.to_owned(),
            name.to_uppercase(),
            name.replace('-', "_"),
            name.replacen('-', ".", 1),
        ]
    }

    #[test]
    fn every_spelling_of_what_is_ours_is_ours() {
        let list = StripList::new(&["x-internal-user".parse().unwrap(), "x_other".parse().unwrap()]);
        for name in [
            "X-Amzn-Mtls-Clientcert",
            "X-Amzn-Mtls-Clientcert-Leaf",
            "Client-Cert",
            "X-Forwarded-Client-Cert",
            "X-Amzn-Tls-Version",
            "X-Amzn-Tls-Cipher-Suite",
            "X-Forwarded-Proto",
            "X-Forwarded-Host",
            "X-Internal-User",
            "X-Other",
        ] {
            for spelling in spellings(name) {
                let name: HeaderName = spelling.parse().unwrap();
                assert_eq!(list.ownership(&name), Ownership::Ours, "{spelling}");
            }
        }
    }

    #[test]
    fn what_is_rewritten_elsewhere_passes_in_its_right_spelling_only() {
        let list = StripList::default();
        for name in REWRITTEN {
            assert_eq!(list.ownership(&name.parse().unwrap()), Ownership::Clients);
            for look_alike in [name.replace('-', "_"), name.replacen('-', ".", 1)] {
                let look_alike: HeaderName = look_alike.parse().unwrap();
                assert_eq!(list.ownership(&look_alike), Ownership::Ours, "{look_alike}");
            }
        }
    }

    #[test]
    fn the_clients_names_stay_the_clients() {
        let list = StripList::new(&["x-internal-user".parse().unwrap()]);
        for name in [
            "host",
            "authorization",
            "x-request-id",
            "x-internal-users",
            "x-real-ip",
            "under_score",
            "x-consumer-username",
        ] {
            assert_eq!(
                list.ownership(&name.parse().unwrap()),
                Ownership::Clients,
                "{name}"
            );
        }
    }
}
