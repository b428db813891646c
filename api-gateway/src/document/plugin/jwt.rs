//! `jwt`: tokens that consumers sign themselves.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::challenge::{realm_of, run_on_preflight};
use super::named_consumer::{NamedConsumer, anonymous};
use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;
use crate::document::tree::Located;
use crate::plugin::credential_auth::{Challenges, Preflight};

/// The configuration of `jwt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtConfig {
    /// Arguments of the query that may hold a token.
    pub uri_param_names: Vec<String>,
    /// Cookies that may hold one.
    pub cookie_names: Vec<String>,
    /// Headers that may hold one, after `Bearer`.
    pub header_names: Vec<Located<HeaderName>>,
    /// The claim, or header parameter, that names the credential.
    pub key_claim_name: String,
    /// Whether secrets are written in base64.
    pub secret_is_base64: bool,
    /// Whether `exp` must be there and to come.
    pub verifies_exp: bool,
    /// Whether `nbf` must be there and past.
    pub verifies_nbf: bool,
    /// The furthest that `exp` may be away; `None`: as far as it likes.
    pub maximum_expiration: Option<Duration>,
    /// Who a request is made for when authentication fails.
    pub anonymous: Option<Located<NamedConsumer>>,
    /// Whether `OPTIONS` needs a token too.
    pub run_on_preflight: Preflight,
    /// `WWW-Authenticate`, made of `realm`.
    pub challenges: Challenges,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Claim {
    Exp,
    Nbf,
}

const CLAIMS: &[(&str, Claim)] = &[("exp", Claim::Exp), ("nbf", Claim::Nbf)];

/// Kong's limit: a year.
const LONGEST_EXPIRATION: u32 = 31_536_000;

pub(super) fn read(at: At<'_>) -> Option<JwtConfig> {
    let mut fields = Fields::open(at)?;
    let uri_param_names = fields.or("uri_param_names", vec!["jwt".to_owned()], rule::set(rule::text));
    let cookie_names = fields.or("cookie_names", Vec::new(), rule::set(rule::text));
    let default = at.located(http::header::AUTHORIZATION);
    let header_names = fields.or(
        "header_names",
        vec![default],
        rule::set(rule::located(rule::header_name)),
    );
    let key_claim_name = fields.or("key_claim_name", "iss".to_owned(), rule::text);
    let secret_is_base64 = fields.or("secret_is_base64", false, rule::boolean);
    let claims_to_verify = fields.or("claims_to_verify", Vec::new(), rule::set(rule::one_of(CLAIMS)));
    let anonymous = anonymous(&mut fields);
    let run_on_preflight = run_on_preflight(&mut fields);
    let longest = fields.or(
        "maximum_expiration",
        Duration::ZERO,
        rule::seconds(LONGEST_EXPIRATION),
    );
    let maximum_expiration = Some(longest).filter(|longest| !longest.is_zero());
    let realm = realm_of(&mut fields);
    let verifies_exp = claims_to_verify.contains(&Claim::Exp);
    if maximum_expiration.is_some() && !verifies_exp {
        fields.refuse::<()>(
            "claims_to_verify",
            "entity-check",
            "failed conditional validation given value of field 'config.maximum_expiration': expected to contain: exp",
        );
    }
    if !verifies_exp {
        at.warn_with(
            "unbounded-token",
            "exp is not verified: a token is good for as long as its credential, whatever it says itself",
            "write claims_to_verify: [exp]",
        );
    }
    fields.close();
    Some(JwtConfig {
        uri_param_names,
        cookie_names,
        header_names,
        key_claim_name,
        secret_is_base64,
        verifies_exp,
        verifies_nbf: claims_to_verify.contains(&Claim::Nbf),
        maximum_expiration,
        anonymous,
        run_on_preflight,
        challenges: challenges(realm.as_deref())?,
    })
}

/// RFC 6750 §3: an error where a token came.
fn challenges(realm: Option<&str>) -> Option<Challenges> {
    let (absent, invalid) = match realm {
        Some(realm) => (
            format!("Bearer realm=\"{realm}\""),
            format!("Bearer realm=\"{realm}\", error=\"invalid_token\""),
        ),
        None => ("Bearer".to_owned(), "Bearer error=\"invalid_token\"".to_owned()),
    };
    Some(Challenges {
        absent: HeaderValue::try_from(absent).ok()?,
        invalid: HeaderValue::try_from(invalid).ok()?,
    })
}
