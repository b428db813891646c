//! Values from text, by the type of their key: `1.3` is text where text is wanted and no number that lost a zero.

use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::value::{Dict, Empty, Tag, Value};

use super::schema::{Key, Kind, Scalar};
use crate::private_key::KeyReference;

/// Why a text is no value of its key; the text of a finding.
pub(super) type Refusal = String;

/// Durations beyond a year are mistakes, and would overflow clocks.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// The value of a key, from the text of the environment or of a file that may be written so. An empty text is an
/// unset key: its default, or nothing. White space around a text counts only where the text has several lines.
pub(super) fn of_text(key: &Key, written: &str, base: &Path) -> Result<Value, Refusal> {
    let text = match (written.trim(), key.default()) {
        ("", default) => default.unwrap_or_default(),
        (trimmed, _) if trimmed.contains('\n') => written,
        (trimmed, _) => trimmed,
    };
    match key.kind {
        Kind::One(_) if text.is_empty() => Ok(Value::Empty(Tag::Default, Empty::None)),
        Kind::One(scalar) => of(scalar, text, base),
        Kind::List(scalar) => Ok(Value::from(
            entries(text)
                .map(|entry| of(scalar, entry, base))
                .collect::<Result<Vec<_>, _>>()?,
        )),
        Kind::Table(_) | Kind::Dotted(_) | Kind::Named(_) | Kind::Tables(_) => {
            Err("is a table and has no value of its own".to_owned())
        }
    }
}

/// A single value from its text.
pub(super) fn of(scalar: Scalar, text: &str, base: &Path) -> Result<Value, Refusal> {
    match scalar {
        Scalar::Text => text_value(text),
        Scalar::Word(words) => word(text, words),
        Scalar::Boolean => boolean(text),
        Scalar::Integer { least, most } => match text.parse() {
            Ok(number) => integer(number, least, most),
            Err(_) => Err(format!("{} is no whole number", quoted(text))),
        },
        Scalar::Duration => duration(text),
        Scalar::Path { words } => path(text, words, base),
        Scalar::PrivateKey => private_key(text, base),
    }
}

/// The entries of a comma separated list; empty ones are none.
fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

fn text_value(text: &str) -> Result<Value, Refusal> {
    if text.is_empty() {
        Err("is empty".to_owned())
    } else {
        Ok(Value::from(text))
    }
}

fn word(text: &str, words: &[&str]) -> Result<Value, Refusal> {
    if words.contains(&text) {
        Ok(Value::from(text))
    } else {
        Err(format!("{} is none of {}", quoted(text), words.join(", ")))
    }
}

fn boolean(text: &str) -> Result<Value, Refusal> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" => Ok(Value::from(true)),
        "false" | "off" => Ok(Value::from(false)),
        _ => Err(format!("{} is none of true, false, on, off", quoted(text))),
    }
}

pub(super) fn integer(number: i64, least: i64, most: i64) -> Result<Value, Refusal> {
    if (least..=most).contains(&number) {
        Ok(Value::from(number))
    } else if most == i64::MAX {
        Err(format!("{number} is less than {least}"))
    } else {
        Err(format!("{number} is not between {least} and {most}"))
    }
}

/// A duration in the form that serde gives [`Duration`].
fn duration(text: &str) -> Result<Value, Refusal> {
    let parsed = parse_duration(text).ok_or_else(|| {
        format!(
            "{} is no duration; write a whole number and ms, s, m, h or d, such as 30s",
            quoted(text)
        )
    })?;
    if parsed > LONGEST {
        return Err(format!("{} is longer than a year", quoted(text)));
    }
    Ok(Value::from(Dict::from([
        ("secs".to_owned(), Value::from(parsed.as_secs())),
        ("nanos".to_owned(), Value::from(parsed.subsec_nanos())),
    ])))
}

fn parse_duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (digits, unit) = text.split_at(unit_at);
    let number: u64 = digits.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return None,
    };
    Some(Duration::from_secs(number.saturating_mul(seconds)))
}

fn path(text: &str, words: &[&str], base: &Path) -> Result<Value, Refusal> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if words.contains(&text) {
        return Ok(Value::from(text));
    }
    if text.contains('\n') || text.contains("-----BEGIN") || text.contains('\0') {
        // Not quoted: somebody put the file's content here, which may be a private key.
        return Err("is no file name; PEM text is not read here, name the file that holds it".to_owned());
    }
    let absolute: PathBuf = std::path::absolute(base.join(text)).unwrap_or_else(|_| base.join(text));
    match absolute.to_str() {
        Some(absolute) => Ok(Value::from(absolute)),
        None => Err(format!(
            "{} lies in a directory whose name is not UTF-8",
            quoted(text)
        )),
    }
}

/// A reference in the form that [`KeyReference`] is made of, once it is known to be one.
fn private_key(text: &str, base: &Path) -> Result<Value, Refusal> {
    KeyReference::parse(text, base)?;
    let Some(directory) = base.to_str() else {
        return Err("lies in a directory whose name is not UTF-8".to_owned());
    };
    Ok(Value::from(Dict::from([
        ("reference".to_owned(), Value::from(text)),
        ("base".to_owned(), Value::from(directory)),
    ])))
}

/// What somebody wrote, for a message: in backquotes, cut, and not at all where it may be PEM or hold a PIN.
pub fn quoted(text: &str) -> String {
    const MOST: usize = 80;
    if text.contains("-----BEGIN") {
        return "the PEM text (not shown)".to_owned();
    }
    if text.contains("pin-value") {
        return "the text with a PIN in it (not shown)".to_owned();
    }
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::Kind::{List, One};
    use super::super::schema::Scalar::{Boolean, Duration, Integer, Path, Text, Word};
    use super::*;

    const BASE: &str = "/etc/edge";

    fn read(kind: Kind, text: &str) -> Result<String, String> {
        let key = Key::optional("key", kind);
        of_text(&key, text, std::path::Path::new(BASE)).map(|value| serde_json::to_string(&value).unwrap())
    }

    #[test]
    fn text_is_read_by_the_type_of_its_key() {
        let words = One(Word(&["1.2", "1.3"]));
        let integer = One(Integer { least: 1, most: 4000 });
        let path = One(Path {
            words: &["off", "stdout"],
        });
        let paths = List(Path { words: &["system"] });
        for (kind, text, expected) in [
            (One(Text), "1.3", Ok("\"1.3\"")),
            (One(Text), " padded ", Ok("\"padded\"")),
            (One(Text), "", Ok("null")),
            (words, "1.3", Ok("\"1.3\"")),
            (words, "1.30", Err("`1.30` is none of 1.2, 1.3")),
            (One(Boolean), "on", Ok("true")),
            (One(Boolean), "False", Ok("false")),
            (One(Boolean), "1", Err("`1` is none of true, false, on, off")),
            (integer, "60", Ok("60")),
            (integer, "0", Err("0 is not between 1 and 4000")),
            (integer, "4001", Err("4001 is not between 1 and 4000")),
            (integer, "6e1", Err("`6e1` is no whole number")),
            (
                One(Integer {
                    least: 0,
                    most: i64::MAX,
                }),
                "-1",
                Err("-1 is less than 0"),
            ),
            (One(Duration), "500ms", Ok("{\"nanos\":500000000,\"secs\":0}")),
            (One(Duration), "2m", Ok("{\"nanos\":0,\"secs\":120}")),
            (One(Duration), "1h", Ok("{\"nanos\":0,\"secs\":3600}")),
            (One(Duration), "400d", Err("`400d` is longer than a year")),
            (
                One(Duration),
                "99999999999999999d",
                Err("`99999999999999999d` is longer than a year"),
            ),
            (
                One(Duration),
                "30",
                Err("`30` is no duration; write a whole number and ms, s, m, h or d, such as 30s"),
            ),
            (path, "pki/a.pem", Ok("\"/etc/edge/pki/a.pem\"")),
            (path, "/pki/a.pem", Ok("\"/pki/a.pem\"")),
            (path, "stdout", Ok("\"stdout\"")),
            (path, "./stdout", Ok("\"/etc/edge/stdout\"")),
            (
                path,
                "-----BEGIN PRIVATE KEY-----",
                Err("is no file name; PEM text is not read here, name the file that holds it"),
            ),
            (List(Text), "a, b,,", Ok("[\"a\",\"b\"]")),
            (List(Text), "", Ok("[]")),
            (paths, "system, ca.pem", Ok("[\"system\",\"/etc/edge/ca.pem\"]")),
            (
                Kind::Table(&[]),
                "a",
                Err("is a table and has no value of its own"),
            ),
        ] {
            assert_eq!(
                read(kind, text).as_deref().map_err(String::as_str),
                expected,
                "{kind:?} {text}"
            );
        }
    }

    #[test]
    fn an_empty_text_is_the_default() {
        let key = Key::or("log_level", One(Word(&["info", "debug"])), "info");
        assert_eq!(
            of_text(&key, "", std::path::Path::new(BASE)).unwrap(),
            Value::from("info")
        );
        let list = Key::or("headers", List(Text), "a, b");
        let both = Value::from(vec![Value::from("a"), Value::from("b")]);
        assert_eq!(of_text(&list, " ", std::path::Path::new(BASE)).unwrap(), both);
    }

    #[test]
    fn a_text_of_several_lines_keeps_its_indentation() {
        assert_eq!(
            read(One(Text), "  a: 1\n  b: 2\n").as_deref(),
            Ok("\"  a: 1\\n  b: 2\\n\"")
        );
    }

    #[test]
    fn what_may_be_a_key_is_not_quoted() {
        assert_eq!(
            quoted("-----BEGIN PRIVATE KEY-----\nMC4"),
            "the PEM text (not shown)"
        );
        assert_eq!(
            quoted("pkcs11:object=a?pin-value=1234"),
            "the text with a PIN in it (not shown)"
        );
        assert_eq!(quoted(&"x".repeat(200)), format!("`{}…`", "x".repeat(80)));
        assert_eq!(quoted("a"), "`a`");
    }
}
