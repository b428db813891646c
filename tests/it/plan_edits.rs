//! Single edits that people make, and what `plan` says of each: true when it is sent to two running gateways.

use serde_json::Value;

use crate::plan_command::{OLD, files, plan, start, status, write};

/// What is written otherwise, and what is said of it: `+` or `-`, who, by what, by which route.
struct Edit {
    name: &'static str,
    from: &'static str,
    to: &'static str,
    said: &'static [&'static str],
}

const EDITS: [Edit; 9] = [
    Edit {
        name: "a consumer goes",
        from: "  - username: carol\n    custom_id: c-1\n",
        to: "",
        said: &["- carol socket devices"],
    },
    Edit {
        name: "a consumer has another name, and the same custom id",
        from: "username: carol",
        to: "username: carla",
        said: &["+ carla socket devices", "- carol socket devices"],
    },
    Edit {
        name: "a route takes http too",
        from: "protocols: [https]",
        to: "protocols: [http, https]",
        said: &["+ alice@example.com socket+header orders"],
    },
    Edit {
        name: "an acl goes from a route to its service, where another route's own stays",
        from: "          - name: acl\n            config: { allow: [partners] }\n",
        to: "          - name: acl\n            config: { allow: [partners, staff] }\n",
        said: &["+ bob@example.com socket+header orders"],
    },
    Edit {
        name: "a plugin goes",
        from: "    plugins:\n      - name: mtls-auth\n        config:\n          ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]\n",
        to: "",
        said: &["+ anybody none devices"],
    },
    Edit {
        name: "other authorities",
        from: "      - name: mtls-auth\n        config:\n          ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]",
        to: "      - name: mtls-auth\n        config:\n          ca_certificates: [c1a00000-0000-4000-8000-000000000003]",
        said: &["+ carol socket devices", "- carol socket devices"],
    },
    Edit {
        name: "a certificate is enough",
        from: "      - name: mtls-auth\n        config:\n",
        to: "      - name: mtls-auth\n        config:\n          skip_consumer_lookup: true\n",
        said: &["+ certificate-holders socket devices"],
    },
    Edit {
        name: "whoever has no certificate is somebody",
        from: "      - name: mtls-auth\n        config:\n",
        to: "      - name: mtls-auth\n        config:\n          anonymous: carol\n",
        said: &["+ anonymous none devices"],
    },
    Edit {
        name: "an expression takes less",
        from: "\"~/v[12]/devices\"",
        to: "\"~/v1/devices\"",
        said: &["- alice@example.com socket devices"],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_an_edit_is_what_two_gateways_do() {
    let (files, echo) = files().await;
    let old = start(&files, "old.yaml");
    for Edit { name, from, to, said } in EDITS {
        assert!(OLD.contains(from), "{name}: {from}");
        write(&files, "edited.yaml", &OLD.replace(from, to), echo.http);
        let told = plan(
            &["--config", "gateway.toml", "old.yaml", "edited.yaml", "--json"],
            files.path(),
        );
        let has_gains = said.iter().any(|line| line.starts_with('+'));
        assert_eq!(
            told.code,
            Some(if has_gains { 3 } else { 0 }),
            "{name}: {told:#?}"
        );
        let plan: Value = serde_json::from_str(&told.stdout).unwrap();
        let new = start(&files, "edited.yaml");
        let mut lines = Vec::new();
        for change in plan["changes"].as_array().unwrap() {
            for access in change["accesses"].as_array().unwrap() {
                for (program, side) in [(&old, "old"), (&new, "new")] {
                    let Some(status) = status(program, &files, &access["witness"]).await else {
                        continue;
                    };
                    let expected = access[side]["status"].as_u64().unwrap_or(200);
                    assert_eq!(u64::from(status), expected, "{name}: {side} {change:#}");
                }
                lines.extend(told_of(change, access));
            }
        }
        for line in said {
            assert!(
                lines.iter().any(|told| told == line),
                "{name}: no {line:?} in {lines:#?}"
            );
        }
    }
}

/// A line for each consumer, or for whoever else it is.
fn told_of(change: &Value, access: &Value) -> Vec<String> {
    let sign = match change["direction"].as_str().unwrap() {
        "gain" => "+",
        "loss" => "-",
        _ => "~",
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let who = &change["who"];
    let everybody = std::slice::from_ref(&who["kind"]);
    let names = who["consumers"].as_array().map_or(everybody, Vec::as_slice);
    let end = format!("{} {}", text(&change["credential"]), text(&access["route"]));
    names
        .iter()
        .map(|name| format!("{sign} {} {end}", text(name)))
        .collect()
}

/// What is missing or wrong stands where it is written: the line that refuses, the line that lets through, and the
/// consumer's.
#[tokio::test(flavor = "multi_thread")]
async fn each_answer_says_which_lines_made_it_so() {
    let (files, echo) = files().await;
    let edited = OLD.replace("allow: [partners]", "allow: [partners, staff]");
    write(&files, "edited.yaml", &edited, echo.http);
    let told = plan(&["old.yaml", "edited.yaml", "--json"], files.path());
    let plan: Value = serde_json::from_str(&told.stdout).unwrap();
    let line_of = |text: &str, what: &str| {
        let position = text.lines().position(|line| line.contains(what)).unwrap();
        position + 1
    };
    let access = &plan["changes"][0]["accesses"][0];
    let place = |value: &Value| value.as_str().unwrap().rsplit_once(':').unwrap().0.to_owned();
    let filled = std::fs::read_to_string(files.path().join("edited.yaml")).unwrap();
    let acl = line_of(&filled, "- name: acl");
    assert_eq!(place(&access["old"]["place"]), format!("old.yaml:{acl}"));
    assert_eq!(access["old"]["plugin"], "acl");
    let new = &access["new"];
    assert_eq!(new["past"]["plugin"], "acl");
    assert_eq!(place(&new["past"]["place"]), format!("edited.yaml:{acl}"));
    let route = line_of(&filled, "      - name: orders");
    assert_eq!(place(&new["place"]), format!("edited.yaml:{route}"));
    let bob = line_of(&filled, "- username: bob");
    assert_eq!(place(&new["consumer_place"]), format!("edited.yaml:{bob}"));
}
