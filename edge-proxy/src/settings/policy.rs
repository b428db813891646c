//! ELB's security policies, as far as rustls can honour them.
//!
//! rustls has TLS 1.2 with forward secret AEAD suites, and TLS 1.3. A policy that promises a client more (CBC, RSA key
//! exchange, TLS 1.0 or 1.1) is refused by name: approximating it would surprise somebody.

use transport::layers::{nearest, quoted};

use super::SecurityPolicy;

/// What ELB's policies come to, by the part of their names behind `ELBSecurityPolicy-`.
const POLICIES: &[(&str, Result<SecurityPolicy, Lacking>)] = &[
    ("TLS13-1-2-Res-PQ-2025-09", Ok(SecurityPolicy::Tls12)),
    ("TLS13-1-2-Res-2021-06", Ok(SecurityPolicy::Tls12)),
    ("TLS13-1-3-PQ-2025-09", Ok(SecurityPolicy::Tls13)),
    ("TLS13-1-3-2021-06", Ok(SecurityPolicy::Tls13)),
    ("TLS13-1-2-PQ-2025-09", Err(Lacking::Cbc)),
    ("TLS13-1-2-2021-06", Err(Lacking::Cbc)),
    ("TLS13-1-2-Ext0-PQ-2025-09", Err(Lacking::Cbc)),
    ("TLS13-1-2-Ext1-PQ-2025-09", Err(Lacking::Cbc)),
    ("TLS13-1-2-Ext1-2021-06", Err(Lacking::Cbc)),
    ("TLS13-1-2-Ext2-PQ-2025-09", Err(Lacking::Cbc)),
    ("TLS13-1-2-Ext2-2021-06", Err(Lacking::Cbc)),
    ("TLS13-1-1-2021-06", Err(Lacking::OldVersions)),
    ("TLS13-1-0-PQ-2025-09", Err(Lacking::OldVersions)),
    ("TLS13-1-0-2021-06", Err(Lacking::OldVersions)),
    ("TLS-1-2-2017-01", Err(Lacking::Cbc)),
    ("TLS-1-2-Ext-2018-06", Err(Lacking::Cbc)),
    ("TLS-1-1-2017-01", Err(Lacking::OldVersions)),
    ("TLS-1-0-2015-04", Err(Lacking::OldVersions)),
    ("FS-1-2-Res-2020-10", Ok(SecurityPolicy::Tls12Only)),
    ("FS-1-2-Res-2019-08", Err(Lacking::Cbc)),
    ("FS-1-2-2019-08", Err(Lacking::Cbc)),
    ("FS-1-1-2019-08", Err(Lacking::OldVersions)),
    ("FS-2018-06", Err(Lacking::OldVersions)),
    ("2016-08", Err(Lacking::OldVersions)),
    ("2015-05", Err(Lacking::OldVersions)),
];

/// Why a policy cannot be honoured.
#[derive(Clone, Copy)]
enum Lacking {
    Cbc,
    OldVersions,
}

impl Lacking {
    fn reason(self) -> &'static str {
        match self {
            Self::Cbc => "has CBC or RSA key exchange cipher suites, which rustls does not have",
            Self::OldVersions => "allows TLS 1.0 or 1.1, which rustls does not have",
        }
    }
}

/// Reads a policy; the error is a message and a fix.
pub(super) fn security_policy(text: &str) -> Result<SecurityPolicy, (String, Option<String>)> {
    let Some(name) = text.strip_prefix("ELBSecurityPolicy-") else {
        return match text {
            "1.2" => Ok(SecurityPolicy::Tls12),
            "1.3" => Ok(SecurityPolicy::Tls13),
            other => {
                let message = format!(
                    "{} is neither \"1.2\" nor \"1.3\" nor an ELBSecurityPolicy-… name",
                    quoted(other)
                );
                Err((message, None))
            }
        };
    };
    if name.contains("FIPS") {
        let message = format!(
            "{} needs a FIPS validated module, which this build does not have",
            quoted(text)
        );
        return Err((message, Some(instead())));
    }
    match POLICIES.iter().find(|(known, _)| *known == name) {
        Some((_, Ok(policy))) => Ok(*policy),
        Some((_, Err(lacking))) => Err((format!("{} {}", quoted(text), lacking.reason()), Some(instead()))),
        None => {
            let known = nearest(name, POLICIES.iter().map(|(known, _)| *known));
            let fix = known.map(|known| format!("did you mean ELBSecurityPolicy-{known}?"));
            Err((
                format!("{} is no security policy that is known here", quoted(text)),
                fix.or_else(|| Some(instead())),
            ))
        }
    }
}

fn instead() -> String {
    "use ELBSecurityPolicy-TLS13-1-2-Res-2021-06 or ELBSecurityPolicy-TLS13-1-3-2021-06".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_honoured_or_refused_never_approximated() {
        for (text, expected) in [
            ("1.2", Ok(SecurityPolicy::Tls12)),
            ("1.3", Ok(SecurityPolicy::Tls13)),
            (
                "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
                Ok(SecurityPolicy::Tls12),
            ),
            (
                "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
                Ok(SecurityPolicy::Tls12),
            ),
            ("ELBSecurityPolicy-TLS13-1-3-2021-06", Ok(SecurityPolicy::Tls13)),
            ("1.1", Err("`1.1` is neither")),
            ("", Err("`` is neither")),
            (
                "elbsecuritypolicy-TLS13-1-3-2021-06",
                Err("`elbsecuritypolicy-TLS13-1-3-2021-06` is neither"),
            ),
            (
                "ELBSecurityPolicy-2016-08",
                Err("`ELBSecurityPolicy-2016-08` allows TLS 1.0 or 1.1"),
            ),
            (
                "ELBSecurityPolicy-TLS13-1-2-2021-06",
                Err("`ELBSecurityPolicy-TLS13-1-2-2021-06` has CBC"),
            ),
            (
                "ELBSecurityPolicy-FS-1-2-Res-2020-10",
                Ok(SecurityPolicy::Tls12Only),
            ),
            (
                "ELBSecurityPolicy-FS-1-2-Res-2019-08",
                Err("`ELBSecurityPolicy-FS-1-2-Res-2019-08` has CBC"),
            ),
            (
                "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
                Err("`ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04` needs a FIPS"),
            ),
            (
                "ELBSecurityPolicy-TLS13-1-4",
                Err("`ELBSecurityPolicy-TLS13-1-4` is no security policy"),
            ),
        ] {
            match (security_policy(text), expected) {
                (Ok(policy), Ok(expected)) => assert_eq!(policy, expected, "{text}"),
                (Err((message, _)), Err(start)) => assert!(message.starts_with(start), "{text}: {message}"),
                (seen, _) => panic!("{text}: {seen:?}"),
            }
        }
    }

    #[test]
    fn a_mistyped_policy_is_guessed() {
        let (_, fix) = security_policy("ELBSecurityPolicy-TLS13-1-2-Res-2021-6").unwrap_err();
        assert_eq!(
            fix.as_deref(),
            Some("did you mean ELBSecurityPolicy-TLS13-1-2-Res-2021-06?")
        );
    }
}
