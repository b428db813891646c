//! `claims_to_verify` and `maximum_expiration`.

use std::time::Duration;

use rustls::pki_types::UnixTime;
use serde_json::{Map, Value};

use crate::rejection::{ClaimFault, JwtFault};

/// Which claims have to be good, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClaimRules {
    /// Whether `exp` has to be there and to come.
    pub expiry: bool,
    /// Whether `nbf` has to be there and past.
    pub begin: bool,
    /// The furthest that `exp` may be away.
    pub furthest_end: Option<Duration>,
}

impl ClaimRules {
    /// Judges claims; gives the last second in which the token is good, if anybody looks at its end. There is no leeway:
    /// Kong has none here.
    pub fn check(&self, claims: &Map<String, Value>, now: UnixTime) -> Result<Option<UnixTime>, JwtFault> {
        let number = |name: &str| claims.get(name).and_then(Value::as_f64);
        // Far below where a double could not hold a second.
        #[expect(clippy::cast_precision_loss)]
        let now = now.as_secs() as f64;
        let end = number("exp");
        let mut faults = Vec::new();
        if self.expiry {
            match end {
                None => faults.push(("exp", ClaimFault::NoNumber)),
                Some(end) if end <= now => faults.push(("exp", ClaimFault::Expired)),
                Some(_) => {}
            }
        }
        if self.begin {
            match number("nbf") {
                None => faults.push(("nbf", ClaimFault::NoNumber)),
                Some(begin) if begin > now => faults.push(("nbf", ClaimFault::NotYetValid)),
                Some(_) => {}
            }
        }
        if let Some(furthest) = self.furthest_end
            && faults.is_empty()
            && end.is_none_or(|end| end - now > furthest.as_secs_f64())
        {
            faults.push(("exp", ClaimFault::TooFarAway));
        }
        if !faults.is_empty() {
            return Err(JwtFault::Claims(faults));
        }
        Ok(end.filter(|_| self.expiry).map(last_second_before))
    }
}

/// Saturates: what ends beyond all time does not end.
fn last_second_before(end: f64) -> UnixTime {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seconds = end.ceil() as u64;
    UnixTime::since_unix_epoch(Duration::from_secs(seconds.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_judged_to_the_second() {
        const NOW: u64 = 1_000;
        let all = ClaimRules {
            expiry: true,
            begin: true,
            furthest_end: Some(Duration::from_secs(100)),
        };
        let exp = ClaimRules {
            expiry: true,
            ..ClaimRules::default()
        };
        let nbf = ClaimRules {
            begin: true,
            ..ClaimRules::default()
        };
        for (rules, claims, expected) in [
            (ClaimRules::default(), json!({"exp": 1, "nbf": 2000}), Ok(None)),
            (exp, json!({"exp": 1001}), Ok(Some(1000))),
            (exp, json!({"exp": 1000.5}), Ok(Some(1000))),
            (exp, json!({"exp": 1000}), Err(r#"{"exp":"token expired"}"#)),
            (exp, json!({"exp": 999.9}), Err(r#"{"exp":"token expired"}"#)),
            (exp, json!({"exp": -5}), Err(r#"{"exp":"token expired"}"#)),
            (exp, json!({"exp": "1001"}), Err(r#"{"exp":"must be a number"}"#)),
            (exp, json!({"exp": null}), Err(r#"{"exp":"must be a number"}"#)),
            (exp, json!({"exp": [1001]}), Err(r#"{"exp":"must be a number"}"#)),
            (exp, json!({}), Err(r#"{"exp":"must be a number"}"#)),
            (exp, json!({"exp": 1e300}), Ok(Some(u64::MAX - 1))),
            (nbf, json!({"nbf": 1000}), Ok(None)),
            (
                nbf,
                json!({"nbf": 1000.5}),
                Err(r#"{"nbf":"token not valid yet"}"#),
            ),
            (nbf, json!({"nbf": true}), Err(r#"{"nbf":"must be a number"}"#)),
            (all, json!({"exp": 1100, "nbf": 0}), Ok(Some(1099))),
            (
                all,
                json!({"exp": 1101, "nbf": 0}),
                Err(r#"{"exp":"exceeds maximum allowed expiration"}"#),
            ),
            (
                all,
                json!({"exp": 10, "nbf": 2000}),
                Err(r#"{"exp":"token expired","nbf":"token not valid yet"}"#),
            ),
        ] {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
            let judged = rules.check(claims.as_object().unwrap(), now);
            let judged = judged
                .map(|until| until.map(|until| until.as_secs()))
                .map_err(|fault| fault.to_string());
            assert_eq!(judged, expected.map_err(str::to_owned), "{rules:?} {claims}");
        }
    }
}
