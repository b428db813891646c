//! `principals`: who must be on record, what they have in common, and whether anybody could ever be.

use std::collections::HashMap;
use std::sync::Arc;

use transport::finding::Finding;
use transport::layers::nearest;

use super::Compilation;
use super::scopes::Scoped;
use crate::consumer::Consumers;
use crate::document::plugin::principals::{PrincipalsConfig, Same};
use crate::document::{self, Located, PluginConfig};
use crate::plugin::acl::{ConsumerGroups, Precedence};
use crate::plugin::principals::{Bond, HeaderNames, Principals, Required, Tags};
use crate::plugin::{Chain, Plugin};

/// What all instances share.
pub(super) struct Builder<'c, 'a> {
    compilation: &'c Compilation<'a>,
    consumers: &'c Consumers,
    /// By prefix. Few documents have more than one.
    tags: HashMap<String, Arc<Tags>>,
}

impl<'c, 'a> Builder<'c, 'a> {
    pub(super) fn new(compilation: &'c Compilation<'a>, consumers: &'c Consumers) -> Self {
        Self {
            compilation,
            consumers,
            tags: HashMap::new(),
        }
    }

    pub(super) fn principals(&mut self, config: &PrincipalsConfig) -> Option<Principals> {
        let headers = self.header_names(config)?;
        let bond = config.same.as_ref().map(|same| self.bond(same));
        let required = config
            .require
            .iter()
            .zip(headers)
            .map(|(name, headers)| Required {
                plugin: name.value.as_str().into(),
                allow: config
                    .allow
                    .iter()
                    .find(|allowed| allowed.plugin.value == name.value)
                    .map(|allowed| {
                        allowed
                            .groups
                            .iter()
                            .map(|group| group.value.as_str().into())
                            .collect()
                    }),
                headers,
            });
        Some(Principals {
            required: required.collect(),
            bond,
            precedence: if config.always_use_authenticated_groups {
                Precedence::AuthenticatedGroups
            } else {
                Precedence::ConsumersGroups
            },
            consumer_groups: if config.include_consumer_groups {
                ConsumerGroups::Counted
            } else {
                ConsumerGroups::Ignored
            },
        })
    }

    fn bond(&mut self, same: &Located<Same>) -> Bond {
        match &same.value {
            Same::Consumer => Bond::Consumer,
            Same::CustomId => Bond::CustomId,
            Same::Tag(prefix) => Bond::Tag(self.tags(prefix, same)),
        }
    }

    fn tags(&mut self, prefix: &str, same: &Located<Same>) -> Arc<Tags> {
        if let Some(known) = self.tags.get(prefix) {
            return Arc::clone(known);
        }
        let consumers = self.compilation.document.consumers.iter();
        let bearers = consumers.filter_map(|consumer| {
            let key = self.consumers.by_id(consumer.id)?;
            Some((key, consumer.tags.iter().map(String::as_str)))
        });
        let tags = Arc::new(Tags::with_prefix(prefix, bearers));
        if tags.is_empty() {
            let message =
                format!("no consumer has a tag that begins with '{prefix}': every request is refused");
            self.compilation.report(
                Finding::warning(
                    "unused-tag",
                    self.compilation.at(same.place),
                    "config.same",
                    message,
                )
                .with_fix("give the consumers that belong together one in common"),
            );
        }
        self.tags.insert(prefix.to_owned(), Arc::clone(&tags));
        tags
    }

    /// One set for each principal, or nothing where the upstream is not told.
    fn header_names(&self, config: &PrincipalsConfig) -> Option<Vec<Option<HeaderNames>>> {
        if !config.upstream_headers {
            return Some(config.require.iter().map(|_| None).collect());
        }
        let mut sets: Vec<(&str, HeaderNames)> = Vec::with_capacity(config.require.len());
        let mut complete = true;
        for name in &config.require {
            let problem = match HeaderNames::of(&name.value) {
                Err(problem) => format!("'{}': {problem}", name.value),
                Ok(names) => match clash(&sets, &name.value, &names) {
                    Some(clash) => clash,
                    None => {
                        sets.push((&name.value, names));
                        continue;
                    }
                },
            };
            complete = false;
            self.compilation
                .report(ambiguous(self.compilation, name, problem));
        }
        complete.then(|| sets.into_iter().map(|(_, names)| Some(names)).collect())
    }
}

/// What is wrong if another principal would be told of under a name of these.
fn clash(told: &[(&str, HeaderNames)], plugin: &str, names: &HeaderNames) -> Option<String> {
    let others = told.iter().filter(|(other, _)| *other != plugin);
    let shared = |(other, known): &(&str, HeaderNames)| {
        let header = known.shared_with(names)?;
        Some(format!(
            "the header '{header}' would tell of '{other}' and of '{plugin}'"
        ))
    };
    others.map(shared).find_map(|message| message)
}

fn ambiguous(compilation: &Compilation<'_>, name: &Located<String>, problem: String) -> Finding {
    let origin = compilation.at(name.place);
    Finding::error("ambiguous-header", origin, "config.require", problem)
        .with_fix("leave upstream_headers off, or give the clone another name")
}

/// Whether the plugins that each `principals` of a route requires have their turn before it, and find somebody.
pub(super) fn check(
    compilation: &Compilation<'_>,
    scopes: &Scoped<'_>,
    route: &document::Route,
    chain: &Chain,
) {
    let mut told: Vec<(&str, HeaderNames)> = Vec::new();
    for (turn, slot) in chain.slots().iter().enumerate() {
        if !matches!(slot.for_everybody(), Some(Plugin::Principals(_))) {
            continue;
        }
        let entity = scopes.in_effect(&slot.name, route.id, route.service);
        let Some((entity_place, PluginConfig::Principals(config))) =
            entity.map(|entity| (entity.place, &entity.config))
        else {
            continue;
        };
        for name in &config.require {
            if let Some(problem) = problem(scopes, route, (chain, turn), &name.value)
                && scopes.is_news(name.place)
            {
                compilation.report(problem.finding(compilation, name));
            }
            if config.upstream_headers
                && let Ok(names) = HeaderNames::of(&name.value)
            {
                // What one `principals` tells of two, it was refused for alone; here are two of them.
                if let Some(clash) = clash(&told, &name.value, &names)
                    && scopes.is_news(entity_place)
                {
                    compilation.report(ambiguous(compilation, name, clash));
                }
                told.push((&name.value, names));
            }
        }
    }
}

/// What is wrong with a required name on one route.
struct Problem {
    is_error: bool,
    message: String,
    fix: Option<String>,
}

impl Problem {
    fn finding(self, compilation: &Compilation<'_>, name: &Located<String>) -> Finding {
        let origin = compilation.at(name.place);
        let path = "config.require";
        let finding = if self.is_error {
            Finding::error("unknown-principal", origin, path, self.message)
        } else {
            Finding::warning("principal-stands-back", origin, path, self.message)
        };
        match self.fix {
            Some(fix) => finding.with_fix(fix),
            None => finding,
        }
    }
}

fn problem(
    scopes: &Scoped<'_>,
    route: &document::Route,
    (chain, turn): (&Chain, usize),
    name: &str,
) -> Option<Problem> {
    let kind = |name: &str| {
        let entity = scopes.in_effect(name, route.id, route.service)?;
        Some((entity.name.kind, entity.config.anonymous().is_some()))
    };
    let authenticates = |name: &str| kind(name).is_some_and(|(kind, _)| kind.authenticates());
    let slots = chain.slots();
    let own_turn = slots.iter().position(|slot| &*slot.name == name);
    let shown = route.name.clone().unwrap_or_else(|| route.id.to_string());
    let error = |message: String, fix: Option<String>| {
        Some(Problem {
            is_error: true,
            message,
            fix,
        })
    };
    let Some(own_turn) = own_turn else {
        let candidates = slots.iter().map(|slot| &*slot.name);
        let meant = nearest(name, candidates.filter(|name| authenticates(name)));
        return error(
            format!("no plugin '{name}' runs on route '{shown}': every request there is refused"),
            meant.map(|meant| format!("did you mean '{meant}'?")),
        );
    };
    if !authenticates(name) {
        return error(
            format!("'{name}' authenticates nobody: it cannot be required"),
            None,
        );
    }
    if own_turn > turn {
        return error(
            format!("'{name}' runs after this on route '{shown}': every request there is refused"),
            Some("say in `ordering` that this runs after it".to_owned()),
        );
    }
    let stands_back = kind(name).is_some_and(|(_, stands_back)| stands_back);
    stands_back.then(|| Problem {
        is_error: false,
        message: format!(
            "'{name}' has an anonymous consumer: where another plugin has authenticated somebody it looks at no \
             credential, and whoever it lets pass as anonymous is refused here"
        ),
        fix: Some("leave `anonymous` out of it: what is required is not optional".to_owned()),
    })
}
