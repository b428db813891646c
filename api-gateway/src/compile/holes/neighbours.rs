//! Requests beside a protected path: another spelling of it that an upstream may take for the same, and names that a
//! prefix takes along because it does not end where a segment ends.

use std::collections::HashMap;

use http::Method;
use transport::finding::Finding;

use super::protection::{Lack, Protections};
use super::upstreams::Groups;
use super::witness::{Secured, Witness, Witnesses, asked_for};
use super::{Site, Survey, Tally};
use crate::document::{Place, Route};
use crate::router::Router;
use crate::router::path::escape;

pub(super) fn check(
    survey: &Survey<'_>,
    groups: &Groups<'_>,
    (protections, witnesses): (&Protections, &Witnesses),
    tally: &mut Tally,
) {
    let mut last = None;
    for secured in &witnesses.secured {
        // One spelling of a pattern will do.
        if last.replace((secured.site, secured.place)) != Some((secured.site, secured.place)) {
            check_spellings(survey, groups, (protections, witnesses, secured), tally);
        }
    }
    let neighbourhood = Neighbourhood {
        survey,
        groups,
        protections,
        witnesses,
        protected: by_prefix(survey, groups, protections),
    };
    for (position, site) in survey.sites.iter().enumerate() {
        neighbourhood.check(position, site, tally);
    }
}

/// What many upstreams do not tell apart.
#[derive(Clone, Copy)]
enum Spelling {
    Case,
    LastSlash,
}

fn check_spellings(
    survey: &Survey<'_>,
    groups: &Groups<'_>,
    (protections, witnesses, secured): (&Protections, &Witnesses, &Secured),
    tally: &mut Tally,
) {
    const CODE: &str = "path-variant";
    let strong = survey.sites.get(secured.site);
    let witness = witnesses.of_site.get(secured.site).and_then(Option::as_ref);
    let (Some(strong), Some(witness)) = (strong, witness) else {
        return;
    };
    // One that is protected: the written path may be an exception for some methods.
    let methods = [witness.method.clone(), Method::POST];
    let choice = methods
        .into_iter()
        .take(if strong.route.methods.is_empty() { 2 } else { 1 });
    let mut tried = choice.map(|method| witness.with_method(method));
    let is_protected = |witness: &Witness| {
        let found = witness.goes_to(survey, &secured.path);
        found.is_some_and(|found| found.route == secured.site)
    };
    let Some(witness) = tried.find(is_protected) else {
        return;
    };
    for spelling in [Spelling::LastSlash, Spelling::Case] {
        let variant = spelling.of(&secured.path);
        let Some(matched) = witness
            .goes_to(survey, &variant)
            .filter(|_| variant != secured.path)
        else {
            continue;
        };
        let Some(weak) = survey.sites.get(matched.route) else {
            continue;
        };
        let Some(lack) = protections.lack(matched.route, secured.site) else {
            continue;
        };
        let asked = asked_for(weak, &variant, matched.path);
        let is_same = same_but_for_spelling(&asked, &secured.upstream_path)
            && groups.group(matched.route) == groups.group(secured.site)
            && groups.same_server(
                survey,
                (matched.route, &witness.host),
                (secured.site, &witness.host),
            );
        if !is_same {
            continue;
        }
        tally.tell(CODE, weak.route.place, "paths", || {
            let message = format!(
                "`{}` goes by the route '{}' ({}) {}: an upstream {} takes it for {}, which the route '{}' protects",
                witness.shown(&variant, [weak.route, strong.route]),
                weak.name(),
                survey.at(weak.route.place),
                lack.words(),
                spelling.who(),
                secured.path,
                strong.name(),
            );
            let origin = survey.compilation.at(secured.place);
            Finding::warning(CODE, origin, strong.path("paths"), message).with_fix(spelling.fix(&secured.path))
        });
    }
}

impl Spelling {
    fn of(self, path: &str) -> String {
        match self {
            Self::Case => in_upper_case(path),
            Self::LastSlash => match path.strip_suffix('/') {
                Some("") => path.to_owned(),
                Some(shorter) => shorter.to_owned(),
                None => format!("{path}/"),
            },
        }
    }

    fn who(self) -> &'static str {
        match self {
            Self::Case => "that does not tell upper from lower case",
            Self::LastSlash => "that does not look at the last slash",
        }
    }

    fn fix(self, path: &str) -> String {
        match self {
            Self::Case => format!("protect every spelling: ~/(?i){}", path.trim_start_matches('/')),
            Self::LastSlash if path.ends_with('/') => "leave the last slash of the path out".to_owned(),
            Self::LastSlash => "let the pattern take a last slash: /?$".to_owned(),
        }
    }
}

/// Octets that are written with `%` stay as they are: there is one normal spelling of these.
fn in_upper_case(path: &str) -> String {
    path.to_ascii_uppercase()
}

fn same_but_for_spelling(one: &str, other: &str) -> bool {
    one.trim_end_matches('/')
        .eq_ignore_ascii_case(other.trim_end_matches('/'))
}

/// Sites that demand something, by group and by a prefix of theirs.
type ByPrefix = HashMap<(usize, String), Vec<usize>>;

fn by_prefix(survey: &Survey<'_>, groups: &Groups<'_>, protections: &Protections) -> ByPrefix {
    let mut protected = ByPrefix::new();
    for (position, site) in survey.sites.iter().enumerate() {
        let Some(group) = groups.group(position).filter(|_| protections.demands(position)) else {
            continue;
        };
        for prefix in prefixes(site.route).map(|(prefix, _)| prefix) {
            protected.entry((group, prefix)).or_default().push(position);
        }
        if site.route.paths.is_empty() {
            protected
                .entry((group, String::new()))
                .or_default()
                .push(position);
        }
    }
    protected
}

fn prefixes(route: &Route) -> impl Iterator<Item = (String, Place)> {
    let paths = route.paths.iter().filter(|path| !path.value.starts_with('~'));
    paths.map(|path| (escape(&path.value).into_owned(), path.place))
}

/// Routes that are compared with one exception.
const COMPARED: usize = 8;

/// Prefixes, and what is protected around them.
struct Neighbourhood<'s> {
    survey: &'s Survey<'s>,
    groups: &'s Groups<'s>,
    protections: &'s Protections,
    witnesses: &'s Witnesses,
    protected: ByPrefix,
}

impl Neighbourhood<'_> {
    /// Looks at the prefixes of one site.
    fn check(&self, position: usize, site: &Site<'_>, tally: &mut Tally) {
        const CODE: &str = "prefix-neighbour";
        let Self {
            survey,
            groups,
            protections,
            witnesses,
            protected,
        } = self;
        let witness = witnesses.of_site.get(position).and_then(Option::as_ref);
        let (Some(group), Some(witness)) = (groups.group(position), witness) else {
            return;
        };
        for (prefix, place) in prefixes(site.route).filter(|(prefix, _)| !prefix.ends_with('/')) {
            let neighbour = format!("{prefix}-x");
            let shorter = (0..prefix.len()).rev().filter_map(|length| prefix.get(..length));
            let around = shorter.filter_map(|shorter| protected.get(&(group, shorter.to_owned())));
            let hit = around.flatten().take(COMPARED).find_map(|other| {
                let lack = protections.lack(position, *other)?;
                let strong = survey.sites.get(*other)?;
                let method = common_method(site.route, strong.route)?;
                let witness = witness.with_method(method);
                let matched = witness
                    .goes_to(survey, &neighbour)
                    .filter(|found| found.route == position)?;
                // Where it would go if this route were not there.
                let alone = Router::compile(&[strong.route.matchers()]).ok()?;
                let theirs = alone.find(&witness.facts(survey, &neighbour))?;
                let is_same = asked_for(site, &neighbour, matched.path)
                    == asked_for(strong, &neighbour, theirs.path)
                    && groups.same_server(survey, (position, &witness.host), (*other, &witness.host));
                is_same.then_some((strong, lack, witness))
            });
            let Some((strong, lack, witness)) = hit else {
                continue;
            };
            tally.tell(CODE, place, "routes", || {
                let message = neighbour_told(
                    survey,
                    (site, strong),
                    lack,
                    &prefix,
                    &witness.shown(&neighbour, [site.route, strong.route]),
                );
                let origin = survey.compilation.at(place);
                Finding::warning(CODE, origin, site.path("paths"), message).with_fix(format!(
                    "end it where the name ends: {prefix}/, or ~{prefix}(/|$)"
                ))
            });
        }
    }
}

fn neighbour_told(
    survey: &Survey<'_>,
    (site, strong): (&Site<'_>, &Site<'_>),
    lack: Lack,
    prefix: &str,
    request: &str,
) -> String {
    format!(
        "the prefix {prefix} takes every name that begins so: `{request}` goes by the route '{}' {}, which the route '{}' ({}) would protect",
        site.name(),
        lack.words(),
        strong.name(),
        survey.at(strong.route.place),
    )
}

fn common_method(one: &Route, other: &Route) -> Option<Method> {
    let takes = |route: &Route, method: &str| {
        route.methods.is_empty() || route.methods.iter().any(|own| own == method)
    };
    let listed = one.methods.iter().chain(&other.methods).map(String::as_str);
    let mut choice = ["GET"].into_iter().chain(listed);
    let method = choice.find(|method| *method != "OPTIONS" && takes(one, method) && takes(other, method))?;
    Method::from_bytes(method.as_bytes()).ok()
}
