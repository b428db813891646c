//! Kong's references to its environment vault, `{vault://env/NAME}`, in the fields that are read so: certificates and
//! their keys.
//!
//! `-` becomes `_` and the whole is in capitals: `{vault://env/edge-key}` is the variable `EDGE_KEY`;
//! `?prefix=kong_` goes before it. Of a variable that holds a JSON object a second segment takes one text:
//! `{vault://env/edge/key}`. Every other vault is refused, and so are `#` (a version) and every other option.

use thiserror::Error;

/// A text in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultReference {
    /// The variable.
    pub variable: String,
    /// The field of the JSON object in it.
    pub field: Option<String>,
}

/// Why there is no text. Never holds what the variable holds.
#[derive(Debug, Error)]
pub enum VaultError {
    /// There is no such variable.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// The reference has a second segment, and the variable no object.
    #[error("the environment variable {0} holds no JSON object")]
    NoObject(String),
    /// The object has no such text.
    #[error("the JSON object in the environment variable {variable} has no text `{field}`")]
    NoField {
        /// The variable.
        variable: String,
        /// The field.
        field: String,
    },
}

impl VaultReference {
    /// Whether somebody meant a reference.
    pub(super) fn is_meant(text: &str) -> bool {
        text.starts_with("{vault://")
    }

    /// Reads a reference; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let inner = text
            .strip_prefix("{vault://")
            .and_then(|rest| rest.strip_suffix('}'));
        let inner = inner.ok_or("a vault reference ends with }")?;
        let path = inner
            .strip_prefix("env/")
            .ok_or("vault references other than {vault://env/NAME} are not supported")?;
        if path.contains('#') {
            return Err("versions of secrets are not supported: the environment has one only");
        }
        let (path, options) = path.split_once('?').unwrap_or((path, ""));
        let mut prefix = "";
        for option in options.split('&').filter(|option| !option.is_empty()) {
            prefix = option
                .strip_prefix("prefix=")
                .ok_or("a reference to the environment has no option but prefix")?;
        }
        let (name, field) = match path.split_once('/') {
            Some((name, field)) => (name, Some(field)),
            None => (path, None),
        };
        let variable = format!("{prefix}{}", name.replace('-', "_")).to_uppercase();
        let is_name = !name.is_empty()
            && !variable.starts_with(|first: char| first.is_ascii_digit())
            && variable
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'_');
        if !is_name {
            return Err("this names no environment variable: a name has letters, digits, `-` and `_`");
        }
        if field.is_some_and(|field| field.is_empty() || field.contains(['/', '%'])) {
            return Err("behind the name there may be one key of a JSON object, and nothing else");
        }
        Ok(Self {
            variable,
            field: field.map(str::to_owned),
        })
    }

    /// The text, from the environment of this process.
    pub(crate) fn read(&self) -> Result<String, VaultError> {
        self.read_within(&|name| std::env::var(name).ok())
    }

    fn read_within(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<String, VaultError> {
        let Self { variable, field } = self;
        let text = environment(variable).ok_or_else(|| VaultError::NotSet(variable.clone()))?;
        let Some(field) = field else { return Ok(text) };
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&text).map_err(|_| VaultError::NoObject(variable.clone()))?;
        let found = object.get(field).and_then(serde_json::Value::as_str);
        found.map(str::to_owned).ok_or_else(|| VaultError::NoField {
            variable: variable.clone(),
            field: field.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_variable_and_possibly_a_field_of_it() {
        for (text, expected) in [
            ("{vault://env/key}", Ok(("KEY", None))),
            ("{vault://env/my-edge_key2}", Ok(("MY_EDGE_KEY2", None))),
            ("{vault://env/key?prefix=kong_}", Ok(("KONG_KEY", None))),
            ("{vault://env/pair/key}", Ok(("PAIR", Some("key")))),
            ("{vault://env/key", Err("ends with }")),
            ("{vault://env/}", Err("no environment variable")),
            ("{vault://env/a=b}", Err("no environment variable")),
            ("{vault://env/1a}", Err("no environment variable")),
            ("{vault://env/ä}", Err("no environment variable")),
            ("{vault://env/a/b/c}", Err("one key of a JSON object")),
            ("{vault://env/a/}", Err("one key of a JSON object")),
            ("{vault://env/a#2}", Err("versions")),
            ("{vault://env/a?ttl=3}", Err("no option but prefix")),
            ("{vault://hcv/a}", Err("other than {vault://env/NAME}")),
            ("{vault://my-vault/a}", Err("other than {vault://env/NAME}")),
            ("{vault://environment/a}", Err("other than {vault://env/NAME}")),
        ] {
            let read = VaultReference::parse(text);
            match (&read, expected) {
                (Ok(read), Ok((variable, field))) => {
                    assert_eq!(
                        (read.variable.as_str(), read.field.as_deref()),
                        (variable, field),
                        "{text}"
                    );
                }
                (Err(problem), Err(part)) => assert!(problem.contains(part), "{text}: {problem}"),
                (read, expected) => panic!("{text}: {read:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn what_is_read_is_the_text_and_no_error_shows_it() {
        let environment = |name: &str| match name {
            "KEY" => Some("-----BEGIN".to_owned()),
            "PAIR" => Some(r#"{"key": "the key", "number": 7}"#.to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("{vault://env/key}", Ok("-----BEGIN")),
            ("{vault://env/pair/key}", Ok("the key")),
            (
                "{vault://env/pair/number}",
                Err("the JSON object in the environment variable PAIR has no text `number`"),
            ),
            (
                "{vault://env/key/key}",
                Err("the environment variable KEY holds no JSON object"),
            ),
            (
                "{vault://env/other}",
                Err("the environment variable OTHER is not set"),
            ),
        ] {
            let read = VaultReference::parse(text).unwrap().read_within(&environment);
            assert_eq!(
                read.map_err(|error| error.to_string()).as_deref(),
                expected.map_err(ToOwned::to_owned).as_deref(),
                "{text}"
            );
        }
    }
}
