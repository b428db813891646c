//! Headers that concern one connection only (RFC 9110 §7.6.1).

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// What a request's `Upgrade` asks for, as far as we tunnel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// Nothing, or something that we do not do: the request is forwarded as an ordinary one.
    None,
    /// `websocket` (RFC 6455), the one protocol that is tunnelled. `h2c` would be a door past every check.
    WebSocket,
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const PROXY: HeaderName = HeaderName::from_static("proxy");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");

/// Removes what a request's sender said about its own connection, and every header that it named in `Connection`.
///
/// This comes before any header of ours is written: a client that names one of ours in `Connection` (CVE-2022-31813,
/// CVE-2024-45410) removes at most its own copy. Framing and `Host` cannot be named away.
pub fn strip_request(headers: &mut HeaderMap) -> Upgrade {
    let upgrade = asked_upgrade(headers);
    strip(headers);
    // httpoxy: CGI programs take it for the environment's HTTP_PROXY.
    headers.remove(PROXY);
    // hyper answers `100 Continue` by itself when the body is first read.
    headers.remove(header::EXPECT);
    if let Some(te) = headers.get(header::TE) {
        if te.as_bytes().eq_ignore_ascii_case(b"trailers") {
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        } else {
            headers.remove(header::TE);
        }
    }
    headers.remove(header::TRAILER);
    upgrade
}

/// HTTP/2 lets a client split its cookies over several lines, HTTP/1.1 does not (RFC 9113 §8.2.3): they are joined.
pub fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    if lines.next().is_none() || lines.next().is_none() {
        return;
    }
    let all: Vec<&[u8]> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::try_from(all.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

/// Removes what the upstream said about its connection.
pub fn strip_response(headers: &mut HeaderMap) {
    strip(headers);
}

/// Writes the two headers that ask for, or grant, a WebSocket.
pub fn write_websocket(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, UPGRADE);
    headers.insert(header::UPGRADE, WEBSOCKET);
}

fn asked_upgrade(headers: &HeaderMap) -> Upgrade {
    let named = headers
        .get_all(header::CONNECTION)
        .iter()
        .any(|value| tokens(value).any(|t| t.eq_ignore_ascii_case(b"upgrade")));
    let mut protocols = headers.get_all(header::UPGRADE).iter();
    match (named, protocols.next(), protocols.next()) {
        (true, Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"websocket") => Upgrade::WebSocket,
        _ => Upgrade::None,
    }
}

fn strip(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::CONNECTION).iter();
    match (lines.next().cloned(), lines.next().is_some()) {
        (None, _) => {}
        (Some(only), false) => strip_named(headers, &only),
        (Some(_), true) => {
            let all: Vec<HeaderValue> = headers.get_all(header::CONNECTION).iter().cloned().collect();
            for line in &all {
                strip_named(headers, line);
            }
        }
    }
    headers.remove(header::CONNECTION);
    for name in [
        &header::TRANSFER_ENCODING,
        &header::UPGRADE,
        &KEEP_ALIVE,
        &PROXY_CONNECTION,
    ] {
        headers.remove(name);
    }
}

fn strip_named(headers: &mut HeaderMap, connection: &HeaderValue) {
    for token in tokens(connection) {
        if token.eq_ignore_ascii_case(b"close") || token.eq_ignore_ascii_case(b"keep-alive") {
            continue;
        }
        let Ok(name) = HeaderName::from_bytes(token) else {
            continue;
        };
        if name == header::HOST || name == header::CONTENT_LENGTH {
            continue;
        }
        headers.remove(name);
    }
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<HeaderName>().unwrap(),
                    value.parse::<HeaderValue>().unwrap(),
                )
            })
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_request_loses_its_connection_headers_and_those_it_names() {
        for (lines, left) in [
            (vec![("connection", "close"), ("accept", "*/*")], vec!["accept"]),
            (
                vec![
                    ("connection", "X-Secret, close"),
                    ("x-secret", "1"),
                    ("x-other", "1"),
                ],
                vec!["x-other"],
            ),
            (
                vec![
                    ("connection", "keep-alive"),
                    ("connection", "x-second"),
                    ("x-second", "1"),
                ],
                vec![],
            ),
            (
                vec![
                    ("connection", "host, Content-Length"),
                    ("host", "a"),
                    ("content-length", "1"),
                ],
                vec!["content-length", "host"],
            ),
            (vec![("te", "trailers"), ("proxy", "http://evil")], vec!["te"]),
            (vec![("te", "gzip")], vec![]),
            (
                vec![
                    ("transfer-encoding", "chunked"),
                    ("keep-alive", "5"),
                    ("proxy-connection", "x"),
                    ("trailer", "x"),
                ],
                vec![],
            ),
            (vec![("expect", "100-continue")], vec![]),
        ] {
            let mut map = headers(&lines);
            strip_request(&mut map);
            assert_eq!(names(&map), left, "{lines:?}");
        }
    }

    #[test]
    fn only_a_websocket_that_connection_names_is_an_upgrade() {
        for (lines, upgrade) in [
            (
                vec![("connection", "Upgrade"), ("upgrade", "WebSocket")],
                Upgrade::WebSocket,
            ),
            (
                vec![("connection", "keep-alive, upgrade"), ("upgrade", "websocket")],
                Upgrade::WebSocket,
            ),
            (vec![("upgrade", "websocket")], Upgrade::None),
            (
                vec![
                    ("connection", "upgrade, http2-settings"),
                    ("upgrade", "h2c"),
                    ("http2-settings", "AA"),
                ],
                Upgrade::None,
            ),
            (
                vec![("connection", "upgrade"), ("upgrade", "websocket, h2c")],
                Upgrade::None,
            ),
            (
                vec![
                    ("connection", "upgrade"),
                    ("upgrade", "websocket"),
                    ("upgrade", "h2c"),
                ],
                Upgrade::None,
            ),
        ] {
            let mut map = headers(&lines);
            assert_eq!(strip_request(&mut map), upgrade, "{lines:?}");
            assert!(map.get("upgrade").is_none() && map.get("http2-settings").is_none());
        }
    }

    #[test]
    fn cookies_of_several_lines_are_joined() {
        for (lines, joined) in [
            (vec![], vec![]),
            (vec!["a=1"], vec!["a=1"]),
            (vec!["a=1; b=2", "c=3"], vec!["a=1; b=2; c=3"]),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            join_cookies(&mut headers);
            let left: Vec<_> = headers
                .get_all(header::COOKIE)
                .iter()
                .map(|value| value.to_str().unwrap())
                .collect();
            assert_eq!(left, joined);
        }
    }
}
