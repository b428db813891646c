//! `acme`: certificates that an ACME server issues.

use std::time::Duration;

use transport::acme::{
    AccountTerms, AllowList, ChallengeKind, Domain, ExternalAccount, KeyKind, MOST_DOMAINS, base64url_key,
    directory_problem,
};

use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::{Located, Place};

/// The configuration of `acme`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeConfig {
    /// `api_uri`: the server's directory.
    pub directory: Located<String>,
    /// `account_email`, `tos_accepted`, `eab_kid` and `eab_hmac_key`.
    pub account: AccountTerms,
    /// `domains` in full.
    pub domains: Vec<Located<Domain>>,
    /// The first wildcard among `domains`.
    pub wildcard: Option<Located<String>>,
    /// The first of `domains` that names of strangers can match: `example.*`.
    pub open_ended: Option<Place>,
    /// Where `allow_any_domain` is true.
    pub anybody: Option<Place>,
    /// All of these.
    pub allowed: AllowList,
    /// `cert_type` and `rsa_key_size`.
    pub key: KeyKind,
    /// `renew_threshold_days`.
    pub renew_before: Duration,
    /// `fail_backoff_minutes`.
    pub retry_after: Duration,
    /// `challenge`, a field of ours.
    pub challenge: Option<Located<ChallengeKind>>,
}

/// Kong's hosts of Let's Encrypt, which want the terms to be accepted.
const LETS_ENCRYPT: [&str; 2] = [
    "acme-v02.api.letsencrypt.org",
    "acme-staging-v02.api.letsencrypt.org",
];

/// `cert_type`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CertType {
    Rsa,
    Ecc,
}

pub(super) fn read(at: At<'_>) -> Option<AcmeConfig> {
    let mut fields = Fields::open(at)?;
    let email = fields.required("account_email", email);
    let default = at.located("https://acme-v02.api.letsencrypt.org/directory".to_owned());
    let directory = fields.or("api_uri", Some(default), |at| Some(directory(at)));
    let terms_agreed = fields.or("tos_accepted", false, rule::boolean);
    let external = external_account(&mut fields);
    let names = fields.or("domains", Vec::new(), rule::list(rule::located(rule::text)));
    let anybody = fields.optional("allow_any_domain", rule::located(rule::boolean));
    let cert_type = fields.or(
        "cert_type",
        CertType::Rsa,
        rule::one_of(&[("rsa", CertType::Rsa), ("ecc", CertType::Ecc)]),
    );
    let rsa = fields.or("rsa_key_size", KeyKind::Rsa4096, rsa_key_size);
    let renew_before = fields.or("renew_threshold_days", days(14.0), |at| whole_time(at, days));
    let retry_after = fields.or("fail_backoff_minutes", minutes(5.0), |at| whole_time(at, minutes));
    storage(&mut fields);
    // Addresses are not ordered for, so there is none that a common name could have.
    fields.or("enable_ipv4_common_name", true, rule::boolean);
    fields.absent(
        "account_key",
        "unsupported-field",
        "a key of one's own for the account is not supported: one is made and kept in acme_directory",
    );
    fields.absent(
        "preferred_chain",
        "unsupported-field",
        "another chain than the server's first is not asked for",
    );
    let challenge = fields.optional(
        "challenge",
        rule::located(rule::one_of(&[
            ("http-01", ChallengeKind::Http01),
            ("tls-alpn-01", ChallengeKind::TlsAlpn01),
        ])),
    );
    let mut config = AcmeConfig {
        account: AccountTerms {
            email: None,
            terms_agreed,
            external: None,
        },
        domains: Vec::new(),
        wildcard: None,
        open_ended: None,
        anybody: anybody
            .filter(|anybody| anybody.value)
            .map(|anybody| anybody.place),
        allowed: AllowList::default(),
        key: if cert_type == CertType::Ecc {
            KeyKind::EcdsaP256
        } else {
            rsa
        },
        renew_before,
        retry_after,
        challenge,
        directory: directory?,
    };
    let names = config.take(&fields, names);
    let terms = terms(&fields, &config.directory.value, terms_agreed);
    fields.close();
    if config.anybody.is_some() {
        config.allowed.allow_anybody();
    }
    config.account.email = Some(email?);
    config.account.external = external?;
    names.and(terms).map(|()| config)
}

impl AcmeConfig {
    /// `domains`: names, and which others may be ordered for when a client asks.
    fn take(&mut self, fields: &Fields<'_>, names: Vec<Located<String>>) -> Option<()> {
        let mut all = Some(());
        if names.len() > MOST_DOMAINS {
            all = fields.refuse(
                "domains",
                "invalid-value",
                format!("length must be at most {MOST_DOMAINS}"),
            );
        }
        for Located { value: name, place } in names {
            let (kept, pattern) = match (name.strip_prefix("*."), name.strip_suffix(".*")) {
                (Some(parent), _) => (parent, Some(true)),
                (None, Some(labels)) => (labels, Some(false)),
                (None, None) => (name.as_str(), None),
            };
            // A pattern needs a part that is a name; a single label will do for it.
            let checked = match pattern {
                None => Domain::parse(kept),
                Some(_) => Domain::parse(&format!("x.{kept}.example")),
            };
            match (checked, pattern) {
                (Err(problem), _) => {
                    all = fields.refuse("domains", "invalid-value", format!("'{name}': {problem}"));
                }
                (Ok(domain), None) => {
                    self.allowed.add(domain.clone());
                    self.domains.push(Located { value: domain, place });
                }
                (Ok(_), Some(true)) => {
                    self.allowed.add_below(kept);
                    self.wildcard.get_or_insert(Located {
                        value: name.clone(),
                        place,
                    });
                }
                (Ok(_), Some(false)) => {
                    self.allowed.add_before(kept);
                    self.open_ended.get_or_insert(place);
                }
            }
        }
        all
    }
}

/// Kong's check, in its words.
fn terms(fields: &Fields<'_>, directory: &str, agreed: bool) -> Option<()> {
    let is_lets_encrypt = LETS_ENCRYPT
        .iter()
        .any(|host| directory.starts_with(&format!("https://{host}")));
    if is_lets_encrypt && !agreed {
        let message = "terms of service must be accepted, see https://letsencrypt.org/repository/";
        return fields.refuse("tos_accepted", "entity-check", message);
    }
    Some(())
}

fn email(at: At<'_>) -> Option<String> {
    let text = rule::text(at)?;
    let is_address = text
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains(':');
    if is_address {
        Some(text)
    } else {
        at.refuse("invalid-value", format!("'{text}' is no e-mail address"))
    }
}

/// A URL without a path is a host's, and its directory is at `/directory`, as with Kong.
fn directory(at: At<'_>) -> Option<Located<String>> {
    let text = rule::text(at)?;
    if let Some(problem) = directory_problem(&text) {
        return at.refuse("invalid-value", format!("'{text}' {problem}"));
    }
    let behind = text.split_once("://").map_or("", |(_, behind)| behind);
    let whole = match behind.split_once('/') {
        None => format!("{text}/directory"),
        Some((_, "")) => format!("{text}directory"),
        Some(_) => text,
    };
    Some(at.located(whole))
}

/// Both or none; the outer `None` says that something is wrong.
#[allow(clippy::option_option)] // absent, and wrong
fn external_account(fields: &mut Fields<'_>) -> Option<Option<ExternalAccount>> {
    let key_id = fields.optional("eab_kid", rule::text);
    let hmac_key = fields.optional("eab_hmac_key", |at| {
        let text = rule::text(at)?;
        // What was written is not repeated: it may be nearly the key.
        base64url_key(&text).or_else(|| at.refuse("invalid-value", "expected a key in base64url"))
    });
    match (key_id, hmac_key) {
        (Some(key_id), Some(hmac_key)) => Some(Some(ExternalAccount { key_id, hmac_key })),
        (None, None) if !fields.has("eab_kid") && !fields.has("eab_hmac_key") => Some(None),
        _ if fields.has("eab_kid") && fields.has("eab_hmac_key") => None,
        (Some(_), None) => fields.refuse("eab_hmac_key", "entity-check", "eab_kid requires eab_hmac_key"),
        (None, _) => fields.refuse("eab_kid", "entity-check", "eab_hmac_key requires eab_kid"),
    }
}

fn rsa_key_size(at: At<'_>) -> Option<KeyKind> {
    match rule::whole(at)? {
        2048 => Some(KeyKind::Rsa2048),
        3072 => Some(KeyKind::Rsa3072),
        4096 => Some(KeyKind::Rsa4096),
        _ => at.refuse("invalid-value", "expected one of: 2048, 3072, 4096"),
    }
}

/// `shm` and `kong` are the gateway's own: here that is its directory. Others would be told to other programs, too.
fn storage(fields: &mut Fields<'_>) {
    fields.optional("storage", |at| {
        let own = rule::one_of(&[
            ("shm", true),
            ("kong", true),
            ("redis", false),
            ("consul", false),
            ("vault", false),
        ])(at)?;
        if own {
            return Some(());
        }
        let fix = "write shm: certificates are kept in the node's acme_directory";
        at.refuse_with(
            "unsupported-value",
            "another storage than the gateway's own is not supported",
            fix,
        )
    });
    fields.ignored("storage_config");
}

fn days(days: f64) -> Duration {
    minutes(days * 24.0 * 60.0)
}

fn minutes(minutes: f64) -> Duration {
    Duration::from_secs_f64(minutes * 60.0)
}

/// A time that is neither nothing nor longer than ten years.
fn whole_time(at: At<'_>, unit: impl Fn(f64) -> Duration) -> Option<Duration> {
    const TEN_YEARS: Duration = Duration::from_hours(10 * 365 * 24);
    let number = rule::number(at)?;
    let time = (number > 0.0 && number < 1e7).then(|| unit(number));
    time.filter(|time| *time <= TEN_YEARS).or_else(|| {
        at.refuse(
            "out-of-range",
            "value must be greater than 0, and at most ten years",
        )
    })
}
