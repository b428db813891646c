//! `basic-auth`: the consumer whose user name and password the request has (RFC 7617).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::{AUTHORIZATION, HeaderName, PROXY_AUTHORIZATION};

use super::credential_auth::{CredentialAuth, Visibility};
use crate::credential::{Owner, Passwords};
use crate::exchange::{BearerIdentity, Exchange};
use crate::rejection::{CredentialFault, Rejection};

/// A compiled `basic-auth`.
#[derive(Debug)]
pub struct BasicAuth {
    /// What happens on failure.
    pub auth: CredentialAuth,
    /// `hide_credentials`.
    pub visibility: Visibility,
    /// All user names of the document, with their passwords.
    pub passwords: Arc<Passwords>,
}

/// Padding may be left out, as Kong allows; bits that mean nothing may not be set.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl BasicAuth {
    /// Authenticates by `Proxy-Authorization`; if that does not, by `Authorization`. Kong looks at the second only where
    /// it does not know the first one's user, by which whoever has one password finds out which names there are.
    pub fn access(&self, plugin: &Arc<str>, exchange: &mut Exchange<'_>) -> Result<(), Rejection> {
        if self.auth.stands_back(exchange) {
            return Ok(());
        }
        let found = self.find(exchange);
        self.auth.settle(exchange, plugin, found)
    }

    fn find(&self, exchange: &mut Exchange<'_>) -> Result<&Owner, CredentialFault> {
        let mut fault = CredentialFault::PasswordMissing;
        for name in [PROXY_AUTHORIZATION, AUTHORIZATION] {
            let credentials = Credentials::in_header(&name, exchange);
            if self.visibility == Visibility::Hidden {
                exchange.hide_header(name);
            }
            match credentials {
                Ok(None) => {}
                // The other header may still be good, and is told of if it is not.
                Err(malformed) => fault = malformed,
                Ok(Some(credentials)) => {
                    let owner = self
                        .passwords
                        .find(credentials.username(), credentials.password());
                    match owner {
                        Some(owner) => return Ok(owner),
                        None => fault = CredentialFault::PasswordWrong,
                    }
                }
            }
        }
        Err(fault)
    }

    /// Whose password an answer under way was admitted by, if it is still the same.
    pub fn find_again(&self, identity: &BearerIdentity) -> Option<&Owner> {
        let owner = self.passwords.named(&identity.subject)?;
        (owner.identity.mark? == identity.mark?).then_some(owner)
    }
}

/// `user:password`, decoded.
struct Credentials {
    text: Vec<u8>,
    colon: usize,
}

impl Credentials {
    /// `None`: the header is not there, or of another scheme.
    fn in_header(name: &HeaderName, exchange: &Exchange<'_>) -> Result<Option<Self>, CredentialFault> {
        let mut lines = exchange.head.headers.get_all(name).iter();
        let Some(line) = lines.next() else {
            return Ok(None);
        };
        // Two readers could believe two different ones.
        if lines.next().is_some() {
            return Err(CredentialFault::PasswordMalformed);
        }
        of_basic(line.as_bytes())
            .map(|encoded| Self::decode(encoded).ok_or(CredentialFault::PasswordMalformed))
            .transpose()
    }

    fn decode(encoded: &[u8]) -> Option<Self> {
        let text = BASE64.decode(encoded).ok()?;
        let colon = text.iter().position(|octet| *octet == b':')?;
        // RFC 7617 §2: no control characters; and a name is never empty.
        let is_sound = colon > 0 && !text.iter().any(u8::is_ascii_control);
        is_sound.then_some(Self { text, colon })
    }

    fn username(&self) -> &[u8] {
        self.text.get(..self.colon).unwrap_or_default()
    }

    fn password(&self) -> &[u8] {
        self.text.get(self.colon + 1..).unwrap_or_default()
    }
}

/// What follows the scheme, whose case does not count (RFC 9110 §11.1).
fn of_basic(line: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"basic";
    let (scheme, rest) = line.trim_ascii().split_at_checked(SCHEME.len())?;
    let is_basic = scheme.eq_ignore_ascii_case(SCHEME) && rest.first().is_some_and(u8::is_ascii_whitespace);
    is_basic.then(|| rest.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_name_and_password_are_read_octet_for_octet() {
        let read = |line: &str| {
            let credentials = Credentials::decode(of_basic(line.as_bytes())?)?;
            let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
            Some((text(credentials.username()), text(credentials.password())))
        };
        let basic = |text: &[u8]| {
            let encoded = base64::engine::general_purpose::STANDARD.encode(text);
            format!("Basic {encoded}")
        };
        let one = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        for (line, expected) in [
            // RFC 7617 §2 and §2.1.
            (
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned(),
                one("Aladdin", "open sesame"),
            ),
            ("Basic dGVzdDoxMjPCow==".to_owned(), one("test", "123£")),
            (
                "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ".to_owned(),
                one("Aladdin", "open sesame"),
            ),
            (
                "  BASIC \t QWxhZGRpbjpvcGVuIHNlc2FtZQ== ".to_owned(),
                one("Aladdin", "open sesame"),
            ),
            (basic(b"a:b:c"), one("a", "b:c")),
            (basic(b"a:"), one("a", "")),
            (basic(b":b"), None),
            (basic(b"ab"), None),
            (basic(b""), None),
            (basic(b"a:b\0"), None),
            (basic(b"a\n:b"), None),
            ("BasicQWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned(), None),
            ("Basic".to_owned(), None),
            ("Basic ".to_owned(), None),
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ===".to_owned(), None),
            ("Basic QWxhZGRpbjpvcGVu IHNlc2FtZQ==".to_owned(), None),
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==".to_owned(), None),
            ("Basic a-_b".to_owned(), None),
            ("Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned(), None),
        ] {
            assert_eq!(read(&line), expected, "{line}");
        }
    }
}
