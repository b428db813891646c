//! Whom an `acl` judges. Kong's rule is that a consumer's own groups come first, also where somebody else was
//! authenticated after that consumer was found; what follows from it is easily overlooked.

use transport::finding::Finding;

use super::chains::settled;
use super::duty::{Authentication, Duty};
use super::{ROUTES, Site, Survey, Tally, Turn};

/// Tells of an `acl` that judges by the word of one plugin whom a later one has accepted: `mtls-auth` finds the edge,
/// `header-cert-auth` with `skip_consumer_lookup` accepts a client, and the edge's groups decide; or the other way round.
pub(super) fn check(survey: &Survey<'_>, tally: &mut Tally) {
    for site in survey.sites {
        check_site(survey, site, tally);
    }
}

fn check_site(survey: &Survey<'_>, site: &Site<'_>, tally: &mut Tally) {
    const CODE: &str = "acl-judges-another";
    let settled = settled(site);
    let mut said = LastWord::default();
    for (at, turn) in site.turns.iter().enumerate() {
        match &turn.duty {
            Duty::Authenticates(own) => said.note((at, turn), own),
            Duty::Judges(config) => {
                let overlooked = said.overlooked(config.always_use_authenticated_groups);
                let Some((judged, accepted)) =
                    overlooked.filter(|(_, accepted)| !settled.contains(accepted.name()))
                else {
                    continue;
                };
                tally.tell(CODE, turn.entity.place, ROUTES, || {
                    let message = format!(
                        "on the route '{}' '{}' judges by what '{}' ({}) found; whom '{}' ({}) accepts after it is not judged at all",
                        site.name(),
                        turn.name(),
                        judged.name(),
                        survey.at(judged.entity.place),
                        accepted.name(),
                        survey.at(accepted.entity.place),
                    );
                    let origin = survey.compilation.at(turn.entity.place);
                    Finding::warning(CODE, origin, turn.path("allow"), message).with_fix(
                        "judge the first by a clone that runs before the second; always_use_authenticated_groups says whose groups count after it",
                    )
                });
            }
            Duty::JudgesAll(_) | Duty::Other => {}
        }
    }
}

/// The plugins that had the last word on each of the two things that an `acl` looks at, and when.
#[derive(Default)]
struct LastWord<'s> {
    on_consumer: Option<(usize, &'s Turn<'s>)>,
    on_groups: Option<(usize, &'s Turn<'s>)>,
    /// Whoever must have authenticated somebody by now.
    required: Option<&'s Authentication<'s>>,
}

impl<'s> LastWord<'s> {
    fn note(&mut self, turn: (usize, &'s Turn<'s>), own: &'s Authentication<'s>) {
        if self.required.is_some_and(|earlier| !own.overrules(earlier)) {
            // It looks at nothing: there is somebody already.
            return;
        }
        if own.finds_consumers() {
            self.on_consumer = Some(turn);
        }
        if own.says_groups() {
            self.on_groups = Some(turn);
        }
        if own.is_required() {
            self.required = Some(own);
        }
    }

    /// Whose word counts, and whose later one does not.
    fn overlooked(&self, groups_come_first: bool) -> Option<(&'s Turn<'s>, &'s Turn<'s>)> {
        let ((consumers_turn, consumer), (groups_turn, groups)) = self.on_consumer.zip(self.on_groups)?;
        if groups_come_first {
            (consumers_turn > groups_turn).then_some((groups, consumer))
        } else {
            (groups_turn > consumers_turn).then_some((consumer, groups))
        }
    }
}
