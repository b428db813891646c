//! A JWS in compact serialisation (RFC 7515 §7.1): three parts, read once, with limits.

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::base64url;
use super::json::{JsonError, object};
use super::key::VerificationKey;

/// Octets of a token, all parts together: what a header line may have.
pub const LONGEST_TOKEN: usize = 16 * 1024;
/// Octets of a `kid`: it is compared and logged, and nothing else.
const LONGEST_KEY_ID: usize = 512;

/// Why a token cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than any that is looked at.
    #[error("the token is longer than 16 KiB")]
    TooLong,
    /// Another number of parts than three.
    #[error("the token has not three parts")]
    Parts,
    /// Five parts: encrypted (JWE).
    #[error("the token is encrypted, which is not supported")]
    Encrypted,
    /// A part is not base64url, strictly.
    #[error("the token's {0} is not base64url")]
    Encoding(&'static str),
    /// A part is not the JSON that it should be.
    #[error("the token's {part} is not usable JSON: {error}")]
    Json {
        /// `header` or `payload`.
        part: &'static str,
        /// What is wrong.
        error: JsonError,
    },
    /// A header parameter that would change what the token means, or is not what it should be.
    #[error("the token's header parameter '{0}' is not accepted")]
    Header(&'static str),
    /// No algorithm that is known; `none` is not one.
    #[error("the token's algorithm is not accepted: {0}")]
    Algorithm(Box<str>),
    /// The token is of another kind.
    #[error("the token is of another type: {0}")]
    Type(Box<str>),
    /// The algorithm is none of this key's.
    #[error("{0} is not an algorithm of this key")]
    WrongAlgorithm(Algorithm),
    /// Somebody else signed it, or something else.
    #[error("the signature is wrong")]
    Signature,
}

impl TokenError {
    /// Whether it cannot even be read, as opposed to: was read, and is not believed.
    pub fn is_malformed(&self) -> bool {
        match self {
            Self::TooLong
            | Self::Parts
            | Self::Encrypted
            | Self::Encoding(_)
            | Self::Json { .. }
            | Self::Header(_)
            | Self::Type(_) => true,
            Self::Algorithm(_) | Self::WrongAlgorithm(_) | Self::Signature => false,
        }
    }
}

/// Which `typ` a token may have (RFC 8725 §3.11); whatever it is, a logout token is none of these. Names are compared without regard to case, and without
/// `application/`, as RFC 7515 §4.1.9 has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeRule {
    /// `JWT`, `at+jwt` or none: what access tokens have. What else a provider signs (logout tokens, DPoP proofs) is not one.
    AccessToken,
    /// `JWT` or none, without a prefix: what Kong's `jwt` takes.
    Jwt,
    /// Any.
    Any,
}

impl TypeRule {
    fn accepts(self, name: &str) -> bool {
        let essence = match name.get(..12) {
            Some(begin) if begin.eq_ignore_ascii_case("application/") => &name[12..],
            Some(_) | None => name,
        };
        match self {
            Self::AccessToken => {
                essence.eq_ignore_ascii_case("JWT") || essence.eq_ignore_ascii_case("at+jwt")
            }
            Self::Jwt => name.eq_ignore_ascii_case("JWT"),
            Self::Any => true,
        }
    }
}

/// A token whose words nobody has vouched for yet.
#[derive(Debug, Clone)]
pub struct UnverifiedToken<'t> {
    algorithm: Algorithm,
    key_id: Option<Box<str>>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signing_input: &'t [u8],
    signature: Vec<u8>,
}

/// What a token says, vouched for by the owner of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedClaims(Map<String, Value>);

impl VerifiedClaims {
    /// The claims.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.0
    }

    /// What an introspection endpoint says of a token: it vouches by answering.
    pub(crate) fn of_introspection(answer: Map<String, Value>) -> Self {
        Self(answer)
    }
}

/// Whether something has the form of a JWS, so that it is read as one and not as an opaque token.
pub fn looks_like_jws(token: &[u8]) -> bool {
    let mut parts = token.split(|octet| *octet == b'.');
    let header = parts.next().and_then(base64url);
    // White space before it is JSON too.
    parts.count() == 2 && header.is_some_and(|header| header.trim_ascii_start().first() == Some(&b'{'))
}

impl<'t> UnverifiedToken<'t> {
    /// Reads a token. Nothing in it is believed by that.
    pub fn parse(token: &'t [u8], types: TypeRule) -> Result<Self, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::TooLong);
        }
        let dots: Vec<usize> = token
            .iter()
            .enumerate()
            .filter_map(|(index, octet)| (*octet == b'.').then_some(index))
            .take(5)
            .collect();
        let (first, second) = match dots.as_slice() {
            [first, second] => (*first, *second),
            [_, _, _, _] => return Err(TokenError::Encrypted),
            _ => return Err(TokenError::Parts),
        };
        let part = |range: std::ops::Range<usize>, name| {
            let octets = token.get(range).unwrap_or_default();
            base64url(octets).ok_or(TokenError::Encoding(name))
        };
        let json = |octets: &[u8], part| object(octets).map_err(|error| TokenError::Json { part, error });
        // In Kong's order, which `jwt` tells the client: what is no JSON, then the header, then the signature.
        let header = json(&part(0..first, "header")?, "header")?;
        let claims = json(&part(first + 1..second, "payload")?, "payload")?;
        let (algorithm, key_id) = read_header(&header, types)?;
        if types != TypeRule::Any && is_logout_token(&claims) {
            return Err(TokenError::Type("a logout token".into()));
        }
        let signature = part(second + 1..token.len(), "signature")?;
        Ok(Self {
            algorithm,
            key_id,
            header,
            claims,
            signing_input: token.get(..second).unwrap_or_default(),
            signature,
        })
    }

    /// `alg`.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The header: words of nobody in particular, good for finding a key by and for nothing else.
    pub fn unverified_header(&self) -> &Map<String, Value> {
        &self.header
    }

    /// The payload, in the same sense.
    pub fn unverified_claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Whether this key signed it.
    pub fn is_signed_by(&self, key: &VerificationKey) -> Result<(), TokenError> {
        key.verify(self.algorithm, self.signing_input, &self.signature)
    }

    /// The claims, if one of these keys signed them, and the key. Otherwise why the last of them did not; `None`: there
    /// was none.
    pub fn verify_by_one_of<K>(
        self,
        keys: impl IntoIterator<Item = K>,
        key_of: impl Fn(&K) -> &VerificationKey,
    ) -> Result<(VerifiedClaims, K), Option<TokenError>> {
        let mut last = None;
        for key in keys {
            match self.is_signed_by(key_of(&key)) {
                Ok(()) => return Ok((VerifiedClaims(self.claims), key)),
                Err(error) => last = Some(error),
            }
        }
        Err(last)
    }

    /// The claims, if this key signed them.
    pub fn verify(self, key: &VerificationKey) -> Result<VerifiedClaims, TokenError> {
        self.is_signed_by(key)?;
        Ok(VerifiedClaims(self.claims))
    }
}

/// A logout token says what it is in its claims, too (OpenID Connect Back-Channel Logout §2.4): the `typ` came later. It
/// has issuer, audience and end like any other, and everybody whom the provider logs out hears of it.
fn is_logout_token(claims: &Map<String, Value>) -> bool {
    const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
    let events = claims.get("events").and_then(Value::as_object);
    events.is_some_and(|events| events.contains_key(EVENT))
}

fn read_header(
    header: &Map<String, Value>,
    types: TypeRule,
) -> Result<(Algorithm, Option<Box<str>>), TokenError> {
    match header.get("typ") {
        Some(Value::String(name)) if !types.accepts(name) => {
            return Err(TokenError::Type(shortened(name)));
        }
        Some(Value::String(_)) | None => {}
        Some(_) => return Err(TokenError::Header("typ")),
    }
    let Some(Value::String(name)) = header.get("alg") else {
        return Err(TokenError::Header("alg"));
    };
    let algorithm = Algorithm::named(name).ok_or_else(|| TokenError::Algorithm(shortened(name)))?;
    // What must be understood is not (RFC 7515 §4.1.11); the payload may not be something else than base64url of JSON
    // (RFC 7797), compressed, or encrypted.
    for name in ["crit", "b64", "enc", "zip"] {
        if header.contains_key(name) {
            return Err(TokenError::Header(name));
        }
    }
    // A token within a token (RFC 7519 §5.2).
    if header.contains_key("cty") {
        return Err(TokenError::Header("cty"));
    }
    let key_id = match header.get("kid") {
        None => None,
        Some(Value::String(id)) if id.len() <= LONGEST_KEY_ID => Some(id.as_str().into()),
        Some(_) => return Err(TokenError::Header("kid")),
    };
    Ok((algorithm, key_id))
}

/// For a message: what a stranger chose may be long.
fn shortened(text: &str) -> Box<str> {
    text.chars()
        .filter(|char| !char.is_control())
        .take(40)
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests;
