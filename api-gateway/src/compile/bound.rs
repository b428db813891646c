//! Tokens that are bound to certificates, on routes where no certificate can come.

use transport::finding::Finding;

use super::Compilation;
use super::scopes::Scoped;
use crate::document::{self, PluginConfig};
use crate::plugin::openid_connect::possession::PossessionRule;
use crate::plugin::{Chain, Plugin, Slot};

/// Whether any client can be asked for a certificate, whatever route he means: then none can be told to be in vain.
pub(super) struct CertificateRequests(bool);

impl CertificateRequests {
    pub(super) fn of(compilation: &Compilation<'_>) -> Self {
        let mut plugins = compilation.document.plugins.iter();
        Self(
            !compilation.settings().trusted_edges.is_empty()
                || plugins.any(|plugin| plugin.enabled && matches!(plugin.config, PluginConfig::MtlsAuth(_))),
        )
    }
}

/// Warns of `proof_of_possession_mtls: strict` where nobody is ever asked for a certificate: every request is refused.
pub(super) fn check(
    compilation: &Compilation<'_>,
    scopes: &Scoped<'_>,
    (route, requests): (&document::Route, &CertificateRequests),
    chain: &Chain,
) {
    let looks_at_certificates = |slot: &Slot| {
        matches!(
            slot.for_everybody(),
            Some(Plugin::HeaderCertAuth(_) | Plugin::MtlsAuth(_))
        )
    };
    let CertificateRequests(somebody_is_asked) = requests;
    if *somebody_is_asked || chain.slots().iter().any(looks_at_certificates) {
        return;
    }
    for slot in chain.slots() {
        if let Some(Plugin::OpenIdConnect(plugin)) = slot.for_everybody()
            && plugin.possession() == PossessionRule::Strict
            && let Some(entity) = scopes.in_effect(&slot.name, route.id, route.service)
            && scopes.is_news(entity.place)
        {
            let message = "every token has to name the client's certificate, and no client is ever asked for one: every request is refused";
            let origin = compilation.at(entity.place);
            let path = "config.proof_of_possession_mtls";
            compilation.report(Finding::warning("never-bound", origin, path, message).with_fix(
                "add mtls-auth to the route, or header-cert-auth behind an edge; or set proof_of_possession_mtls: off",
            ));
        }
    }
}
