//! The order in which plugins run: by priority, then as `ordering` moves them.
//!
//! Kong's default algorithm (its pages call it `legacy`): the walk goes from the greatest priority to the least, and
//! before a plugin is placed, everything that has to run before it is, however far down that stands. `before` and
//! `after` are the same rule, seen from its two ends.

use std::collections::HashMap;

/// A plugin in the walk. Those that a route does not run are in it too: what others say about them still counts.
#[derive(Clone, Debug)]
pub(super) struct Step<'n> {
    pub(super) name: &'n str,
    /// Runs before these.
    pub(super) before: Vec<&'n str>,
    /// Runs after these.
    pub(super) after: Vec<&'n str>,
}

/// Plugins of which each would have to run before the next, and the last before the first; by position.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Circle(pub(super) Vec<usize>);

/// Sorts steps that come by priority; gives their positions.
pub(super) fn in_order(steps: &[Step<'_>]) -> Result<Vec<usize>, Circle> {
    let mut walk = Walk {
        earlier: earlier(steps),
        state: vec![State::Ahead; steps.len()],
        placed: Vec::with_capacity(steps.len()),
    };
    for position in 0..steps.len() {
        walk.place(position)?;
    }
    Ok(walk.placed)
}

/// For each step the positions of those that have to run before it, the greatest priority first.
fn earlier(steps: &[Step<'_>]) -> Vec<Vec<usize>> {
    let positions: HashMap<&str, usize> = steps.iter().map(|step| step.name).zip(0..).collect();
    let position = |name: &&str| positions.get(name).copied();
    let mut earlier = vec![Vec::new(); steps.len()];
    for (own, step) in steps.iter().enumerate() {
        for later in step.before.iter().filter_map(position) {
            earlier[later].push(own);
        }
        earlier[own].extend(step.after.iter().filter_map(position));
    }
    for positions in &mut earlier {
        positions.sort_unstable();
    }
    earlier
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ahead,
    /// What has to run before it is being placed.
    UnderWay,
    Placed,
}

struct Walk {
    earlier: Vec<Vec<usize>>,
    state: Vec<State>,
    placed: Vec<usize>,
}

impl Walk {
    /// Places a step after everything that has to run before it. The way there is kept in a list: a document's chain of
    /// rules may be longer than a thread's stack is deep.
    fn place(&mut self, position: usize) -> Result<(), Circle> {
        // Each with how many of those before it have been looked at.
        let mut way = vec![(position, 0)];
        while let Some((position, looked_at)) = way.last_mut() {
            let position = *position;
            if self.state[position] == State::Placed {
                way.pop();
                continue;
            }
            self.state[position] = State::UnderWay;
            let Some(first) = self.earlier[position].get(*looked_at).copied() else {
                self.state[position] = State::Placed;
                self.placed.push(position);
                way.pop();
                continue;
            };
            *looked_at += 1;
            if self.state[first] == State::UnderWay {
                let begin = way
                    .iter()
                    .position(|(other, _)| *other == first)
                    .unwrap_or_default();
                return Err(Circle(
                    way[begin..].iter().map(|(position, _)| *position).collect(),
                ));
            }
            way.push((first, 0));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name`, `name<other` (before) or `name>other` (after), sorted by priority.
    fn sorted(steps: &[&'static str]) -> Result<Vec<&'static str>, Vec<&'static str>> {
        let steps: Vec<Step<'_>> = steps
            .iter()
            .map(|text| {
                let (name, before, after) = match (text.split_once('<'), text.split_once('>')) {
                    (Some((name, others)), _) => (name, others.split('&').collect(), Vec::new()),
                    (None, Some((name, others))) => (name, Vec::new(), others.split('&').collect()),
                    (None, None) => (*text, Vec::new(), Vec::new()),
                };
                Step { name, before, after }
            })
            .collect();
        let names = |positions: Vec<usize>| positions.into_iter().map(|at| steps[at].name).collect();
        in_order(&steps)
            .map(names)
            .map_err(|Circle(circle)| names(circle))
    }

    /// Beside our own, the examples of Kong's page about the algorithm.
    #[test]
    fn plugins_run_by_priority_unless_they_are_moved() {
        for (steps, expected) in [
            (&["a", "b", "c"][..], &["a", "b", "c"][..]),
            (&["a", "b", "c<a"], &["c", "a", "b"]),
            (&["a>c", "b", "c"], &["c", "a", "b"]),
            (&["a", "b<a", "c"], &["b", "a", "c"]),
            (&["a", "b>a", "c"], &["a", "b", "c"]),
            (&["a", "b", "c<b"], &["a", "c", "b"]),
            // a whole chain is placed at once
            (&["a>b", "b>c", "c", "d"], &["c", "b", "a", "d"]),
            (&["a", "b", "c<a&b"], &["c", "a", "b"]),
            // a name that nobody has
            (&["a", "b<nobody"], &["a", "b"]),
            (
                &["pre-function>opentelemetry", "request-callout", "opentelemetry"],
                &["opentelemetry", "pre-function", "request-callout"],
            ),
            (
                &[
                    "key-auth",
                    "ldap-auth",
                    "header-cert-auth",
                    "response-transformer<ldap-auth",
                    "ai-proxy",
                ],
                &[
                    "key-auth",
                    "response-transformer",
                    "ldap-auth",
                    "header-cert-auth",
                    "ai-proxy",
                ],
            ),
            (
                &["key-auth-enc", "key-auth", "acl<key-auth"],
                &["key-auth-enc", "acl", "key-auth"],
            ),
            (
                &[
                    "key-auth",
                    "ldap-auth",
                    "header-cert-auth<response-transformer",
                    "response-transformer<ai-proxy",
                    "ai-proxy<key-auth",
                ],
                &[
                    "header-cert-auth",
                    "response-transformer",
                    "ai-proxy",
                    "key-auth",
                    "ldap-auth",
                ],
            ),
        ] {
            assert_eq!(sorted(steps).as_deref(), Ok(expected), "{steps:?}");
        }
    }

    /// A document may be as long as it likes; the stack is not.
    #[test]
    fn a_long_chain_takes_no_stack() {
        let names: Vec<String> = (0..20_000).map(|number| format!("acl_{number}")).collect();
        let steps: Vec<Step<'_>> = names
            .iter()
            .enumerate()
            .map(|(at, name)| Step {
                name,
                before: Vec::new(),
                after: names
                    .get(at + 1)
                    .map(|next| vec![next.as_str()])
                    .unwrap_or_default(),
            })
            .collect();
        let order = in_order(&steps).unwrap();
        assert_eq!(order.first(), Some(&19_999));
    }

    #[test]
    fn a_circle_is_named() {
        for (steps, circle) in [
            (&["a<b", "b<a"][..], &["a", "b"][..]),
            (&["a<a"], &["a"]),
            (&["x", "a>b", "b>c", "c>a"], &["a", "b", "c"]),
        ] {
            assert_eq!(
                sorted(steps).map_err(|mut found| {
                    found.sort_unstable();
                    found
                }),
                Err(circle.to_vec()),
                "{steps:?}"
            );
        }
    }
}
