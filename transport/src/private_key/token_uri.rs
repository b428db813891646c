//! The URI of a key on a token: RFC 7512, as far as it says which key is meant.
//!
//! | attribute | |
//! |---|---|
//! | `token`, `manufacturer`, `model`, `serial`, `slot-id` | which token; all that are written must fit, and one token only |
//! | `object`, `id` | which private key on it, by label and by `CKA_ID`; one of them at least |
//! | `type` | `private`, or left out |
//! | `?module-path`, `?module-name` | the library that speaks to it: a file, or `NAME` for `libNAME.so` where PKCS#11 modules are installed |
//! | `?pin-source` | where its PIN is: a path, `file:PATH`, `env:NAME` or `systemd:NAME`; never a command |
//! | `?pin-value` | the PIN itself, with a warning |
//!
//! Every other attribute is refused: one that is passed over could have told two keys apart.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use super::concern::Concern;
use super::secret::SecretSource;

/// Longer ones are mistakes.
const LONGEST: usize = 4096;

/// Which key of which token, through which library. Neither `Display` nor `Debug` shows the PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKey {
    pub(super) library: Library,
    pub(super) token: WantedToken,
    /// `CKA_LABEL`.
    pub(super) object: Option<String>,
    /// `CKA_ID`.
    pub(super) id: Option<Vec<u8>>,
    pub(super) pin: Option<PinSource>,
    /// The part that names the key, as it was written.
    shown: String,
}

/// The PKCS#11 module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Library {
    /// `module-path`.
    Path(PathBuf),
    /// `module-name`.
    Name(String),
}

/// What a token must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WantedToken {
    pub(super) label: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) slot: Option<u64>,
}

/// Where the PIN is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PinSource {
    /// `pin-value`.
    Written(Hidden),
    /// `pin-source`.
    Elsewhere(SecretSource),
}

/// Text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hidden(pub(super) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

impl TokenKey {
    /// Reads what follows `pkcs11:`. Errors name attributes and never quote a value.
    pub(super) fn parse(text: &str, base: &Path) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("is longer than {LONGEST} octets"));
        }
        let (key, access) = text.split_once('?').unwrap_or((text, ""));
        let mut token = WantedToken::default();
        let (mut object, mut id) = (None, None);
        for (name, value) in attributes(key, ';')? {
            match name.as_str() {
                "token" => token.label = Some(text_of(&name, value)?),
                "manufacturer" => token.manufacturer = Some(text_of(&name, value)?),
                "model" => token.model = Some(text_of(&name, value)?),
                "serial" => token.serial = Some(text_of(&name, value)?),
                "slot-id" => {
                    let number = text_of(&name, value)?.parse().ok();
                    token.slot = Some(number.ok_or("has a `slot-id` that is no whole number")?);
                }
                "object" => object = Some(text_of(&name, value)?),
                "id" => id = Some(value),
                "type" if value == b"private" => {}
                "type" => {
                    return Err("has a `type` other than private: only a private key can sign".to_owned());
                }
                "pin-value" | "pin-source" | "module-path" | "module-name" => {
                    return Err(format!(
                        "has `{name}` before the `?`; it belongs behind it, after an `&`"
                    ));
                }
                _ => return Err(format!("has the attribute `{name}`, which is not read here")),
            }
        }
        if object.is_none() && id.is_none() {
            return Err("names no key: write object=LABEL or id=%XX".to_owned());
        }
        let (mut library, mut pin) = (None, None);
        for (name, value) in attributes(access, '&')? {
            let value = text_of(&name, value)?;
            match name.as_str() {
                "module-path" if library.is_none() => library = Some(Library::Path(base.join(value))),
                "module-name" if library.is_none() => library = Some(Library::Name(module_name(value)?)),
                "module-path" | "module-name" => {
                    return Err("has both `module-path` and `module-name`".to_owned());
                }
                "pin-value" if pin.is_none() => pin = Some(PinSource::Written(Hidden(value))),
                "pin-source" if pin.is_none() => pin = Some(PinSource::Elsewhere(pin_source(&value, base)?)),
                "pin-value" | "pin-source" => return Err("has both `pin-value` and `pin-source`".to_owned()),
                _ => {
                    return Err(format!(
                        "has the attribute `{name}` behind the `?`, which is not read here"
                    ));
                }
            }
        }
        Ok(Self {
            library: library
                .ok_or("names no library: add ?module-path=/PATH/OF/THE/MODULE.so or ?module-name=NAME")?,
            token,
            object,
            id,
            pin,
            shown: format!("pkcs11:{key}"),
        })
    }

    pub(super) fn concerns(&self) -> Vec<Concern> {
        match &self.pin {
            Some(PinSource::Written(_)) => vec![Concern::of_written_pin()],
            Some(PinSource::Elsewhere(source)) => Concern::of_source(source, "the token's PIN")
                .into_iter()
                .collect(),
            None => Vec::new(),
        }
    }

    pub(super) fn names_a_library(&self) -> bool {
        matches!(self.library, Library::Path(_))
    }
}

impl Display for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// `NAME=VALUE` between separators, decoded. Each name may be written once.
fn attributes(text: &str, separator: char) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    for part in text.split(separator).filter(|part| !part.is_empty()) {
        // The part is not quoted in errors: it may be a PIN.
        let (name, value) = part
            .split_once('=')
            .ok_or("has an attribute without `=`: write NAME=VALUE")?;
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"-_".contains(&octet));
        if !is_name {
            return Err("has an attribute whose name is none".to_owned());
        }
        if found.iter().any(|(known, _)| known == name) {
            return Err(format!("has `{name}` twice"));
        }
        let value = decoded(value).filter(|value| !value.is_empty()).ok_or_else(|| {
            format!("has a `{name}` that is empty, or has a `%` without two hexadecimal digits")
        })?;
        found.push((name.to_owned(), value));
    }
    Ok(found)
}

/// Percent-decoding (RFC 3986, 2.1), without mercy for a `%` that is none.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&octet, behind)) = rest.split_first() {
        if octet == b'%' {
            let (digits, behind) = behind.split_at_checked(2)?;
            let mut value = 0;
            for digit in digits {
                value = value * 16 + char::from(*digit).to_digit(16)?;
            }
            octets.push(u8::try_from(value).ok()?);
            rest = behind;
        } else {
            octets.push(octet);
            rest = behind;
        }
    }
    Some(octets)
}

fn text_of(name: &str, value: Vec<u8>) -> Result<String, String> {
    let text = String::from_utf8(value).map_err(|_| format!("has a `{name}` that is not UTF-8"))?;
    if text.contains('\0') {
        return Err(format!("has a `{name}` with a NUL in it"));
    }
    Ok(text)
}

/// A name is looked for in the directories of PKCS#11 modules and must not lead out of them.
fn module_name(name: String) -> Result<String, String> {
    let is_name = !name.starts_with('.')
        && name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"-_.+".contains(&octet));
    if is_name {
        Ok(name)
    } else {
        Err("has a `module-name` that is no name; a file is named by `module-path`".to_owned())
    }
}

fn pin_source(value: &str, base: &Path) -> Result<SecretSource, String> {
    if value.starts_with('|') {
        return Err("has a `pin-source` that is a command; commands are not run".to_owned());
    }
    SecretSource::parse(value, base).map_err(|problem| format!("has a `pin-source` that {problem}"))
}
