//! Names that become files, and must not lead out of the directory.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest name. File systems allow 255 octets; a suffix has to fit as well.
const LONGEST: usize = 128;

/// One component of a path: letters, digits, `.`, `_`, `-`, `@` and `+`, beginning with a letter or a digit.
///
/// ```
/// use certs::tree::Name;
///
/// assert!("carol@example.com".parse::<Name>().is_ok());
/// assert!("../carol".parse::<Name>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// A name that cannot be a file here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` cannot be a name: use letters, digits, `.`, `_`, `-`, `@` and `+`, beginning with a letter or a digit, at most {LONGEST}"
)]
pub struct NameError(String);

impl Name {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"._-@+".contains(&octet);
        let begins_well = text
            .bytes()
            .next()
            .is_some_and(|octet| octet.is_ascii_alphanumeric());
        if begins_well && text.len() <= LONGEST && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            // What is shown must not move a terminal's cursor.
            Err(NameError(
                text.chars().take(LONGEST).flat_map(char::escape_debug).collect(),
            ))
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_directory() {
        for good in [
            "alice",
            "a",
            "7",
            "alice.b",
            "alice@example.com",
            "a+b",
            "a..b",
            &"x".repeat(LONGEST),
        ] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        for bad in [
            "", ".", "..", ".hidden", "-rf", "a/b", "/a", "../a", "a\\b", "a\0", "a\n", "ä", "a b",
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(LONGEST + 1).parse::<Name>().is_err());
    }
}
