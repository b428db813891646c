//! What is looked at before a request is touched: whether it may pass, and what of it may not.
//!
//! hyper has refused what it could not parse; here is what it let through and an ALB does not (headers.md A.8).

use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Method, Version};
use transport::serve::LONGEST_HEADER_LINE;

use crate::forwarded_for;
use crate::owned_headers::{Ownership, StripList};
use crate::rejection::Rejection;
use crate::settings::{Attributes, DesyncMitigationMode};

/// A request that may pass once it has lost what is not its sender's to say.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// Names to remove.
    forged: Vec<HeaderName>,
    /// What becomes of its connections.
    pub(crate) reuse: Reuse,
}

/// Whether the connections of a request may carry another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Yes.
    Allowed,
    /// No: somebody behind us might see its end elsewhere than we do.
    Refused,
}

/// Whether the request has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// No, or an empty one.
    None,
    /// Yes.
    Some,
}

impl Admitted {
    /// Removes what the client may not say. Comes after the hop's headers are gone and before ours are written.
    pub(crate) fn strip_forged(&self, headers: &mut HeaderMap) {
        for name in &self.forged {
            headers.remove(name);
        }
    }
}

/// Judges the head of a request.
pub(crate) fn admit(
    head: &Parts,
    payload: Payload,
    attributes: &Attributes,
    strip: &StripList,
) -> Result<Admitted, Rejection> {
    if head.method == Method::TRACE || head.method == Method::CONNECT {
        return Err(Rejection::Method);
    }
    let target = head
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    if target > LONGEST_HEADER_LINE {
        return Err(Rejection::UriTooLong);
    }
    let mut forged = Vec::new();
    let mut doubt = Doubt::None;
    for (name, value) in &head.headers {
        if name.as_str().len() + value.len() > LONGEST_HEADER_LINE {
            return Err(Rejection::HeaderTooLong);
        }
        let valid = is_valid(name);
        if !valid {
            doubt = doubt.max(doubt_of_name(name));
        }
        let dropped = !valid && attributes.drop_invalid_header_fields;
        if dropped || strip.ownership(name) == Ownership::Ours {
            forged.push(name.clone());
        }
    }
    forwarded_for::check(&head.headers)?;
    if head.version < Version::HTTP_2 {
        known_coding(&head.headers)?;
        doubt = doubt.max(doubt_of_framing(head, payload));
    }
    let reuse = match (attributes.desync_mitigation_mode, doubt) {
        (_, Doubt::None) | (DesyncMitigationMode::Defensive, Doubt::Acceptable) => Reuse::Allowed,
        (DesyncMitigationMode::Defensive, Doubt::Ambiguous) => Reuse::Refused,
        (DesyncMitigationMode::Strictest, Doubt::Acceptable | Doubt::Ambiguous) => {
            return Err(Rejection::Desync);
        }
    };
    Ok(Admitted { forged, reuse })
}

/// The classes of ALB's desync mitigation that pass in some mode. What it calls severe, hyper refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    None,
    Acceptable,
    Ambiguous,
}

/// ALB's idea of a valid name: letters, digits and hyphens. (http has folded the case already.)
fn is_valid(name: &HeaderName) -> bool {
    name.as_str()
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A name that some server may read as one of the framing headers makes a request ambiguous, any other that is not
/// compliant is merely noted.
fn doubt_of_name(name: &HeaderName) -> Doubt {
    match &*transport::forwarded_cert::fold(name.as_str()) {
        "transfer-encoding" | "content-length" => Doubt::Ambiguous,
        _ => Doubt::Acceptable,
    }
}

fn doubt_of_framing(head: &Parts, payload: Payload) -> Doubt {
    if head.method != Method::GET && head.method != Method::HEAD {
        return Doubt::None;
    }
    match payload {
        Payload::Some => Doubt::Ambiguous,
        Payload::None if head.headers.contains_key(header::CONTENT_LENGTH) => Doubt::Acceptable,
        Payload::None => Doubt::None,
    }
}

/// `chunked`, once, is what hyper undoes and writes again. Any other coding would reach the target as plain bytes.
fn known_coding(headers: &HeaderMap) -> Result<(), Rejection> {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) => Err(Rejection::TransferCoding),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Request;

    use super::*;
    use crate::settings::XffHeaderProcessing;

    fn attributes() -> Attributes {
        Attributes {
            xff_header_processing: XffHeaderProcessing::Append,
            preserve_host_header: false,
            drop_invalid_header_fields: false,
            tls_version_and_cipher_suite: false,
            idle_timeout: Duration::from_mins(1),
            client_keep_alive: Duration::from_hours(1),
            desync_mitigation_mode: DesyncMitigationMode::Defensive,
        }
    }

    fn head(method: &str, lines: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/a?b");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn judge(head: &Parts, payload: Payload, attributes: &Attributes) -> Result<Admitted, Rejection> {
        admit(head, payload, attributes, &StripList::default())
    }

    #[test]
    fn what_an_alb_refuses_is_refused() {
        let long = "a".repeat(LONGEST_HEADER_LINE);
        let addresses = vec!["192.0.2.1"; 31].join(", ");
        for (head, status) in [
            (head("TRACE", &[]), 405),
            (head("CONNECT", &[]), 405),
            (head("GET", &[("x-long", &long)]), 431),
            (head("GET", &[("x-forwarded-for", &addresses)]), 463),
            (head("POST", &[("transfer-encoding", "gzip, chunked")]), 501),
            (
                head(
                    "POST",
                    &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
                ),
                501,
            ),
        ] {
            let rejection = judge(&head, Payload::None, &attributes()).unwrap_err();
            assert_eq!(rejection.status(), status, "{head:?}");
        }
    }

    #[test]
    fn the_limits_themselves_pass() {
        let long = "a".repeat(LONGEST_HEADER_LINE - "x-long".len());
        let addresses = vec!["192.0.2.1"; 30].join(", ");
        for head in [
            head("GET", &[("x-long", &long)]),
            head("GET", &[("x-forwarded-for", &addresses)]),
            head("POST", &[("transfer-encoding", "Chunked")]),
            head("OPTIONS", &[]),
        ] {
            judge(&head, Payload::None, &attributes()).unwrap();
        }
    }

    #[test]
    fn a_doubtful_request_costs_its_connections_or_is_refused() {
        let strictest = Attributes {
            desync_mitigation_mode: DesyncMitigationMode::Strictest,
            ..attributes()
        };
        for (head, payload, defensive, passes_strictest) in [
            (head("GET", &[]), Payload::None, Reuse::Allowed, true),
            (head("POST", &[]), Payload::Some, Reuse::Allowed, true),
            (
                head("GET", &[("content-length", "0")]),
                Payload::None,
                Reuse::Allowed,
                false,
            ),
            (head("GET", &[("x_y", "1")]), Payload::None, Reuse::Allowed, false),
            (head("GET", &[]), Payload::Some, Reuse::Refused, false),
            (
                head("POST", &[("transfer_encoding", "chunked")]),
                Payload::Some,
                Reuse::Refused,
                false,
            ),
        ] {
            let admitted = judge(&head, payload, &attributes()).unwrap();
            assert_eq!(admitted.reuse, defensive, "{head:?}");
            assert_eq!(
                judge(&head, payload, &strictest).is_ok(),
                passes_strictest,
                "{head:?}"
            );
        }
    }

    #[test]
    fn invalid_names_are_dropped_only_if_that_is_wanted_and_forged_ones_always() {
        let mut both = attributes();
        for (drop_invalid, left) in [(false, vec!["accept", "under_score"]), (true, vec!["accept"])] {
            both.drop_invalid_header_fields = drop_invalid;
            let head = head(
                "GET",
                &[
                    ("accept", "*/*"),
                    ("under_score", "1"),
                    ("x_amzn_mtls_clientcert", "forged"),
                    ("X-Amzn-Mtls-Clientcert", "forged"),
                    ("client.cert", "forged"),
                ],
            );
            let admitted = judge(&head, Payload::None, &both).unwrap();
            let mut headers = head.headers;
            admitted.strip_forged(&mut headers);
            let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, left);
        }
    }
}
