//! Certificates, consumers and header values in a few words.

use transport::certificate_error::CertificateError;
use transport::presented::PresentedChain;

use crate::consumer::Consumer;
use crate::identity::{Carrier, Digest};

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
