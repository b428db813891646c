//! Plans against brute force, and what a plan says of changes that everybody makes.

mod access_token;
mod brute_force;
mod changes;
mod document;
mod flat;
mod matches;
mod pairs;
mod pass;
mod pki;
mod plugins;
mod said;
mod tokens;
mod witnesses;

use serde_json::Value;

use super::Side;
use crate::load::Inputs;

/// Whoever carries certificates in these tests.
const CARRIER: &str = "192.0.2.1";

/// Both sides, or what is wrong with one.
fn sides(documents: [&Value; 2]) -> Result<[Side; 2], String> {
    sides_that_trust(documents, [CARRIER, CARRIER])
}

/// The same, each with the addresses that may carry certificates.
fn sides_that_trust(documents: [&Value; 2], trusted: [&str; 2]) -> Result<[Side; 2], String> {
    let load = |document: &Value, trusted: &str, generation| {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let inputs = Inputs {
            file: None,
            environment: vec![
                set("KONG_DECLARATIVE_CONFIG_STRING", &document.to_string()),
                set("KONG_TRUSTED_IPS", trusted),
                set("KONG_TLS_CERTIFICATE_VERIFY", "off"),
            ],
        };
        let (side, report) = Side::load(&inputs, generation, None);
        side.ok_or_else(|| report.to_string())
    };
    Ok([
        load(documents[0], trusted[0], 1)?,
        load(documents[1], trusted[1], 2)?,
    ])
}
