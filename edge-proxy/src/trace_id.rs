//! X-Amzn-Trace-Id, and the ids of connections (headers.md A.6 and A.7).
//!
//! Ids tell requests apart in logs. They are no secrets, so a fast generator makes them.

use std::fmt::{self, Display};
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderName, HeaderValue};

const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// What a client sends beyond this is thrown away.
const LONGEST_INBOUND: usize = 7 * 1024;

/// The id of one request: `1-<8 hex digits of the time>-<24 random hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId([u8; 35]);

/// The id of one connection, `TID_` and 32 hex digits; it joins the connection log and the access log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionId([u8; 36]);

impl RequestId {
    /// A new one.
    pub(crate) fn new() -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        Self::at(now, fastrand::u128(..))
    }

    fn at(seconds: u64, random: u128) -> Self {
        let mut text = *b"1-00000000-000000000000000000000000";
        write_hex(&mut text[2..10], u128::from(seconds));
        write_hex(&mut text[11..], random);
        Self(text)
    }

    /// Writes the header: a new Root, or, where the client sent a Root, ours as Self beside it.
    pub(crate) fn stamp(&self, headers: &mut HeaderMap) {
        let value = match headers.get(X_AMZN_TRACE_ID) {
            None => self.value(*b"Root=", &[]),
            Some(inbound) if inbound.len() > LONGEST_INBOUND => self.value(*b"Root=", &[]),
            Some(inbound) => {
                let inbound = inbound.as_bytes();
                let with_root = fields(inbound).any(|field| starts_with(field, b"Root="));
                self.value(if with_root { *b"Self=" } else { *b"Root=" }, inbound)
            }
        };
        headers.insert(X_AMZN_TRACE_ID, value);
    }

    fn value(&self, label: [u8; 5], inbound: &[u8]) -> HeaderValue {
        let mut text = Vec::with_capacity(label.len() + self.0.len() + 1 + inbound.len());
        text.extend_from_slice(&label);
        text.extend_from_slice(&self.0);
        // The client's Root goes first among its fields; its Self was about an earlier hop.
        let kept = |field: &&[u8]| !starts_with(field, b"Self=");
        let (roots, others): (Vec<_>, Vec<_>) = fields(inbound)
            .filter(kept)
            .partition(|field| starts_with(field, b"Root="));
        for field in roots.iter().take(1).chain(&others) {
            text.push(b';');
            text.extend_from_slice(field);
        }
        // Pieces of a header value and `;` are a header value.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("Root=1-0-0"))
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl ConnectionId {
    /// A new one.
    pub(crate) fn new() -> Self {
        let mut text = *b"TID_00000000000000000000000000000000";
        write_hex(&mut text[4..], fastrand::u128(..));
        Self(text)
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The last digits of a number, as many as there is room for.
fn write_hex(room: &mut [u8], mut number: u128) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for digit in room.iter_mut().rev() {
        *digit = DIGITS[(number & 0xf) as usize];
        number >>= 4;
    }
}

fn fields(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii)
        .filter(|field| !field.is_empty())
}

fn starts_with(field: &[u8], label: &[u8]) -> bool {
    field
        .get(..label.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "1-65000000-00000000000000000000002a";

    fn stamped(inbound: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_AMZN_TRACE_ID, inbound.parse().unwrap());
        RequestId::at(0x6500_0000, 42).stamp(&mut headers);
        headers[X_AMZN_TRACE_ID].to_str().unwrap().to_owned()
    }

    #[test]
    fn without_one_there_is_a_new_root() {
        let mut headers = HeaderMap::new();
        RequestId::at(0x6500_0000, 42).stamp(&mut headers);
        assert_eq!(headers[X_AMZN_TRACE_ID], format!("Root={OURS}"));
    }

    #[test]
    fn the_clients_root_stays_and_ours_becomes_self() {
        for (inbound, outbound) in [
            ("Root=1-67891233-abc", format!("Self={OURS};Root=1-67891233-abc")),
            (
                "Self=1-1-1;Root=1-67891233-abc;CalledFrom=app",
                format!("Self={OURS};Root=1-67891233-abc;CalledFrom=app"),
            ),
            (
                "CalledFrom=app; Root=1-67891233-abc",
                format!("Self={OURS};Root=1-67891233-abc;CalledFrom=app"),
            ),
            ("CalledFrom=app", format!("Root={OURS};CalledFrom=app")),
            ("Self=1-1-1", format!("Root={OURS}")),
            (";;", format!("Root={OURS}")),
        ] {
            assert_eq!(stamped(inbound), outbound, "{inbound}");
        }
    }

    #[test]
    fn a_value_of_more_than_7_kib_is_thrown_away() {
        let kept = format!("Root=1-1-1;a={}", "x".repeat(LONGEST_INBOUND - 13));
        assert_eq!(kept.len(), LONGEST_INBOUND);
        assert_eq!(stamped(&kept), format!("Self={OURS};{kept}"));
        assert_eq!(stamped(&format!("{kept}x")), format!("Root={OURS}"));
    }

    #[test]
    fn ids_have_their_form_and_differ() {
        let hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let (one, other) = (RequestId::new(), RequestId::new());
        assert_ne!(one, other);
        let parts: Vec<&str> = one.as_str().split('-').collect();
        assert_eq!(
            parts.iter().map(|part| part.len()).collect::<Vec<_>>(),
            [1, 8, 24]
        );
        assert!(parts.iter().all(|part| hex(part)));
        let connection = ConnectionId::new();
        let digits = connection.as_str().strip_prefix("TID_").unwrap();
        assert!(digits.len() == 32 && hex(digits));
        assert_ne!(connection, ConnectionId::new());
    }
}
