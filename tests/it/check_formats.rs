//! `check` says the same in every form. SARIF is held against the schema that OASIS published, as SchemaStore has it.

use std::collections::BTreeSet;
use std::fs;

use harness::outside::sarif_schema;
use harness::program::{command, run_to_end};
use serde_json::Value;

use crate::pair::{Files, free_address};

fn files() -> Files {
    let files = Files::new(free_address(), "127.0.0.1:1".parse().unwrap());
    files.change("gateway.toml", "proxy_access_log", "proxy_acces_log");
    files.change("kong.yaml", "custom_id: alice-1", "custom_di: alice-1");
    files.change("edge.toml", "mode = \"off\"", "mode = \"of\"");
    files
}

/// Standard output of `check` in the files' directory, with a variable that cannot be.
fn check(files: &Files, (program, node, variable): (&str, &str, &str), more: &[&str]) -> String {
    let arguments: Vec<&str> = ["check", "--config", node]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let mut command = command(program, &arguments).unwrap();
    command.current_dir(files.path()).env(variable, "never");
    let said = tokio::task::block_in_place(|| run_to_end(command)).unwrap();
    assert_eq!(said.code, Some(1), "{said:?}");
    said.stdout
}

/// What the schema says of a log; nothing if it is right.
fn problems(log: &str) -> String {
    let said = tokio::task::block_in_place(|| sarif_schema(log));
    assert_eq!(said.code, Some(0), "run `make tools`: {said:?}");
    said.stdout
}

const PROGRAMS: [(&str, &str, &str); 2] = [
    ("api-gateway", "gateway.toml", "KONG_REAL_IP_RECURSIVE"),
    ("edge-proxy", "edge.toml", "EDGE_PROXY_DRAIN_TIMEOUT"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_form_says_the_same() {
    let files = files();
    for program in PROGRAMS {
        let text = check(&files, program, &[]);
        assert_eq!(check(&files, program, &["--format", "text"]), text);
        let json = check(&files, program, &["--json"]);
        assert_eq!(check(&files, program, &["--format", "json"]), json);
        let findings: Value = serde_json::from_str(&json).unwrap();
        let log: Value = serde_json::from_str(&check(&files, program, &["--format", "sarif"])).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        let findings = findings.as_array().unwrap();
        assert_eq!(results.len(), findings.len(), "{log:#}");
        assert_eq!(text.lines().count(), findings.len() + 1, "{text}");
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        for (result, finding) in results.iter().zip(findings) {
            assert_eq!(result["ruleId"], finding["code"]);
            assert_eq!(result["level"], finding["severity"]);
            let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[rule]["id"], finding["code"]);
            let message = result["message"]["text"].as_str().unwrap();
            let own = finding["message"].as_str().unwrap();
            assert!(
                message.contains(own) || own.chars().any(char::is_control),
                "{message}"
            );
            let file = finding["file"].as_str().unwrap_or_default();
            if file.is_empty() || file.starts_with("env ") {
                assert_eq!(result.get("locations"), None, "{result}");
                assert!(message.starts_with(file), "{result}");
            } else {
                let physical = &result["locations"][0]["physicalLocation"];
                let name = physical["artifactLocation"]["uri"].as_str().unwrap();
                assert!(file.ends_with(name) && !name.contains('/'), "{file} {name}");
                assert_eq!(physical["region"]["startLine"], finding["line"]);
                assert_eq!(physical["region"]["startColumn"], finding["column"]);
            }
        }
        let about_the_environment = results.iter().any(|result| result.get("locations").is_none());
        assert!(about_the_environment, "{log:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sarif_is_as_its_schema_wants_it() {
    let files = files();
    for program in PROGRAMS {
        let log = check(&files, program, &["--format", "sarif"]);
        assert_eq!(problems(&log), "", "{log}");
        let mut spoilt: Value = serde_json::from_str(&log).unwrap();
        spoilt["runs"][0]["results"][0]["level"] = "fatal".into();
        assert!(
            problems(&spoilt.to_string()).contains("fatal"),
            "the validator sees nothing"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_without_findings_is_a_log_too() {
    let files = Files::new(free_address(), "127.0.0.1:1".parse().unwrap());
    let said = files.run("edge-proxy", &["check", "--format", "sarif"], "edge.toml");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(problems(&said.stdout), "");
    let log: Value = serde_json::from_str(&said.stdout).unwrap();
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    let codes: BTreeSet<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
    assert_eq!(codes.len(), rules.len(), "a rule is there once");
    assert!(codes.contains("expires-soon"));
    for rule in rules {
        let help = ["text", "markdown"].map(|form| rule["help"][form].as_str().unwrap_or_default());
        assert!(help.iter().all(|help| help.len() > 10), "{rule}");
        assert!(
            !help.iter().any(|help| help.contains("](")),
            "a link leads nowhere: {rule}"
        );
    }
    assert!(!said.stdout.contains("example.invalid"), "{}", said.stdout);
    let said = files.run("api-gateway", &["check", "--format", "xml"], "gateway.toml");
    assert_eq!(said.code, Some(2), "{said:?}");
    fs::remove_file(files.path().join("edge.toml")).unwrap();
    let said = files.run("edge-proxy", &["check", "--format", "sarif"], "edge.toml");
    assert_eq!((said.code, problems(&said.stdout)), (Some(1), String::new()));
}
