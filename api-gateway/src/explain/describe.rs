//! Certificates, consumers and header values in a few words.

use http::{HeaderName, HeaderValue, header};
use transport::certificate_error::CertificateError;
use transport::presented::PresentedChain;

use crate::consumer::Consumer;
use crate::identity::{Carrier, Digest};
use crate::snapshot::Snapshot;

/// What a peer showed.
pub(super) fn presented(presented: Result<(Digest, &PresentedChain), &CertificateError>) -> String {
    match presented {
        Ok((_, shown)) => chain(shown),
        Err(error) => format!("unreadable: {error}"),
    }
}

/// A chain by its leaf.
pub(super) fn chain(chain: &PresentedChain) -> String {
    match chain.leaf_certificate() {
        Ok(leaf) => {
            let more = match chain.intermediates().len() {
                0 => String::new(),
                more => format!(", {more} more in the chain"),
            };
            format!(
                "`{}`, serial {}, by `{}`{more}",
                leaf.subject(),
                leaf.serial(),
                leaf.issuer()
            )
        }
        Err(error) => format!("unreadable: {error}"),
    }
}

/// Whose word the peer's is.
pub(super) fn carrier(carrier: &Carrier) -> &'static str {
    match carrier {
        Carrier::Edge(_) => "edge",
        Carrier::TrustedAddress => "trusted_address",
        Carrier::Nobody => "nobody",
    }
}

/// A consumer by the name that people know it by.
pub(super) fn consumer(consumer: &Consumer) -> String {
    let name = consumer.username.as_ref().or(consumer.custom_id.as_ref());
    name.map_or_else(|| consumer.id.to_string(), |name| name.text.to_string())
}

/// Names in brackets.
pub(super) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    format!("[{}]", names.join(", "))
}

/// A value as it may be shown: no credential, and no more of a certificate than that there is one.
pub(super) fn header_value(name: &HeaderName, value: &HeaderValue, snapshot: &Snapshot) -> String {
    let octets = value.len();
    let is_secret = value.is_sensitive()
        || [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE].contains(name);
    if is_secret {
        let scheme = value.to_str().ok().and_then(|text| text.split_once(' '));
        let scheme = scheme
            .filter(|_| *name != header::COOKIE)
            .map(|(scheme, _)| scheme);
        return match scheme {
            Some(scheme) => format!("{scheme} … ({octets} octets)"),
            None => format!("… ({octets} octets)"),
        };
    }
    let text = String::from_utf8_lossy(value.as_bytes());
    if snapshot.owned.owner(name).is_some() && octets > LONGEST_SHOWN {
        let begin: String = text.chars().take(LONGEST_SHOWN).collect();
        return format!("{begin}… ({octets} octets)");
    }
    text.into_owned()
}

const LONGEST_SHOWN: usize = 120;
