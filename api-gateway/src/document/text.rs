//! Bytes into the tree, by the syntax that the source is said to have.

use transport::finding::Finding;

use super::log::Log;
use super::tree::{Node, Place, SyntaxProblem, SyntaxProblems};
use super::{Source, Syntax, json, yaml};

/// No document is larger. 100,000 consumers with certificates of their own take a third of it.
const MAX_BYTES: usize = 64 << 20;

/// Reads the text; tells its problems. `None` if there is no whole tree.
pub(super) fn tree(source: Source<'_>, log: &Log) -> Option<Node> {
    let mut problems = SyntaxProblems::default();
    let tree = parse(source, &mut problems);
    for SyntaxProblem {
        place,
        code,
        message,
        fix,
    } in problems.first
    {
        let finding = Finding::error(code, log.origin(place), "", message);
        log.push(match fix {
            Some(fix) => finding.with_fix(fix),
            None => finding,
        });
    }
    log.count_further(problems.further);
    tree
}

fn parse(source: Source<'_>, problems: &mut SyntaxProblems) -> Option<Node> {
    if source.bytes.len() > MAX_BYTES {
        let reason = format!("it is larger than {} MiB", MAX_BYTES >> 20);
        problems.push(SyntaxProblem::syntax(Place::START, &reason));
        return None;
    }
    let text = match str::from_utf8(source.bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = source.bytes.get(..error.valid_up_to()).unwrap_or_default();
            problems.push(SyntaxProblem::syntax(
                end_of(&String::from_utf8_lossy(good)),
                "it is not UTF-8",
            ));
            return None;
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_json = match source.syntax {
        Syntax::Json => true,
        Syntax::Yaml => false,
        Syntax::Either => text.trim_start().starts_with('{'),
    };
    if !is_json {
        return json_in_yaml(text).or_else(|| yaml::read(text, problems));
    }
    let tree = json::read(text, problems);
    if tree.is_some() || source.syntax == Syntax::Json {
        return tree;
    }
    // A flow mapping of YAML begins so too. If it is neither, it was meant to be JSON.
    let mut as_yaml = SyntaxProblems::default();
    let tree = yaml::read(text, &mut as_yaml)?;
    *problems = as_yaml;
    Some(tree)
}

/// JSON is YAML, and our reader of it has no bound on how long a collection is.
fn json_in_yaml(text: &str) -> Option<Node> {
    if !text.starts_with('{') {
        return None;
    }
    let mut problems = SyntaxProblems::default();
    let tree = json::read(text, &mut problems)?;
    problems.first.is_empty().then_some(tree)
}

/// The place after the last character.
pub(super) fn end_of(text: &str) -> Place {
    let saturated = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let last = text.rsplit('\n').next().unwrap_or_default();
    Place {
        line: saturated(text.matches('\n').count() + 1),
        column: saturated(last.chars().count() + 1),
    }
}
