//! Keys, passwords and tokens as their owners have them, with the secrets that the documents really hold.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::UnixTime;
use serde_json::{Map, json};

use super::access_token::{AccessToken, answer};
use super::document::{KEYS, PASSWORDS, SECRETS, SIGNERS};
use super::pki::Pki;
use crate::plan::Side;
use crate::plan::presented::Written;

const AUTHORIZATION: &str = "header authorization";

/// Something that its bearer proves nothing by but that he has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    Key {
        key: &'static str,
        /// `header apikey`, as a plan has it.
        place: String,
    },
    Password(&'static str),
    Token {
        signer: &'static str,
        claim: &'static str,
        lifetime: &'static str,
        secret: SigningKey,
        place: String,
    },
    Access(AccessToken),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SigningKey {
    Shared(&'static str, bool),
    Own(usize),
}

/// All that there are.
pub(super) fn passes() -> Vec<Pass> {
    let mut all = Vec::new();
    for key in KEYS {
        for place in ["header apikey", "header x-key"] {
            all.push(Pass::Key {
                key,
                place: place.to_owned(),
            });
        }
    }
    all.extend(PASSWORDS.map(Pass::Password));
    let shared = SECRETS
        .into_iter()
        .flat_map(|secret| [false, true].map(|is_base64| SigningKey::Shared(secret, is_base64)));
    let keys: Vec<SigningKey> = shared.chain([0, 1].map(SigningKey::Own)).collect();
    for signer in SIGNERS {
        for claim in ["iss", "kid"] {
            for lifetime in ["token", "long-lived-token", "expired-token", "token-without-end"] {
                for secret in &keys {
                    all.push(Pass::Token {
                        signer,
                        claim,
                        lifetime,
                        secret: *secret,
                        place: AUTHORIZATION.to_owned(),
                    });
                }
            }
        }
    }
    all
}

impl Pass {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Key { .. } => "key",
            Self::Password(_) => "password",
            Self::Token { lifetime, .. } => lifetime,
            Self::Access(_) => "access-token",
        }
    }

    /// The plugin that it is for.
    pub(super) fn plugin(&self) -> &'static str {
        match self {
            Self::Key { .. } => "key-auth",
            Self::Password(_) => "basic-auth",
            Self::Token { .. } => "jwt",
            Self::Access(_) => "openid-connect",
        }
    }

    /// A header, an argument or a field.
    pub(super) fn written(
        &self,
        (side, pki): (&Side, &Pki),
        thumbprint: Option<[u8; 32]>,
        now: UnixTime,
    ) -> Written {
        let (place, value) = match self {
            Self::Key { key, place } => (&**place, (*key).to_owned()),
            Self::Access(token) => (&*token.place, token.written((side, pki), thumbprint, now)),
            Self::Password(password) => {
                let encoded = STANDARD.encode(format!("user:{password}"));
                return Written::Header(header::AUTHORIZATION, format!("Basic {encoded}"));
            }
            Self::Token {
                signer,
                claim,
                lifetime,
                secret,
                place,
            } => {
                let make = || {
                    let now = now.as_secs();
                    let mut claims = Map::new();
                    claims.insert((*claim).to_owned(), json!(signer));
                    claims.insert("nbf".to_owned(), json!(now - 60));
                    let end = match *lifetime {
                        "token" => Some(now + 60),
                        "long-lived-token" => Some(now + 10 * 365 * 86_400),
                        "expired-token" => Some(now - 60),
                        _ => None,
                    };
                    if let Some(end) = end {
                        claims.insert("exp".to_owned(), json!(end));
                    }
                    let (algorithm, key) = match secret {
                        SigningKey::Shared(text, false) => {
                            (Algorithm::HS256, EncodingKey::from_secret(text.as_bytes()))
                        }
                        SigningKey::Shared(text, true) => {
                            let octets = STANDARD.decode(text).unwrap();
                            (Algorithm::HS256, EncodingKey::from_secret(&octets))
                        }
                        SigningKey::Own(signer) => {
                            let pem = pki.signers[*signer].serialize_pem();
                            (
                                Algorithm::ES256,
                                EncodingKey::from_ec_pem(pem.as_bytes()).unwrap(),
                            )
                        }
                    };
                    jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap()
                };
                let mut made = pki.tokens.borrow_mut();
                let token = made
                    .entry(format!(
                        "{signer} {claim} {lifetime} {secret:?} {}",
                        now.as_secs()
                    ))
                    .or_insert_with(make);
                answer(side, token, |_| None, now);
                (&**place, token.clone())
            }
        };
        match place.split_once(' ').unwrap() {
            ("header", "authorization") => Written::Header(header::AUTHORIZATION, format!("Bearer {value}")),
            ("header", name) => Written::Header(name.parse().unwrap(), value),
            ("argument", name) => Written::Argument(format!("{name}={value}")),
            ("field", name) => Written::Form(format!("{name}={value}")),
            (_, name) => Written::Header(header::COOKIE, format!("{name}={value}")),
        }
    }

    /// The same where a plan says that it is.
    pub(super) fn at(mut self, at: &str) -> Self {
        match &mut self {
            Self::Key { place, .. } | Self::Token { place, .. } => at.clone_into(place),
            Self::Access(token) => at.clone_into(&mut token.place),
            Self::Password(_) => {}
        }
        self
    }
}
