//! `mtls-auth` where requests come through an edge: it judges the certificate of the connection, and that is the edge's.

use transport::finding::Finding;

use super::duty::Evidence;
use super::{ROUTES, Site, Survey, Tally, Turn};

/// Tells of a global `mtls-auth` that refuses every edge, and of others where there is no route left that an edge could
/// come to. One that trusts an edge's CA is how an edge is a consumer; one with `anonymous` refuses nobody.
pub(super) fn check(survey: &Survey<'_>, tally: &mut Tally) {
    const CODE: &str = "mtls-behind-edge";
    if survey.compilation.settings().trusted_edges.is_empty() {
        return;
    }
    let refusals: Vec<Option<(&Site<'_>, &Turn<'_>)>> = survey
        .sites
        .iter()
        .map(|site| Some((site, refusal(site)?)))
        .collect();
    let everywhere = refusals.iter().all(Option::is_some);
    for (site, turn) in refusals.into_iter().flatten() {
        let is_global = turn.entity.route.is_none() && turn.entity.service.is_none();
        if !is_global && !everywhere {
            continue;
        }
        tally.tell(CODE, turn.entity.place, ROUTES, || {
            let message = format!(
                "on the route '{}' '{}' judges the certificate of the connection, which behind an edge is the edge's own, and trusts none of the edges' CAs: clients that come through an edge are refused",
                site.name(),
                turn.name()
            );
            let origin = survey.compilation.at(turn.entity.place);
            Finding::warning(CODE, origin, turn.path("ca_certificates"), message).with_fix(
                "use header-cert-auth for clients behind the edge, or let the edge pass TLS through (protocol = \"tcp\")",
            )
        });
    }
}

/// The turn that refuses whoever shows an edge's certificate.
fn refusal<'s>(site: &'s Site<'s>) -> Option<&'s Turn<'s>> {
    site.turns.iter().find(|turn| {
        let own = turn.duty.authentication();
        own.is_some_and(|own| own.evidence == Evidence::Socket && own.is_required() && !own.accepts_edges)
    })
}
