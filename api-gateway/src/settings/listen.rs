//! Kong's listen syntax: `127.0.0.1:8443 ssl http2 reuseport backlog=16384`.

use std::net::SocketAddr;

use super::{Listen, ListenProtocol};

/// Why an entry is refused: the code of the finding and its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// Reads one entry of `proxy_listen`.
pub(super) fn entry(text: &str) -> Result<Listen, Refusal> {
    let mut words = text.split_whitespace();
    let address = address(words.next().unwrap_or_default())?;
    let mut flags = Flags::default();
    for word in words {
        flags.read(word)?;
    }
    let Flags {
        ssl,
        http2,
        reuseport,
        backlog,
    } = flags;
    let protocol = match (ssl, http2) {
        (false, false) => ListenProtocol::Http,
        (true, false) => ListenProtocol::Https,
        (true, true) => ListenProtocol::HttpsWithHttp2,
        (false, true) => {
            return Err(bad(format!(
                "`{text}`: http2 without ssl; HTTP/2 is spoken over TLS only"
            )));
        }
    };
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Listen {
        name,
        address,
        protocol,
        reuseport,
        backlog,
    })
}

#[derive(Default)]
struct Flags {
    ssl: bool,
    http2: bool,
    reuseport: bool,
    backlog: Option<u32>,
}

impl Flags {
    fn read(&mut self, word: &str) -> Result<(), Refusal> {
        match word.split_once('=') {
            None if word == "ssl" => self.ssl = true,
            None if word == "http2" => self.http2 = true,
            None if word == "reuseport" => self.reuseport = true,
            // Hints to nginx and the kernel about how to listen, not about what is spoken.
            None if word == "deferred" || word == "bind" => {}
            None if word == "proxy_protocol" => {
                return Err(Refusal {
                    code: "not-yet",
                    message: "proxy_protocol is not built yet".to_owned(),
                });
            }
            Some(("backlog", number)) => match number.parse() {
                Ok(number) => self.backlog = Some(number),
                Err(_) => return Err(bad(format!("`{word}`: backlog is a whole number"))),
            },
            Some(("so_keepalive", _) | ("ipv6only", "on")) => {}
            _ => {
                return Err(bad(format!(
                    "unknown flag `{word}`; there are ssl, http2, reuseport and backlog=NUMBER"
                )));
            }
        }
        Ok(())
    }
}

fn address(text: &str) -> Result<SocketAddr, Refusal> {
    if text.starts_with("unix:") {
        return Err(Refusal {
            code: "not-yet",
            message: format!("`{text}`: Unix sockets are not built yet"),
        });
    }
    let numeric = text
        .strip_prefix("localhost:")
        .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    numeric.parse().map_err(|_| {
        bad(format!(
            "`{text}` is no IP address and port, such as 127.0.0.1:8443"
        ))
    })
}

fn bad(message: String) -> Refusal {
    Refusal {
        code: "bad-value",
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_kong_writes_them() {
        for (text, address, protocol, reuseport, backlog) in [
            (
                "127.0.0.1:8000",
                "127.0.0.1:8000",
                ListenProtocol::Http,
                false,
                None,
            ),
            (
                "0.0.0.0:8443 ssl",
                "0.0.0.0:8443",
                ListenProtocol::Https,
                false,
                None,
            ),
            (
                "0.0.0.0:8443 http2  ssl reuseport backlog=16384",
                "0.0.0.0:8443",
                ListenProtocol::HttpsWithHttp2,
                true,
                Some(16384),
            ),
            (
                "[::]:0 ssl ipv6only=on deferred so_keepalive=on",
                "[::]:0",
                ListenProtocol::Https,
                false,
                None,
            ),
            (
                "localhost:1 bind",
                "127.0.0.1:1",
                ListenProtocol::Http,
                false,
                None,
            ),
        ] {
            let name = text.replace("  ", " ");
            let expected = Listen {
                name,
                address: address.parse().unwrap(),
                protocol,
                reuseport,
                backlog,
            };
            assert_eq!(entry(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (text, code, message) in [
            (
                "8000",
                "bad-value",
                "`8000` is no IP address and port, such as 127.0.0.1:8443",
            ),
            (
                "",
                "bad-value",
                "`` is no IP address and port, such as 127.0.0.1:8443",
            ),
            (
                "gateway.test:8000",
                "bad-value",
                "`gateway.test:8000` is no IP address and port, such as 127.0.0.1:8443",
            ),
            (
                "unix:/run/a.sock",
                "not-yet",
                "`unix:/run/a.sock`: Unix sockets are not built yet",
            ),
            (
                "127.0.0.1:1 http2",
                "bad-value",
                "`127.0.0.1:1 http2`: http2 without ssl; HTTP/2 is spoken over TLS only",
            ),
            (
                "127.0.0.1:1 proxy_protocol",
                "not-yet",
                "proxy_protocol is not built yet",
            ),
            (
                "127.0.0.1:1 SSL",
                "bad-value",
                "unknown flag `SSL`; there are ssl, http2, reuseport and backlog=NUMBER",
            ),
            (
                "[::]:1 ipv6only=off",
                "bad-value",
                "unknown flag `ipv6only=off`; there are ssl, http2, reuseport and backlog=NUMBER",
            ),
            (
                "127.0.0.1:1 backlog=many",
                "bad-value",
                "`backlog=many`: backlog is a whole number",
            ),
        ] {
            assert_eq!(
                entry(text),
                Err(Refusal {
                    code,
                    message: message.to_owned()
                }),
                "{text}"
            );
        }
    }
}
