//! From a URI to a session that can sign: which token, which PIN, which object.

use std::sync::Arc;

use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::{Limit, Slot, TokenInfo};
use cryptoki::types::AuthPin;

use super::error::TokenError;
use super::module::{Module, digest_of};
use crate::private_key::Environment;
use crate::private_key::token_uri::{Hidden, PinSource, TokenKey, WantedToken};

/// How many tokens or keys a message names.
const NAMED: usize = 8;

/// DER of the curves' object identifiers, as `CKA_EC_PARAMS` has them.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
/// The same as a name, which PKCS#11 3.0 allows.
const EDWARDS25519: &[u8] = b"\x13\x0cedwards25519";

/// A PIN and what it is remembered by.
#[derive(Clone)]
pub(super) struct Pin {
    text: AuthPin,
    digest: Arc<[u8]>,
}

/// What kind of key it is: which signatures it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

/// A session in which the key was found.
#[derive(Debug)]
pub(super) struct OpenKey {
    pub(super) session: Session,
    pub(super) object: ObjectHandle,
}

/// What is known of a key once it was opened.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) kind: KeyKind,
    pub(super) slot: Slot,
    /// How many sessions the token gives, if it says so.
    pub(super) sessions: Option<u64>,
}

/// The PIN of a URI, if it has one. A file may end with a line break, which is not part of it.
pub(super) fn pin(key: &TokenKey, environment: Environment<'_>) -> Result<Option<Pin>, TokenError> {
    let text = match &key.pin {
        None => return Ok(None),
        Some(PinSource::Written(Hidden(text))) => text.clone(),
        Some(PinSource::Elsewhere(source)) => {
            let octets = source.read(environment).map_err(TokenError::Pin)?;
            let text = String::from_utf8(octets).map_err(|_| TokenError::UnusablePin)?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    if text.is_empty() {
        return Err(TokenError::UnusablePin);
    }
    Ok(Some(Pin {
        digest: digest_of(text.as_bytes()).into(),
        text: AuthPin::from(text),
    }))
}

/// Opens a session with the token and finds the key on it.
pub(super) fn open(
    key: &TokenKey,
    module: &Module,
    pin: Option<&Pin>,
) -> Result<(OpenKey, Facts), TokenError> {
    let (slot, token) = slot(key, &module.functions)?;
    let session = module
        .functions
        .open_ro_session(slot)
        .map_err(TokenError::call("open a session"))?;
    if let Some(pin) = pin {
        let named = (token.label(), token.serial_number());
        module.log_in(&session, named, &pin.text, &pin.digest)?;
    }
    let object = object(key, &session, &token, pin.is_some())?;
    let kind = kind(key, &session, object, &token)?;
    let sessions = match token.max_session_count() {
        Limit::Max(most) => Some(most),
        Limit::Unavailable | Limit::Infinite => None,
    };
    Ok((OpenKey { session, object }, Facts { kind, slot, sessions }))
}

/// The one token that fits. Looked for at every opening: one that was away may come back elsewhere.
fn slot(key: &TokenKey, functions: &Pkcs11) -> Result<(Slot, TokenInfo), TokenError> {
    let slots = functions
        .get_slots_with_token()
        .map_err(TokenError::call("list its slots"))?;
    let mut tokens: Vec<(Slot, TokenInfo)> = slots
        .into_iter()
        .filter_map(|slot| Some((slot, functions.get_token_info(slot).ok()?)))
        .filter(|(_, token)| token.token_initialized())
        .collect();
    let labels = names(tokens.iter().map(|(_, token)| token.label()));
    tokens.retain(|(slot, token)| fits(&key.token, *slot, token));
    let count = tokens.len();
    let first = tokens.into_iter().next();
    match first {
        Some(found) if count == 1 => Ok(found),
        Some(_) => Err(TokenError::ManyTokens {
            key: key.to_string(),
            count,
        }),
        None => Err(TokenError::NoToken {
            key: key.to_string(),
            present: labels.map_or_else(|| "is none".to_owned(), |labels| format!("are {labels}")),
        }),
    }
}

fn fits(wanted: &WantedToken, slot: Slot, token: &TokenInfo) -> bool {
    let WantedToken {
        label,
        manufacturer,
        model,
        serial,
        slot: number,
    } = wanted;
    let same =
        |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is.trim_end());
    same(label, token.label())
        && same(manufacturer, token.manufacturer_id())
        && same(model, token.model())
        && same(serial, token.serial_number())
        && number.is_none_or(|number| number == slot.id())
}

fn object(
    key: &TokenKey,
    session: &Session,
    token: &TokenInfo,
    has_pin: bool,
) -> Result<ObjectHandle, TokenError> {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    let any = template.clone();
    template.extend(
        key.object
            .clone()
            .map(|label| Attribute::Label(label.into_bytes())),
    );
    template.extend(key.id.clone().map(Attribute::Id));
    let find = |template: &[Attribute]| {
        session
            .find_objects(template)
            .map_err(TokenError::call("look for the key"))
    };
    let found = find(&template)?;
    match *found {
        [only] => Ok(only),
        [] => {
            let labels: Vec<String> = find(&any)?
                .into_iter()
                .map(|other| label(session, other))
                .collect();
            let present = match names(labels.iter().map(String::as_str)) {
                Some(labels) => format!("it has {labels}"),
                None if has_pin => "it has none at all".to_owned(),
                None => "it shows none without a PIN: add pin-source=".to_owned(),
            };
            Err(TokenError::NoKey {
                token: token.label().to_owned(),
                key: key.to_string(),
                present,
            })
        }
        _ => Err(TokenError::ManyKeys {
            token: token.label().to_owned(),
            key: key.to_string(),
            count: found.len(),
        }),
    }
}

fn label(session: &Session, object: ObjectHandle) -> String {
    let found = session.get_attributes(object, &[AttributeType::Label]);
    match found.unwrap_or_default().first() {
        Some(Attribute::Label(label)) => String::from_utf8_lossy(label).into_owned(),
        _ => String::new(),
    }
}

/// Names in backquotes, the first few of them; `None` if there is none.
fn names<'n>(all: impl Iterator<Item = &'n str>) -> Option<String> {
    let all: Vec<String> = all.map(|name| format!("`{}`", name.trim_end())).collect();
    let (shown, more) = all.split_at(all.len().min(NAMED));
    match (shown, more.len()) {
        ([], _) => None,
        (shown, 0) => Some(shown.join(", ")),
        (shown, more) => Some(format!("{} and {more} more", shown.join(", "))),
    }
}

/// Which signatures the key makes, if it may make any without asking a person.
fn kind(
    key: &TokenKey,
    session: &Session,
    object: ObjectHandle,
    token: &TokenInfo,
) -> Result<KeyKind, TokenError> {
    let wanted = [
        AttributeType::KeyType,
        AttributeType::EcParams,
        AttributeType::Sign,
        AttributeType::AlwaysAuthenticate,
    ];
    let attributes = session
        .get_attributes(object, &wanted)
        .map_err(TokenError::call("describe the key"))?;
    let unusable = |problem| TokenError::UnusableKey {
        token: token.label().to_owned(),
        key: key.to_string(),
        problem,
    };
    let (mut key_type, mut curve) = (None, None);
    for attribute in attributes {
        match attribute {
            Attribute::KeyType(found) => key_type = Some(found),
            Attribute::EcParams(found) => curve = Some(found),
            Attribute::Sign(false) => return Err(unusable("may not sign (CKA_SIGN is false)")),
            Attribute::AlwaysAuthenticate(true) => {
                return Err(unusable(
                    "wants its PIN at every signature (CKA_ALWAYS_AUTHENTICATE), which no server can do",
                ));
            }
            _ => {}
        }
    }
    let known = match (key_type, curve.as_deref()) {
        (Some(KeyType::RSA), _) => Some(KeyKind::Rsa),
        (Some(KeyType::EC), Some(P256)) => Some(KeyKind::P256),
        (Some(KeyType::EC), Some(P384)) => Some(KeyKind::P384),
        (Some(KeyType::EC), Some(P521)) => Some(KeyKind::P521),
        (Some(KeyType::EC_EDWARDS), Some(ED25519 | EDWARDS25519)) => Some(KeyKind::Ed25519),
        _ => None,
    };
    known.ok_or_else(|| {
        unusable("is of a type that is not supported: use RSA, P-256, P-384, P-521 or Ed25519")
    })
}
