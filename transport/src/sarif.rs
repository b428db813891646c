//! A report as SARIF 2.1.0 (OASIS): what code scanning services and editors show beside the lines of a file.
//!
//! One run; every code of the program is a rule, so that a reader sees what was looked for and not only what was found.
//! What was written in no file, such as an environment variable, has no location, and says in its text where it is.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::code_page::{self, Help};
use crate::finding::{Finding, Origin, Report, Rule, Severity, one_line};
use crate::report_form::Tool;

/// The base of relative names of files (SARIF §3.14.14): whoever reads the log knows the directory that is meant.
const ROOT: &str = "%SRCROOT%";

/// The whole log.
pub(crate) fn log(report: &Report, tool: &Tool, directory: &Path) -> Value {
    let mut rules: Vec<&Rule> = Vec::new();
    let mut positions: HashMap<&str, usize> = HashMap::new();
    for rule in tool.rules.iter().copied().flatten() {
        // Two layers may have the same code; it is one rule, as bad as the worse of them.
        if let Some(known) = positions.get(rule.code).and_then(|at| rules.get_mut(*at)) {
            if rule.severity < known.severity {
                *known = rule;
            }
            continue;
        }
        positions.insert(rule.code, rules.len());
        rules.push(rule);
    }
    let results: Vec<Value> = report
        .iter()
        .map(|finding| result(finding, positions.get(finding.code).copied(), directory))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": tool.name,
                "version": tool.version,
                "rules": rules.iter().map(|rule| described(rule, tool)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// With what the page says of it, rather than where that is: an address has to be absolute (§3.49.12), and a report says
/// nothing about where somebody keeps these sources.
fn described(rule: &Rule, tool: &Tool) -> Value {
    let mut described = json!({
        "id": rule.code,
        "shortDescription": { "text": rule.says },
        "defaultConfiguration": { "level": level(rule.severity) },
    });
    if let Some(Help { text, markdown }) = code_page::help(tool.page, rule.code) {
        described["help"] = json!({ "text": text, "markdown": markdown });
    }
    described
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn result(finding: &Finding, rule: Option<usize>, directory: &Path) -> Value {
    let mut result = Map::new();
    result.insert("ruleId".into(), finding.code.into());
    if let Some(rule) = rule {
        result.insert("ruleIndex".into(), rule.into());
    }
    result.insert("level".into(), level(finding.severity).into());
    result.insert("message".into(), json!({ "text": text(finding) }));
    if let Some(physical) = physical(&finding.origin, directory) {
        let mut location = Map::from_iter([("physicalLocation".to_owned(), physical)]);
        if !finding.path.is_empty() {
            location.insert(
                "logicalLocations".into(),
                json!([{ "fullyQualifiedName": finding.path }]),
            );
        }
        result.insert("locations".into(), json!([location]));
    }
    Value::Object(result)
}

/// Message and fix; what no location tells is told here.
fn text(finding: &Finding) -> String {
    let mut text = String::new();
    let mut add = |part: &str| {
        // A text takes everything.
        let _ = one_line(&mut text, part);
    };
    if matches!(finding.origin, Origin::Environment(_) | Origin::Node) {
        add(&format!("{}: ", finding.origin));
    }
    add(&finding.message);
    if let Some(fix) = &finding.fix {
        add("; ");
        add(fix);
    }
    text
}

fn physical(origin: &Origin, directory: &Path) -> Option<Value> {
    let (file, region) = match origin {
        Origin::File { file, line, column } => {
            (file, Some(json!({ "startLine": line, "startColumn": column })))
        }
        Origin::Whole(file) => (file, None),
        Origin::Environment(_) | Origin::Node => return None,
    };
    let mut location = Map::from_iter([("artifactLocation".to_owned(), artifact(file, directory))]);
    if let Some(region) = region {
        location.insert("region".into(), region);
    }
    Some(Value::Object(location))
}

/// The name of a file as a URI: relative where it is below the directory, so that it is found in another checkout too.
fn artifact(file: &str, directory: &Path) -> Value {
    let path = Path::new(file);
    let relative = path.strip_prefix(directory).unwrap_or(path);
    let relative = relative.strip_prefix(".").unwrap_or(relative);
    let name = escaped(&relative.to_string_lossy());
    if relative.is_absolute() {
        json!({ "uri": format!("file://{name}") })
    } else {
        json!({ "uri": name, "uriBaseId": ROOT })
    }
}

/// RFC 3986 §2.1: everything but unreserved characters and the slash is written as octets.
fn escaped(name: &str) -> String {
    let mut uri = String::with_capacity(name.len());
    for octet in name.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~/".contains(&octet) {
            uri.push(char::from(octet));
        } else {
            uri.push('%');
            for half in [octet >> 4, octet & 15] {
                uri.push(
                    char::from_digit(half.into(), 16)
                        .unwrap_or('0')
                        .to_ascii_uppercase(),
                );
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: Tool = Tool {
        name: "gate",
        version: "1.2.3",
        page: "### bad-value\n\nSee [there](there.md).\n",
        rules: &[
            &[
                Rule::warning("no-effect", "nothing reads it"),
                Rule::error("bad-value", "cannot be"),
            ],
            &[Rule::error("no-effect", "nothing at all")],
        ],
    };

    fn results(findings: impl IntoIterator<Item = Finding>) -> Vec<Value> {
        let log = log(&findings.into_iter().collect(), &TOOL, Path::new("/srv/site"));
        log["runs"][0]["results"].as_array().unwrap().clone()
    }

    fn at(file: &str) -> Origin {
        Origin::File {
            file: file.into(),
            line: 7,
            column: 3,
        }
    }

    #[test]
    fn every_code_is_one_rule_with_what_the_page_says() {
        let log = log(&Report::new(), &TOOL, Path::new("/"));
        assert_eq!(log["version"], "2.1.0");
        assert_eq!(log["runs"][0]["results"], json!([]));
        assert_eq!(
            log["runs"][0]["tool"]["driver"]["rules"],
            json!([
                { "id": "no-effect", "shortDescription": { "text": "nothing at all" },
                  "defaultConfiguration": { "level": "error" } },
                { "id": "bad-value", "shortDescription": { "text": "cannot be" },
                  "help": { "text": "See there.", "markdown": "See there." },
                  "defaultConfiguration": { "level": "error" } },
            ])
        );
    }

    #[test]
    fn a_finding_has_its_rule_its_place_and_its_entity() {
        let finding =
            Finding::warning("bad-value", at("kong.yaml"), "routes.a", "it\nis wrong").with_fix("mend it");
        assert_eq!(
            results([finding]),
            [json!({
                "ruleId": "bad-value", "ruleIndex": 1, "level": "warning",
                "message": { "text": "it\\nis wrong; mend it" },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": "kong.yaml", "uriBaseId": "%SRCROOT%" },
                        "region": { "startLine": 7, "startColumn": 3 },
                    },
                    "logicalLocations": [{ "fullyQualifiedName": "routes.a" }],
                }],
            })]
        );
    }

    #[test]
    fn files_are_named_from_the_directory_and_escaped() {
        for (file, uri, base) in [
            ("/srv/site/a b/köng.yaml", "a%20b/k%C3%B6ng.yaml", true),
            ("./kong.yaml", "kong.yaml", true),
            ("/etc/kong.yaml", "file:///etc/kong.yaml", false),
            ("50%:#?.yaml", "50%25%3A%23%3F.yaml", true),
        ] {
            let found = results([Finding::error("bad-value", at(file), "", "m")]);
            let artifact = &found[0]["locations"][0]["physicalLocation"]["artifactLocation"];
            assert_eq!(artifact["uri"], uri);
            assert_eq!(artifact.get("uriBaseId").is_some(), base, "{file}");
        }
    }

    #[test]
    fn what_stands_in_no_file_has_no_location() {
        let variable = Finding::error("bad-value", Origin::Environment("KONG_A".into()), "a", "m");
        let default = Finding::warning("bad-value", Origin::Node, "b", "n");
        let whole = Finding::warning("bad-value", Origin::Whole("x.pem".into()), "", "o");
        let found = results([variable, default, whole]);
        assert_eq!(found[0]["message"]["text"], "env KONG_A: m");
        assert_eq!(found[0].get("locations"), None);
        let of = |text: &str| {
            found
                .iter()
                .find(|result| result["message"]["text"] == text)
                .unwrap()
        };
        assert_eq!(of("defaults: n").get("locations"), None);
        let physical = &of("o")["locations"][0]["physicalLocation"];
        assert_eq!(physical["artifactLocation"]["uri"], "x.pem");
        assert_eq!(physical.get("region"), None);
    }
}
