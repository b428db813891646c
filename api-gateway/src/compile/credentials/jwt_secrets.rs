//! `jwt_secrets`: each with its key parsed. One that cannot be used is an error here, and not of the first request that
//! needs it.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderValue;
use transport::finding::Finding;

use crate::compile::Compilation;
use crate::consumer::Consumers;
use crate::credential::{Fingerprint, JwtCredential, JwtSecrets, Owner};
use crate::document::{JwtSecret, Located};
use crate::secret::Secret;
use crate::token::{Algorithm, KeyError, VerificationKey};

/// What a secret's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecretForm {
    /// The secret.
    Plain,
    /// Base64 of it: `secret_is_base64`. Public keys are what they are.
    Base64,
}

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
/// Kong takes both alphabets.
const BASE64: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT),
    GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT),
];

pub(super) fn all(compilation: &Compilation<'_>, consumers: &Consumers, form: SecretForm) -> JwtSecrets {
    let entities = &compilation.document.jwt_secrets;
    let mut secrets = JwtSecrets::with_capacity(entities.len());
    for entity in entities {
        let made = key(compilation, entity, form);
        let Some((consumer, (key, mark))) = consumers.by_id(entity.consumer).zip(made) else {
            continue;
        };
        let identifier = HeaderValue::from_bytes(entity.key.as_bytes()).ok();
        let credential = JwtCredential {
            algorithm: entity.algorithm,
            key,
            owner: Owner::new(consumer, identifier, (&entity.key, mark), None),
        };
        secrets.add(&entity.key, credential);
    }
    secrets
}

/// The key, and what it is found again by.
fn key(
    compilation: &Compilation<'_>,
    entity: &JwtSecret,
    form: SecretForm,
) -> Option<(Option<VerificationKey>, Fingerprint)> {
    let algorithm = entity.algorithm;
    let (field, located) = match (&entity.secret, &entity.rsa_public_key) {
        (Some(secret), _) if algorithm.is_symmetric() => ("secret", secret),
        (_, Some(pem)) if !algorithm.is_symmetric() => ("rsa_public_key", pem),
        // The document's reader has told it.
        (Some(_) | None, Some(_) | None) => return None,
    };
    let text = located.value.expose();
    let mark = |octets: &[u8]| Fingerprint::of(&[b"jwt", algorithm.name().as_bytes(), octets]);
    let made = if algorithm.is_symmetric() {
        let Some(octets) = octets(text, form) else {
            warn_of_other_form(compilation, located);
            return Some((None, mark(b"")));
        };
        warn_of_short(compilation, located, &octets, algorithm);
        VerificationKey::secret(&octets, &[algorithm]).map(|key| (Some(key), mark(&octets)))
    } else {
        VerificationKey::from_pem(text, algorithm).map(|key| (Some(key), mark(text.as_bytes())))
    };
    match made {
        Ok(made) => Some(made),
        Err(error) => refuse(
            compilation,
            (field, located),
            &what_is_wrong(error, text, algorithm),
        ),
    }
}

fn octets(text: &str, form: SecretForm) -> Option<Vec<u8>> {
    match form {
        SecretForm::Plain => Some(text.as_bytes().to_vec()),
        SecretForm::Base64 => BASE64.iter().find_map(|base64| base64.decode(text).ok()),
    }
}

fn what_is_wrong(error: KeyError, text: &str, algorithm: Algorithm) -> String {
    if text.contains("PRIVATE KEY-----") {
        return "this is a private key, which belongs to whoever signs: the gateway needs the public one"
            .to_owned();
    }
    if text.contains("BEGIN CERTIFICATE-----") {
        return "this is a certificate: the gateway needs the public key in it (openssl x509 -in FILE -noout -pubkey)"
            .to_owned();
    }
    format!("not a key for {algorithm}: {error}")
}

fn refuse<T>(
    compilation: &Compilation<'_>,
    (field, located): (&str, &Located<Secret>),
    message: &str,
) -> Option<T> {
    let (origin, path) = (compilation.at(located.place), format!("jwt_secrets.{field}"));
    compilation.report(Finding::error("bad-value", origin, path, message));
    None
}

/// There may be another plugin for those that are not in base64.
fn warn_of_other_form(compilation: &Compilation<'_>, located: &Located<Secret>) {
    let message = "this secret is no base64: a jwt plugin with secret_is_base64 refuses its tokens";
    let origin = compilation.at(located.place);
    compilation.report(Finding::warning(
        "unusable-credential",
        origin,
        "jwt_secrets.secret",
        message,
    ));
}

/// RFC 7518 §3.2: a secret as long as the digest, at least. A shorter one can be found from any one token.
fn warn_of_short(
    compilation: &Compilation<'_>,
    located: &Located<Secret>,
    octets: &[u8],
    algorithm: Algorithm,
) {
    let least = match algorithm {
        Algorithm::Hs256 => 32,
        Algorithm::Hs384 => 48,
        Algorithm::Hs512 => 64,
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Es256
        | Algorithm::Es384
        | Algorithm::Es512
        | Algorithm::EdDsa => return,
    };
    if octets.len() < least {
        let message = format!(
            "whoever has one token can find a secret of less than {least} octets by trying ({algorithm}; RFC 7518 §3.2)"
        );
        let origin = compilation.at(located.place);
        compilation.report(
            Finding::warning("weak-credential", origin, "jwt_secrets.secret", message)
                .with_fix("draw a secret at random, or use a public key"),
        );
    }
}
