//! What plugins that read a key, a password or a token have in common: `realm`, `run_on_preflight`,
//! `hide_credentials`.

use http::HeaderValue;

use crate::document::fields::Fields;
use crate::document::rule;
use crate::plugin::credential_auth::{Preflight, Visibility};

/// `run_on_preflight`, of the plugins that have it.
pub(super) fn run_on_preflight(fields: &mut Fields<'_>) -> Preflight {
    fields.or("run_on_preflight", Preflight::Authenticated, |at| {
        if rule::boolean(at)? {
            return Some(Preflight::Authenticated);
        }
        at.warn_with(
            "open-preflight",
            "OPTIONS requests pass without authentication, whatever the upstream does with them",
            "leave it out, unless the upstream answers OPTIONS with CORS headers alone",
        );
        Some(Preflight::LetThrough)
    })
}

/// `hide_credentials`, of the plugins that have it.
pub(super) fn hide_credentials(fields: &mut Fields<'_>) -> Visibility {
    if fields.or("hide_credentials", false, rule::boolean) {
        Visibility::Hidden
    } else {
        Visibility::Shown
    }
}

/// `realm`. What would be read as something else in `WWW-Authenticate` is refused.
pub(super) fn realm_of(fields: &mut Fields<'_>) -> Option<String> {
    fields.optional("realm", |at| {
        let realm = rule::text(at)?;
        let is_sound = realm.chars().all(|char| !char.is_control() && !"\"\\".contains(char));
        if !is_sound {
            return at.refuse(
                "invalid-value",
                "a realm with a quotation mark, a backslash or a control character would be read as something else",
            );
        }
        Some(realm)
    })
}

/// `WWW-Authenticate` of a scheme, with the realm that is written, or this one.
pub(super) fn challenge(
    fields: &mut Fields<'_>,
    scheme: &'static str,
    default: Option<&str>,
) -> Option<HeaderValue> {
    let written = realm_of(fields);
    match written.as_deref().or(default) {
        Some(realm) => HeaderValue::try_from(format!("{scheme} realm=\"{realm}\"")).ok(),
        None => Some(HeaderValue::from_static(scheme)),
    }
}
