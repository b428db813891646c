//! Plans against brute force, and what a plan says of changes that everybody makes.

mod access_token;
mod brute_force;
mod changes;
mod document;
mod flat;
mod matches;
mod pass;
mod pairs;
mod pki;
mod plugins;
mod tokens;
mod witnesses;

use serde_json::Value;

use super::Side;
use crate::load::Inputs;

/// Whoever carries certificates in these tests.
const CARRIER: &str = "192.0.2.1";

/// Both sides, or what is wrong with one.
fn sides(documents: [&Value; 2]) -> Result<[Side; 2], String> {
    let load = |document: &Value, generation| {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let inputs = Inputs {
            file: None,
            environment: vec![
                set("KONG_DECLARATIVE_CONFIG_STRING", &document.to_string()),
                set("KONG_TRUSTED_IPS", CARRIER),
                set("KONG_TLS_CERTIFICATE_VERIFY", "off"),
            ],
        };
        let (side, report) = Side::load(&inputs, generation, None);
        side.ok_or_else(|| report.to_string())
    };
    Ok([load(documents[0], 1)?, load(documents[1], 2)?])
}
