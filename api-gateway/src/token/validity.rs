//! `exp`, `nbf` and `iat` (RFC 7519 §4.1): seconds since 1970, perhaps with a fraction, and perhaps nonsense.

use std::time::Duration;

use rustls::pki_types::UnixTime;
use serde_json::{Map, Value};

/// The last second of the year 9999: what lies beyond is no date that anybody meant.
const LAST: f64 = 253_402_300_799.0;

/// A date in a token.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct NumericDate(f64);

/// Why a token is not good now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// `exp` is over.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` is to come.
    #[error("the token was issued in the future")]
    IssuedLater,
    /// A claim that is no date.
    #[error("the claim '{0}' is no date")]
    NoDate(&'static str),
    /// No `exp`, where one is needed.
    #[error("the token has no 'exp'")]
    NoEnd,
}

impl NumericDate {
    /// The date of a claim; `None` if there is no such claim.
    pub fn of(claims: &Map<String, Value>, name: &'static str) -> Result<Option<Self>, TimeError> {
        let Some(value) = claims.get(name) else {
            return Ok(None);
        };
        match value.as_f64() {
            Some(seconds) if (0.0..=LAST).contains(&seconds) => Ok(Some(Self(seconds))),
            Some(_) | None => Err(TimeError::NoDate(name)),
        }
    }

    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.0
    }

    /// The last whole second before it.
    fn last_before(self) -> UnixTime {
        // Within the bounds that `of` keeps.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let seconds = self.0.ceil() as u64;
        UnixTime::since_unix_epoch(Duration::from_secs(seconds.saturating_sub(1)))
    }
}

/// The dates of a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validity {
    /// `exp`.
    pub expires: Option<NumericDate>,
    /// `nbf`.
    pub not_before: Option<NumericDate>,
    /// `iat`.
    pub issued: Option<NumericDate>,
}

impl Validity {
    /// The dates that claims name.
    pub fn of(claims: &Map<String, Value>) -> Result<Self, TimeError> {
        Ok(Self {
            expires: NumericDate::of(claims, "exp")?,
            not_before: NumericDate::of(claims, "nbf")?,
            issued: NumericDate::of(claims, "iat")?,
        })
    }

    /// Whether they hold at `now`, give or take `leeway`. A token without an end has to be asked for one apart.
    pub fn check(&self, now: UnixTime, leeway: Duration) -> Result<(), TimeError> {
        // Far below where a double could not hold a second.
        #[expect(clippy::cast_precision_loss)]
        let now = now.as_secs() as f64;
        let leeway = leeway.as_secs_f64();
        if self.expires.is_some_and(|end| now >= end.0 + leeway) {
            return Err(TimeError::Expired);
        }
        if self.not_before.is_some_and(|begin| now < begin.0 - leeway) {
            return Err(TimeError::NotYetValid);
        }
        if self.issued.is_some_and(|issued| now < issued.0 - leeway) {
            return Err(TimeError::IssuedLater);
        }
        Ok(())
    }

    /// The last second in which it is good; `None` if it has no end.
    pub fn until(&self, leeway: Duration) -> Option<UnixTime> {
        let end = self.expires?;
        Some(NumericDate(end.0 + leeway.as_secs_f64()).last_before())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn dates_hold_to_the_second() {
        const EXPIRED: Result<(), TimeError> = Err(TimeError::Expired);
        const EARLY: Result<(), TimeError> = Err(TimeError::NotYetValid);
        const LATER: Result<(), TimeError> = Err(TimeError::IssuedLater);
        for (claims, leeway, now, expected) in [
            (json!({"exp": 100}), 0, 99, Ok(())),
            (json!({"exp": 100}), 0, 100, EXPIRED),
            (json!({"exp": 100}), 5, 104, Ok(())),
            (json!({"exp": 100}), 5, 105, EXPIRED),
            (json!({"exp": 100.5}), 0, 100, Ok(())),
            (json!({"exp": 100.5}), 0, 101, EXPIRED),
            (json!({"exp": 0}), 0, 1, EXPIRED),
            (json!({"nbf": 100}), 0, 100, Ok(())),
            (json!({"nbf": 100}), 0, 99, EARLY),
            (json!({"nbf": 100.5}), 0, 100, EARLY),
            (json!({"nbf": 100}), 5, 95, Ok(())),
            (json!({"nbf": 100}), 5, 94, EARLY),
            (json!({"iat": 100}), 0, 100, Ok(())),
            (json!({"iat": 101}), 0, 100, LATER),
            (json!({"iat": 101}), 1, 100, Ok(())),
            (json!({}), 0, 100, Ok(())),
        ] {
            let validity = Validity::of(claims.as_object().unwrap()).unwrap();
            let leeway = Duration::from_secs(leeway);
            assert_eq!(
                validity.check(at(now), leeway),
                expected,
                "{claims} {leeway:?} {now}"
            );
            if let Some(until) = validity.until(leeway) {
                let good = |now: u64| validity.check(at(now), leeway) != EXPIRED;
                let until = until.as_secs();
                assert!(
                    until == 0 || good(until) && !good(until + 1),
                    "{claims}: until {until}"
                );
            }
        }
    }

    #[test]
    fn nonsense_is_no_date() {
        for value in [
            json!("100"),
            json!(-1),
            json!(1e300),
            json!(253_402_300_800_u64),
            json!(u64::MAX),
            json!(null),
            json!(true),
            json!([100]),
            json!({"s": 100}),
        ] {
            for name in ["exp", "nbf", "iat"] {
                let claims = json!({ name: value });
                let read = Validity::of(claims.as_object().unwrap());
                assert_eq!(read, Err(TimeError::NoDate(name)), "{claims}");
            }
        }
    }
}
