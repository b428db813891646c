//! Random plugins, in random scopes.

use fastrand::Rng;
use serde_json::{Value, json};

use super::document::{AUTHORITIES, CONSUMERS, HEADERS, PROVIDERS, one, some};

const PLUGINS: [&str; 18] = [
    "openid-connect",
    "openid-connect",
    "openid-connect",
    "key-auth",
    "basic-auth",
    "jwt",
    "principals",
    "mtls-auth",
    "mtls-auth",
    "header-cert-auth",
    "header-cert-auth",
    "acl",
    "acl",
    "acl_1595",
    "acl_1005",
    "ip-restriction",
    "request-termination",
    "header-cert-auth_1700",
];

pub(super) fn plugin(rng: &mut Rng) -> Value {
    let name = *one(rng, &PLUGINS);
    let mut plugin = json!({"name": name, "config": config(rng, name), "enabled": rng.f64() < 0.9});
    if rng.f64() < 0.4 {
        plugin["route"] = json!(format!("r{}", rng.usize(1..5)));
    }
    if rng.f64() < 0.3 {
        plugin["service"] = json!(one(rng, &["s1", "s2"]));
    }
    let may_be_personal = matches!(name, "ip-restriction" | "request-termination");
    if may_be_personal && rng.f64() < 0.4 {
        if rng.bool() {
            plugin["consumer"] = json!(one(rng, &CONSUMERS).0);
        } else {
            plugin["consumer_group"] = json!(one(rng, &["cg1", "g1"]));
        }
    } else if name.starts_with("acl") && rng.f64() < 0.2 {
        let order = *one(rng, &["before", "after"]);
        plugin["ordering"] = json!({order: {"access": [one(rng, &["mtls-auth", "header-cert-auth"])]}});
    }
    plugin
}

pub(super) fn config(rng: &mut Rng, name: &str) -> Value {
    match name {
        "ip-restriction" => {
            let networks = some(rng, &["10.0.0.0/8", "10.1.0.0/16", "203.0.113.0/24"], 0.5);
            let networks = if networks.is_empty() {
                vec![json!("10.1.0.0/16")]
            } else {
                networks
            };
            json!({*one(rng, &["allow", "deny"]): networks})
        }
        "request-termination" => {
            if rng.bool() {
                json!({"status_code": 410, "trigger": *one(rng, &["x-stop", "x-team"])})
            } else {
                json!({"status_code": 410})
            }
        }
        "key-auth" => json!({
            "key_names": one(rng, &[&["apikey"][..], &["x-key"], &["apikey", "x-key"]]),
            "anonymous": one(rng, &[None, None, Some("guest")]),
            "run_on_preflight": rng.f64() < 0.8,
        }),
        "basic-auth" => json!({"anonymous": one(rng, &[None, None, Some("guest")])}),
        "jwt" => {
            let claims = some(rng, &["exp", "nbf"], 0.4);
            let most = if claims.contains(&json!("exp")) {
                *one(rng, &[0, 3600])
            } else {
                0
            };
            json!({
                "key_claim_name": one(rng, &["iss", "iss", "kid"]),
                "secret_is_base64": rng.f64() < 0.2,
                "claims_to_verify": claims,
                "maximum_expiration": most,
                "anonymous": one(rng, &[None, None, Some("guest")]),
            })
        }
        "openid-connect" => openid_connect(rng),
        "principals" => {
            let plugins = [
                "mtls-auth",
                "header-cert-auth",
                "key-auth",
                "jwt",
                "openid-connect",
            ];
            let mut require = some(rng, &plugins, 0.4);
            require.truncate(2);
            if require.len() < 2 {
                require = vec![json!("header-cert-auth"), json!("jwt")];
            }
            let mut config = json!({"require": require});
            if rng.f64() < 0.6 {
                config["same"] = json!(one(rng, &["consumer", "custom_id", "tag:team-"]));
            }
            if rng.f64() < 0.4 {
                config["allow"] = json!({require[0].as_str().unwrap(): ["g1"]});
            }
            config
        }
        acl if acl.starts_with("acl") => {
            let groups = some(rng, &["g1", "g2", "cg1"], 0.4);
            let groups = if groups.is_empty() {
                vec![json!("g1")]
            } else {
                groups
            };
            json!({
                *one(rng, &["allow", "allow", "deny"]): groups,
                "always_use_authenticated_groups": rng.f64() < 0.3,
                "include_consumer_groups": rng.f64() < 0.3,
            })
        }
        certificates => certificate_config(rng, certificates),
    }
}

fn openid_connect(rng: &mut Rng) -> Value {
    let mut config = json!({
        "issuer": one(rng, &[PROVIDERS[0], PROVIDERS[0], PROVIDERS[1]]),
        "auth_methods": one(rng, &[&["bearer"][..], &["bearer"], &["introspection"], &["bearer", "introspection"]]),
        "introspect_jwt_tokens": rng.bool(),
        "audience_required": one(rng, &[&[][..], &["orders"], &["orders", "others"]]),
        "scopes_required": one(rng, &[&[][..], &["read"], &["read", "write"], &["read write"]]),
        "consumer_by": one(rng, &[&["username", "custom_id"][..], &["custom_id"], &["custom_id", "username"], &["username"]]),
        "by_username_ignore_case": rng.f64() < 0.2,
        "consumer_optional": rng.f64() < 0.3,
        "anonymous": one(rng, &[None, None, None, Some("guest")]),
        "run_on_preflight": rng.f64() < 0.8,
        "proof_of_possession_mtls": one(rng, &["off", "off", "optional", "strict"]),
        "bearer_token_param_type": one(rng, &[&["header"][..], &["header"], &["query"], &["body"], &["header", "cookie"]]),
        "bearer_token_cookie_name": "session",
    });
    match rng.u8(..6) {
        0..3 => config["consumer_claim"] = json!(one(rng, &[["azp"], ["azp"], ["sub"]])),
        3 => config["consumer_claims"] = json!([["azp"], ["sub"]]),
        4 => config["consumer_claims"] = json!([["sub"], ["azp"]]),
        _ => {}
    }
    if rng.f64() < 0.5 {
        config["authenticated_groups_claim"] = json!(["groups"]);
    }
    if rng.f64() < 0.2 {
        config["groups_required"] = json!(one(rng, &["g1", "g3"]).split(' ').collect::<Vec<_>>());
    }
    if rng.f64() < 0.2 {
        config["claims_forbidden"] = json!(["act"]);
    }
    if rng.f64() < 0.2 {
        config["issuers_allowed"] = json!(one(rng, &[&PROVIDERS[..1], &PROVIDERS[..]]));
    }
    config
}

fn certificate_config(rng: &mut Rng, certificates: &str) -> Value {
    let authorities = some(rng, &AUTHORITIES, 0.6);
    let authorities = if authorities.is_empty() {
        vec![json!(AUTHORITIES[0])]
    } else {
        authorities
    };
    let mut config = json!({
        "ca_certificates": authorities,
        "skip_consumer_lookup": rng.f64() < 0.25,
        "allow_partial_chain": rng.f64() < 0.3,
        "revocation_check_mode": one(rng, &["SKIP", "IGNORE_CA_ERROR", "IGNORE_CA_ERROR", "STRICT"]),
        "common_name": one(rng, &["without_san", "always"]),
        "consumer_by": one(rng, &[&["custom_id", "username"][..], &["username"], &["custom_id"], &[]]),
    });
    if rng.f64() < 0.2 {
        config["anonymous"] = json!(one(rng, &["guest", "alice"]));
    }
    if rng.f64() < 0.15 {
        config["default_consumer"] = json!(one(rng, &["guest", "carol"]));
    }
    if certificates.starts_with("header") {
        config["certificate_header_name"] = json!(one(rng, &HEADERS));
        config["certificate_header_format"] = json!("url_encoded");
        config["secure_source"] = json!(rng.f64() < 0.85);
    }
    config
}

/// One of each name and scope.
pub(super) fn unique(plugins: &mut Vec<Value>) {
    let mut seen = std::collections::HashSet::new();
    plugins.retain(|plugin| {
        let scope = ["name", "route", "service", "consumer", "consumer_group"];
        seen.insert(scope.map(|key| plugin[key].to_string()))
    });
}
