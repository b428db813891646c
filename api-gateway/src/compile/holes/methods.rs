//! Methods beside those of a protected route: a route that takes any takes the rest, to the same place.

use std::collections::HashSet;

use http::Method;
use transport::finding::Finding;

use super::protection::Protections;
use super::upstreams::Groups;
use super::witness::{Secured, Witnesses, asked_for};
use super::{Survey, Tally};
use crate::document::Place;

/// By these something is done. That reads are open to everybody is an exception that somebody made.
const WRITES: [Method; 4] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

pub(super) fn check(
    survey: &Survey<'_>,
    groups: &Groups<'_>,
    (protections, witnesses): (&Protections, &Witnesses),
    tally: &mut Tally,
) {
    let mut told: HashSet<(usize, Place)> = HashSet::new();
    for secured in &witnesses.secured {
        if !told.contains(&(secured.site, secured.place))
            && tell(survey, groups, (protections, witnesses, secured), tally).is_some()
        {
            told.insert((secured.site, secured.place));
        }
    }
}

/// `None`: nothing to tell.
fn tell(
    survey: &Survey<'_>,
    groups: &Groups<'_>,
    (protections, witnesses, secured): (&Protections, &Witnesses, &Secured),
    tally: &mut Tally,
) -> Option<()> {
    const CODE: &str = "method-variant";
    let strong = survey.sites.get(secured.site)?;
    let witness = witnesses.of_site.get(secured.site)?.as_ref()?;
    let listed = |method: &Method| strong.route.methods.iter().any(|own| own == method.as_str());
    if strong.route.methods.is_empty() {
        return None;
    }
    let (witness, weak, lack) = WRITES
        .into_iter()
        .filter(|method| !listed(method))
        .find_map(|method| {
            let witness = witness.with_method(method);
            let matched = witness.goes_to(survey, &secured.path)?;
            let weak = survey.sites.get(matched.route)?;
            let lack = protections.lack(matched.route, secured.site)?;
            // Who lists a method means it.
            let is_same = weak.route.methods.is_empty()
                && asked_for(weak, &secured.path, matched.path) == secured.upstream_path
                && groups.group(matched.route) == groups.group(secured.site)
                && groups.same_server(
                    survey,
                    (matched.route, &witness.host),
                    (secured.site, &witness.host),
                );
            is_same.then_some((witness, weak, lack))
        })?;
    tally.tell(CODE, weak.route.place, "paths", || {
        let message = format!(
            "`{}` goes by the route '{}' ({}) {}, to what the route '{}' protects for {} alone",
            witness.shown(&secured.path, [weak.route, strong.route]),
            weak.name(),
            survey.at(weak.route.place),
            lack.words(),
            strong.name(),
            strong.route.methods.join(", "),
        );
        let origin = survey.compilation.at(secured.place);
        Finding::warning(CODE, origin, strong.path("methods"), message).with_fix(
            "leave methods out of the protected route; or list on the other one those that everybody may use",
        )
    });
    Some(())
}
