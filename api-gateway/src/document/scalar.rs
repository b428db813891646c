//! What an unquoted YAML word means.
//!
//! Kong reads YAML with lyaml, which follows YAML 1.1; most tools follow the core schema of YAML 1.2. Where both agree
//! the meaning is theirs. `yes`, `no`, `on` and `off` are booleans, as for Kong: a switch written so works, and where
//! text is expected the type is wrong and the finding says to quote it, so that nothing is taken for something else in
//! silence. Words that are one number for 1.1 and another, or none, for 1.2 (`0777`, `0o17`, `1_000`, `12:30`) are
//! refused.

use super::tree::Value;

/// The meaning of an unquoted word; `None` if YAML 1.1 and 1.2 disagree about it.
pub(super) fn plain(text: &str) -> Option<Value> {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        _ if begins_like_a_number(text) => return number(text),
        _ => Value::Text(text.into()),
    };
    Some(value)
}

fn begins_like_a_number(text: &str) -> bool {
    text.as_bytes()
        .first()
        .is_some_and(|first| first.is_ascii_digit() || b"+-._".contains(first))
}

fn number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(value) = decimal(text, digits) {
        // 1.1 reads a leading zero as octal, 1.2 as nothing in particular.
        let octal_to_some = digits.len() > 1 && digits.starts_with('0') && is_digits(digits);
        return (!octal_to_some).then_some(value);
    }
    if let Some(hexadecimal) = digits.strip_prefix("0x")
        && !hexadecimal.is_empty()
        && hexadecimal.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        let magnitude = i64::from_str_radix(hexadecimal, 16).ok()?;
        return Some(Value::Int(if text.starts_with('-') {
            -magnitude
        } else {
            magnitude
        }));
    }
    let disputed =
        is_radix(digits, "0o", b'7') || is_radix(digits, "0b", b'1') || is_sexagesimal(digits) || {
            let without: String = digits.chars().filter(|character| *character != '_').collect();
            without.len() < digits.len()
                && (decimal(&without, &without).is_some()
                    || without
                        .strip_prefix("0x")
                        .is_some_and(|rest| is_all(rest, |b| b.is_ascii_hexdigit())))
        };
    (!disputed).then(|| Value::Text(text.into()))
}

/// An integer or a number with a point or exponent, as the core schema writes them.
fn decimal(text: &str, digits: &str) -> Option<Value> {
    if is_digits(digits) {
        return Some(match text.parse() {
            Ok(integer) => Value::Int(integer),
            Err(_) => Value::Float(text.parse().ok()?),
        });
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        None => (digits, None),
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        ),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_float = (is_digits(whole) || (whole.is_empty() && !fraction.is_empty()))
        && (fraction.is_empty() || is_digits(fraction))
        && exponent.is_none_or(is_digits);
    if is_float {
        Some(Value::Float(text.parse().ok()?))
    } else {
        None
    }
}

fn is_digits(text: &str) -> bool {
    is_all(text, |byte| byte.is_ascii_digit())
}

fn is_all(text: &str, accepts: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(accepts)
}

fn is_radix(digits: &str, prefix: &str, highest: u8) -> bool {
    digits
        .strip_prefix(prefix)
        .is_some_and(|rest| is_all(rest, |byte| (b'0'..=highest).contains(&byte) || byte == b'_'))
}

/// `190:20:30`, base sixty in YAML 1.1 (and what an unquoted port mapping looks like).
fn is_sexagesimal(digits: &str) -> bool {
    digits.split_once(':').is_some_and(|(first, rest)| {
        is_digits(first)
            && rest.starts_with(|character: char| character.is_ascii_digit())
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b":.".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_kong_takes_them_for() {
        for (text, value) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("yes", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("0", Value::Int(0)),
            ("-17", Value::Int(-17)),
            ("+3", Value::Int(3)),
            ("0xfF", Value::Int(255)),
            ("3.0", Value::Float(3.0)),
            ("0.5", Value::Float(0.5)),
            (".5", Value::Float(0.5)),
            ("1e3", Value::Float(1000.0)),
            ("9223372036854775807", Value::Int(i64::MAX)),
            ("99999999999999999999", Value::Float(1e20)),
            (".inf", Value::Float(f64::INFINITY)),
        ] {
            assert_eq!(plain(text), Some(value), "{text}");
        }
    }

    #[test]
    fn everything_else_is_text() {
        for text in [
            "y",
            "n",
            "yEs",
            "nil",
            "1.2.3",
            "127.0.0.1",
            "127.0.0.1:80",
            "-",
            "--",
            "+",
            ".",
            "_",
            "-a",
            "0x",
            "1e",
            "2001:db8::1",
            "foo:80",
            "8080-8081",
            "10.0.0.0/8",
            "_1a",
            "1a",
        ] {
            assert_eq!(plain(text), Some(Value::Text(text.into())), "{text}");
        }
    }

    #[test]
    fn a_disputed_number_is_refused() {
        for text in [
            "0777",
            "007",
            "-012",
            "0o17",
            "0b101",
            "1_000",
            "0x_ff",
            "12:30",
            "190:20:30.5",
            "1_0.5",
            "_1",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
    }
}
