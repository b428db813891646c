//! Certificate headers, taken out of the request at entry. Nothing else can see them: a plugin claims the one name it
//! was configured with, under its own rule for the source, and what nobody claims is gone.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::proxy::owned_headers::{HeaderOwner, OwnedHeaders};
use transport::forwarded_cert::{fold, folds_to};

/// The certificate header lines of one request, in the order they came.
#[derive(Clone, Debug, Default)]
pub struct CarriedCertificates(Vec<(HeaderName, HeaderValue)>);

/// What came under a claimed name.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// No line at all.
    Absent,
    /// One line, spelled as configured.
    One(&'a HeaderValue),
    /// Two lines, or one in a spelling that another program would take for the same name: somebody is trying something.
    Contradictory,
}

impl CarriedCertificates {
    /// Takes every header that is ours to write, or that holds a certificate, out of `headers`. The latter are kept
    /// here; the former are gone.
    pub fn set_aside(headers: &mut HeaderMap, owned: &OwnedHeaders) -> Self {
        let mut kept = Self::default();
        // Names first: a map cannot be changed while it is walked. The list is empty for most requests.
        let found: Vec<(HeaderName, HeaderOwner)> = headers
            .keys()
            .filter_map(|name| owned.owner(name).map(|owner| (name.clone(), owner)))
            .collect();
        for (name, owner) in found {
            if owner == HeaderOwner::Carrier {
                kept.0.extend(
                    headers
                        .get_all(&name)
                        .iter()
                        .map(|value| (name.clone(), value.clone())),
                );
            }
            headers.remove(&name);
        }
        kept
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What came under `name`, which is in lower case.
    pub fn claim(&self, name: &HeaderName) -> Claim<'_> {
        let wanted = fold(name.as_str());
        let mut lines = self
            .0
            .iter()
            .filter(|(other, _)| folds_to(other.as_str(), &wanted));
        match (lines.next(), lines.next()) {
            (None, _) => Claim::Absent,
            (Some((spelling, value)), None) if spelling == name => Claim::One(value),
            (Some(_), _) => Claim::Contradictory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_needs_exactly_one_line_in_the_right_spelling() {
        let name = HeaderName::from_static("x-amzn-mtls-clientcert");
        for (lines, expected) in [
            (&[][..], "absent"),
            (&[("X-Amzn-Mtls-Clientcert", "a")], "a"),
            (&[("x-amzn-mtls-clientcert", "")], ""),
            (
                &[("X-Amzn-Mtls-Clientcert", "a"), ("X-Amzn-Mtls-Clientcert", "b")],
                "contradictory",
            ),
            (
                &[("X-Amzn-Mtls-Clientcert", "a"), ("X_Amzn-Mtls-Clientcert", "b")],
                "contradictory",
            ),
            (&[("X_Amzn_Mtls_Clientcert", "a")], "contradictory"),
            (&[("X-Amzn.Mtls.Clientcert", "a")], "contradictory"),
            (
                &[("X-Amzn-Mtls-Clientcert-Leaf", "a"), ("client-cert", "b")],
                "absent",
            ),
        ] {
            let mut headers: HeaderMap = lines
                .iter()
                .map(|(name, value)| {
                    (
                        name.parse::<HeaderName>().unwrap(),
                        value.parse::<HeaderValue>().unwrap(),
                    )
                })
                .collect();
            headers.insert("accept", HeaderValue::from_static("*/*"));
            headers.insert("x-consumer-username", HeaderValue::from_static("admin"));
            let carried = CarriedCertificates::set_aside(&mut headers, &OwnedHeaders::default());
            let claimed = match carried.claim(&name) {
                Claim::Absent => "absent".to_owned(),
                Claim::One(value) => value.to_str().unwrap().to_owned(),
                Claim::Contradictory => "contradictory".to_owned(),
            };
            assert_eq!(claimed, expected, "{lines:?}");
            assert_eq!(
                headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
                ["accept"],
                "{lines:?}"
            );
        }
    }
}
