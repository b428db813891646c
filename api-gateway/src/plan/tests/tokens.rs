//! What is said of changes to what a provider's tokens have to say, and to whom they name.

use serde_json::{Value, json};

use super::changes::{acl, assert_told_of, openid_connect};

/// One's username is another's custom id.
fn consumers() -> Value {
    json!([
        {"username": "alice", "id": "c0000000-0000-4000-8000-000000000001"},
        {"username": "bob", "custom_id": "alice", "id": "c0000000-0000-4000-8000-000000000002"},
    ])
}

const EVERYBODY: &str = "+ alice, bob, by an access token";

#[test]
fn changed_demands_are_told_of_whoever_has_no_more_than_is_needed() {
    assert_told_of(
        &consumers(),
        &[
            (
                "another scope will do as well",
                json!([openid_connect(&json!({"scopes_required": ["read"]}))]),
                json!([openid_connect(&json!({"scopes_required": ["read", "write"]}))]),
                &["+ alice, bob, by an incomplete access token"],
            ),
            (
                "both scopes are needed",
                json!([openid_connect(&json!({"scopes_required": ["read", "write"]}))]),
                json!([openid_connect(&json!({"scopes_required": ["read write"]}))]),
                &["- alice, bob, by an incomplete access token"],
            ),
            (
                "a group that is judged beside one that is demanded",
                json!([
                    openid_connect(
                        &json!({"groups_required": ["staff"], "authenticated_groups_claim": ["groups"],
                        "consumer_claim": null})
                    ),
                    acl(&["nobody"]),
                ]),
                json!([
                    openid_connect(
                        &json!({"groups_required": ["staff"], "authenticated_groups_claim": ["groups"],
                        "consumer_claim": null})
                    ),
                    acl(&["partners"]),
                ]),
                &[
                    "+ whoever has a token that names the group partners, by an access token",
                    "- whoever has a token that names the group nobody, by an access token",
                ],
            ),
            (
                "a token in the body and in no other place",
                json!([
                    openid_connect(&json!({"bearer_token_param_type": ["body"], "consumer_claim": ["azp"]})),
                    acl(&["nobody"]),
                ]),
                json!([openid_connect(
                    &json!({"bearer_token_param_type": ["body"], "consumer_claim": ["azp"]})
                )]),
                &["+ alice, bob, by an access token"],
            ),
            (
                "whoever asks whether he may needs no token",
                json!([openid_connect(&json!({}))]),
                json!([openid_connect(&json!({"run_on_preflight": false}))]),
                &["+ anybody, without a credential", "~ anybody, by an access token"],
            ),
            (
                "what was forbidden",
                json!([openid_connect(&json!({"claims_forbidden": ["act"]}))]),
                json!([openid_connect(&json!({}))]),
                &["+ alice, bob, by an incomplete access token"],
            ),
        ],
    );
}

#[test]
fn changed_names_are_told_of_whom_they_name() {
    assert_told_of(
        &consumers(),
        &[
            (
                "a name is somebody else's custom id",
                json!([openid_connect(&json!({"consumer_by": ["username"]}))]),
                json!([openid_connect(&json!({"consumer_by": ["custom_id"]}))]),
                &[
                    "+ bob, by an access token",
                    "- alice, by an access token",
                    "- bob, by an access token",
                ],
            ),
            (
                "the case does not count",
                json!([openid_connect(&json!({}))]),
                json!([openid_connect(&json!({"by_username_ignore_case": true}))]),
                &[EVERYBODY],
            ),
            (
                "ids are names too",
                json!([openid_connect(&json!({"consumer_by": ["username"]}))]),
                json!([openid_connect(&json!({"consumer_by": ["username", "id"]}))]),
                &[EVERYBODY],
            ),
            (
                "the order of two claims",
                json!([openid_connect(
                    &json!({"consumer_claim": null, "consumer_claims": [["azp"], ["sub"]]})
                )]),
                json!([openid_connect(
                    &json!({"consumer_claim": null, "consumer_claims": [["sub"], ["azp"]]})
                )]),
                &[EVERYBODY, "- alice, bob, by an access token"],
            ),
        ],
    );
}

#[test]
fn changed_issuers_are_told_of_whose_tokens_they_take() {
    let allowed = |issuers: &[&str]| json!([openid_connect(&json!({"issuers_allowed": issuers}))]);
    let introspected = |groups: &[&str]| {
        json!([
            openid_connect(
                &json!({"auth_methods": ["introspection"], "authenticated_groups_claim": ["groups"],
                "introspection_endpoint": "https://provider.test/introspect", "consumer_claim": null})
            ),
            acl(groups),
        ])
    };
    assert_told_of(
        &consumers(),
        &[
            (
                "another name of the provider",
                allowed(&["https://one.test"]),
                allowed(&["https://one.test", "https://two.test"]),
                &[EVERYBODY],
            ),
            (
                "what only its provider can read",
                introspected(&["nobody"]),
                introspected(&["partners"]),
                &[
                    "+ whoever has a token that names the group partners, by an access token",
                    "- whoever has a token that names the group nobody, by an access token",
                ],
            ),
            (
                "keys of somebody else",
                json!([openid_connect(&json!({}))]),
                json!([openid_connect(
                    &json!({"extra_jwks_uris": ["https://other.test/keys"]})
                )]),
                &[EVERYBODY],
            ),
        ],
    );
}
