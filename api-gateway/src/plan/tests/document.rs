//! Random small documents, and what becomes of one when somebody changes a few things in it.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::plugins::{config, plugin, unique};

/// The ids of the authorities that documents have, in the order of the PKI's.
pub(super) const AUTHORITIES: [&str; 3] = [
    "c1a00000-0000-4000-8000-000000000001",
    "c1a00000-0000-4000-8000-000000000002",
    "c1a00000-0000-4000-8000-000000000003",
];
pub(super) const HEADERS: [&str; 2] = ["x-amzn-mtls-clientcert", "x-client-cert"];
/// By username, by custom id, by both.
pub(super) const CONSUMERS: [(&str, Option<&str>); 4] = [
    ("alice", None),
    ("bob@example.test", Some("alice-too")),
    ("carol", Some("c-3")),
    ("guest", None),
];
/// Every name that a certificate could mean something by, and one that means nothing.
pub(super) const NAMES: [&str; 10] = [
    "alice",
    "bob@example.test",
    "alice-too",
    "carol",
    "c-3",
    "guest",
    "device-1",
    "g1",
    "g2",
    "somebody.somewhere.example",
];

pub(super) fn one<'v, T>(rng: &mut Rng, values: &'v [T]) -> &'v T {
    &values[rng.usize(..values.len())]
}

/// Some of the values, in their order.
pub(super) fn some(rng: &mut Rng, values: &[&str], each: f64) -> Vec<Value> {
    let mut kept = Vec::new();
    for value in values {
        if rng.f64() < each {
            kept.push(json!(value));
        }
    }
    kept
}

/// A document with the authorities of this PKI.
pub(super) fn random(rng: &mut Rng, authorities: &[String; 3], public_keys: &[String; 2]) -> Value {
    let mut document = json!({"_format_version": "3.0"});
    document["ca_certificates"] = AUTHORITIES
        .iter()
        .zip(authorities)
        .map(|(id, pem)| json!({"id": id, "cert": pem}))
        .collect();
    for part in PARTS {
        set_part(rng, (&mut document, public_keys), part);
    }
    document
}

/// What the documents' keys, passwords and secrets are.
pub(super) const KEYS: [&str; 3] = [
    "key-one-0123456789abcdef",
    "key-two-0123456789abcdef",
    "nobodys-key",
];
pub(super) const PASSWORDS: [&str; 2] = ["first password", "second password"];
/// Both readable as base64.
pub(super) const SECRETS: [&str; 2] = [
    "b25lIHNlY3JldCB0aGF0IGlzIGxvbmcgZW5vdWdo",
    "YW5vdGhlciBzZWNyZXQgdGhhdCBpcyBsb25nISEh",
];
/// Whose tokens there are.
pub(super) const PROVIDERS: [&str; 2] = ["https://one.test", "https://two.test"];
/// Names by which tokens are signed.
pub(super) const SIGNERS: [&str; 3] = ["iss-1", "iss-2", "nobodys"];

const PARTS: [&str; 7] = [
    "services",
    "routes",
    "consumers",
    "consumer_groups",
    "mappings",
    "credentials",
    "plugins",
];

/// The same with some of its parts, or of their entities, made anew.
pub(super) fn changed(rng: &mut Rng, document: &Value, public_keys: &[String; 2]) -> Value {
    let mut document = document.clone();
    for _ in 0..rng.usize(1..4) {
        let part = *one(rng, &PARTS);
        let key = match part {
            "mappings" => "mtls_auth_credentials",
            "credentials" => "keyauth_credentials",
            other => other,
        };
        let is_list = document[key]
            .as_array()
            .is_some_and(|entities| !entities.is_empty());
        if part == "plugins" && is_list && rng.f64() < 0.8 {
            // One plugin goes, comes, or is another.
            let plugins = document[key].as_array_mut().unwrap();
            let at = rng.usize(..plugins.len());
            match rng.u8(..4) {
                0 => drop(plugins.remove(at)),
                1 => plugins.push(plugin(rng)),
                2 => {
                    let enabled = plugins[at]["enabled"] == json!(false);
                    plugins[at]["enabled"] = json!(enabled);
                }
                _ => {
                    let name = plugins[at]["name"].as_str().unwrap().to_owned();
                    plugins[at]["config"] = config(rng, &name);
                }
            }
            unique(document[key].as_array_mut().unwrap());
        } else {
            set_part(rng, (&mut document, public_keys), part);
        }
    }
    document
}

fn set_part(rng: &mut Rng, (document, public_keys): (&mut Value, &[String; 2]), part: &str) {
    match part {
        "services" => {
            document["services"] = ["s1", "s2"]
                .iter()
                .map(|name| json!({"name": name, "url": "http://127.0.0.1:1", "enabled": rng.f64() < 0.9}))
                .collect();
        }
        "routes" => {
            let count = rng.usize(1..5);
            document["routes"] = (1..=count).map(|number| route(rng, number)).collect();
            // All four are there, so that plugins can be for them.
            let rest = (count + 1..5)
                .map(|number| json!({"name": format!("r{number}"), "hosts": [format!("r{number}.never")]}));
            document["routes"].as_array_mut().unwrap().extend(rest);
        }
        "consumers" => {
            document["consumers"] = CONSUMERS
                .iter()
                .map(|(username, custom_id)| {
                    let groups = some(rng, &["g1", "g2"], 0.4);
                    let acls: Vec<Value> = groups.iter().map(|group| json!({"group": group})).collect();
                    let tags = some(rng, &["team-a", "team-b"], 0.4);
                    json!({"username": username, "custom_id": custom_id, "acls": acls, "tags": tags})
                })
                .collect();
        }
        "consumer_groups" => {
            document["consumer_groups"] = json!([{"name": "cg1"}, {"name": "g1"}]);
            let mut members = Vec::new();
            for (consumer, _) in CONSUMERS {
                for group in some(rng, &["cg1", "g1"], 0.3) {
                    members.push(json!({"consumer": consumer, "consumer_group": group}));
                }
            }
            document["consumer_group_consumers"] = json!(members);
        }
        "credentials" => set_credentials(rng, document, public_keys),
        "mappings" => {
            for collection in ["mtls_auth_credentials", "header_cert_auth_credentials"] {
                let mut mappings = Vec::new();
                for number in 0..rng.usize(..3) {
                    let mut mapping = json!({
                        "id": format!("aa000000-0000-4000-8000-00000000000{number}"),
                        "subject_name": one(rng, &["device-1", "alice", "c-3"]),
                        "consumer": {"username": one(rng, &CONSUMERS).0},
                    });
                    mapping["consumer"] = json!(one(rng, &CONSUMERS).0);
                    if rng.bool() {
                        mapping["ca_certificate"] = json!(one(rng, &AUTHORITIES));
                    }
                    mappings.push(mapping);
                }
                document[collection] = json!(mappings);
            }
        }
        _ => {
            let mut plugins = Vec::new();
            for _ in 0..rng.usize(1..8) {
                plugins.push(plugin(rng));
            }
            unique(&mut plugins);
            document["plugins"] = json!(plugins);
        }
    }
}

fn set_credentials(rng: &mut Rng, document: &mut Value, public_keys: &[String; 2]) {
    let owner = |rng: &mut Rng| one(rng, &CONSUMERS).0;
    let mut keys = Vec::new();
    for key in some(rng, &KEYS[..2], 0.7) {
        keys.push(json!({"key": key, "consumer": owner(rng)}));
    }
    document["keyauth_credentials"] = json!(keys);
    let password = one(rng, &PASSWORDS);
    document["basicauth_credentials"] =
        json!([{"username": "user", "password": password, "consumer": owner(rng)}]);
    let mut secrets = Vec::new();
    for key in some(rng, &SIGNERS[..2], 0.7) {
        secrets.push(if rng.bool() {
            json!({"key": key, "secret": one(rng, &SECRETS), "consumer": owner(rng)})
        } else {
            let public = one(rng, public_keys);
            json!({"key": key, "algorithm": "ES256", "rsa_public_key": public, "consumer": owner(rng)})
        });
    }
    document["jwt_secrets"] = json!(secrets);
}

fn route(rng: &mut Rng, number: usize) -> Value {
    let mut route = Map::new();
    route.insert("name".into(), json!(format!("r{number}")));
    let set = |rng: &mut Rng, likely: f64, values: &[&str]| {
        let is_set = rng.f64() < likely;
        let values = some(rng, values, 0.4);
        is_set.then_some(values).filter(|values| !values.is_empty())
    };
    let paths = ["/", "/a", "/a/b", "~/a/\\d+", "~/(x|y)$"];
    if let Some(paths) = set(rng, 0.8, &paths) {
        route.insert("paths".into(), json!(paths));
    }
    if let Some(hosts) = set(rng, 0.4, &["a.test", "*.test", "b.*", "a.test:81"]) {
        route.insert("hosts".into(), json!(hosts));
    }
    if let Some(methods) = set(rng, 0.3, &["GET", "POST"]) {
        route.insert("methods".into(), json!(methods));
    }
    if rng.f64() < 0.2 {
        let teams = [&["red"][..], &["blue"], &["red", "blue"], &["~*^r"]];
        let values = one(rng, &teams);
        route.insert("headers".into(), json!({"x-team": values}));
    }
    if let Some(names) = set(rng, 0.2, &["a.test", "*.test"]) {
        route.insert("snis".into(), json!(names));
    }
    if route.len() == 1 {
        route.insert("paths".into(), json!(["/a"]));
    }
    let spoken = [&["http", "https"][..], &["https"], &["http", "https"]];
    let protocols = one(rng, &spoken);
    route.insert("protocols".into(), json!(protocols));
    if !protocols.contains(&"https") {
        route.remove("snis");
    }
    if rng.f64() < 0.95 {
        route.insert("service".into(), json!(one(rng, &["s1", "s1", "s2"])));
    }
    Value::Object(route)
}
