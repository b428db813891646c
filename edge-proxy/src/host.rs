//! The authority of a request: one Host header, in the form that ALB gives it (headers.md A.7).

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::uri;
use http::{Uri, Version};

use crate::rejection::Rejection;
use crate::settings::Attributes;

/// Ports that a Host header never needs to name.
const DEFAULT_PORTS: [u16; 2] = [80, 443];

/// What happens to Host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostForm {
    /// The authority of the URI wins, a listener's own port is added, a default port removed.
    Canonical,
    /// It goes on as it came.
    Preserved,
}

impl HostForm {
    /// The form that the attributes ask for.
    pub(crate) fn of(attributes: &Attributes) -> Self {
        if attributes.preserve_host_header {
            Self::Preserved
        } else {
            Self::Canonical
        }
    }
}

/// Leaves the head with an origin-form URI, path and query untouched, and exactly one Host header.
///
/// HTTP/2's `:authority` becomes Host in either form. `listener` is the port that the client connected to and `fallback`
/// the listener's own address, for HTTP/1.0 clients that name no host.
pub(crate) fn settle(
    head: &mut Parts,
    form: HostForm,
    listener: u16,
    fallback: &HeaderValue,
) -> Result<(), Rejection> {
    let from_uri = authority(&head.uri, head.version, form)?;
    let named = match from_uri {
        Some(authority) => Some(authority),
        None => only_host(&head.headers)?,
    };
    let host = match named {
        Some(host) => host,
        None if head.version == Version::HTTP_10 => fallback.clone(),
        None => return Err(Rejection::Host),
    };
    let port = port_of(host.as_bytes()).ok_or(Rejection::Host)?;
    let host = match form {
        HostForm::Preserved => host,
        HostForm::Canonical => canonical(host, port, listener),
    };
    head.headers.insert(header::HOST, host);
    if head.uri.authority().is_some() || head.uri.path_and_query().is_none() {
        to_origin_form(&mut head.uri)?;
    }
    Ok(())
}

/// The authority in the URI, where it counts.
fn authority(uri: &Uri, version: Version, form: HostForm) -> Result<Option<HeaderValue>, Rejection> {
    let Some(authority) = uri.authority() else {
        return Ok(None);
    };
    // `GET name HTTP/1.1`: the form that CONNECT alone has (RFC 9112 §3.2.3).
    if uri.scheme().is_none() {
        return Err(Rejection::Host);
    }
    if form == HostForm::Preserved && version < Version::HTTP_2 {
        return Ok(None);
    }
    if authority.as_str().contains('@') {
        return Err(Rejection::Host);
    }
    HeaderValue::from_str(authority.as_str())
        .map(Some)
        .map_err(|_| Rejection::Host)
}

fn only_host(headers: &HeaderMap) -> Result<Option<HeaderValue>, Rejection> {
    let mut lines = headers.get_all(header::HOST).iter();
    match (lines.next(), lines.next()) {
        (only, None) => Ok(only.cloned()),
        (_, Some(_)) => Err(Rejection::Host),
    }
}

/// Where the port is in a Host value, if it names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Absent,
    /// The colon is here.
    At(usize),
}

/// Reads just enough of a Host value to find its port; None if it is none (RFC 3986 §3.2.2).
fn port_of(host: &[u8]) -> Option<Port> {
    let after_name = match host.first()? {
        b'[' => host.iter().position(|byte| *byte == b']')? + 1,
        b':' => return None,
        _ => host.iter().position(|byte| *byte == b':').unwrap_or(host.len()),
    };
    let (name, rest) = host.split_at(after_name);
    let in_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte) || b"[:]".contains(byte)
    };
    if !name.iter().all(in_name) {
        return None;
    }
    match rest.split_first() {
        None => Some(Port::Absent),
        Some((b':', digits)) if digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit) => {
            Some(Port::At(after_name))
        }
        Some(_) => None,
    }
}

fn canonical(host: HeaderValue, port: Port, listener: u16) -> HeaderValue {
    let bytes = host.as_bytes();
    let on_default_port = DEFAULT_PORTS.contains(&listener);
    let changed = match port {
        Port::Absent if on_default_port => return host,
        Port::Absent => HeaderValue::try_from([bytes, b":", listener.to_string().as_bytes()].concat()),
        Port::At(colon) => {
            let (name, digits) = bytes.split_at(colon);
            let is_default = matches!(digits, b":80" | b":443" | b":");
            if !(on_default_port && is_default) {
                return host;
            }
            HeaderValue::from_bytes(name)
        }
    };
    // A host and a port are a header value.
    changed.unwrap_or(host)
}

fn to_origin_form(uri: &mut Uri) -> Result<(), Rejection> {
    let mut parts = uri::Parts::default();
    parts.path_and_query = Some(
        uri.path_and_query()
            .cloned()
            .unwrap_or(uri::PathAndQuery::from_static("/")),
    );
    *uri = Uri::from_parts(parts).map_err(|_| Rejection::Host)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn settled(
        version: Version,
        uri: &str,
        hosts: &[&str],
        (form, listener): (HostForm, u16),
    ) -> Option<(String, String)> {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        let mut head = request.body(()).unwrap().into_parts().0;
        let fallback = HeaderValue::from_static("192.0.2.1");
        settle(&mut head, form, listener, &fallback).ok()?;
        assert_eq!(head.headers.get_all(header::HOST).iter().count(), 1);
        assert!(head.uri.authority().is_none() && head.uri.scheme().is_none());
        Some((
            head.headers[header::HOST].to_str().unwrap().to_owned(),
            head.uri.to_string(),
        ))
    }

    #[test]
    fn the_host_is_canonical_or_as_it_came() {
        use HostForm::{Canonical, Preserved};
        for (uri, host, form, listener, expected) in [
            ("/", "example.com", Canonical, 443, "example.com"),
            ("/", "example.com:443", Canonical, 443, "example.com"),
            ("/", "example.com:80", Canonical, 80, "example.com"),
            ("/", "example.com:443", Preserved, 443, "example.com:443"),
            ("/", "example.com", Canonical, 8443, "example.com:8443"),
            ("/", "example.com", Preserved, 8443, "example.com"),
            ("/", "example.com:8443", Canonical, 8443, "example.com:8443"),
            ("/", "example.com:9000", Canonical, 443, "example.com:9000"),
            ("/", "example.com:", Canonical, 443, "example.com"),
            ("/", "[::1]", Canonical, 8443, "[::1]:8443"),
            ("/", "[::1]:443", Canonical, 443, "[::1]"),
            ("http://other.test/", "example.com", Canonical, 443, "other.test"),
            (
                "http://other.test:80/",
                "example.com",
                Canonical,
                443,
                "other.test",
            ),
            ("http://other.test/", "example.com", Preserved, 443, "example.com"),
        ] {
            let settled = settled(Version::HTTP_11, uri, &[host], (form, listener));
            assert_eq!(
                settled,
                Some((expected.to_owned(), "/".to_owned())),
                "{uri} {host} {form:?} {listener}"
            );
        }
    }

    #[test]
    fn the_path_and_the_query_stay_as_they_are() {
        for (uri, expected) in [
            ("/a/../b//c%2F;d?e=%20&f", "/a/../b//c%2F;d?e=%20&f"),
            ("//evil.test/x", "//evil.test/x"),
            ("http://h/a?b", "/a?b"),
            ("http://h", "/"),
            ("http://h?q", "/?q"),
            ("*", "*"),
        ] {
            let settled = settled(Version::HTTP_11, uri, &["h"], (HostForm::Canonical, 443));
            assert_eq!(settled.unwrap().1, expected);
        }
    }

    #[test]
    fn http2s_authority_is_the_host() {
        for form in [HostForm::Canonical, HostForm::Preserved] {
            let settled = settled(Version::HTTP_2, "https://a.test/x", &["b.test"], (form, 443));
            assert_eq!(settled, Some(("a.test".to_owned(), "/x".to_owned())));
        }
    }

    #[test]
    fn no_host_several_or_a_wrong_one_are_refused() {
        for hosts in [
            vec![],
            vec!["a", "b"],
            vec!["a", "a"],
            vec![""],
            vec!["a b"],
            vec!["user@a"],
            vec!["a/b"],
            vec![":80"],
            vec!["a:8x"],
            vec!["a:123456"],
            vec!["[::1"],
            vec!["[::1]x"],
        ] {
            let settled = settled(Version::HTTP_11, "/", &hosts, (HostForm::Canonical, 443));
            assert_eq!(settled, None, "{hosts:?}");
        }
        assert_eq!(
            settled(
                Version::HTTP_11,
                "http://user@h/",
                &["h"],
                (HostForm::Canonical, 443)
            ),
            None
        );
        let old = settled(Version::HTTP_10, "/", &[], (HostForm::Canonical, 443));
        assert_eq!(old.unwrap().0, "192.0.2.1");
    }
}
