//! Two credentials of one kind in one request: nobody can say which of them is meant. `docs/tokens.md` says what each plugin
//! makes of it where `anonymous` is set, and where it is not.

use harness::issuer::Issuer;
use harness::stack::Stack;
use serde_json::json;

const KEY: &str = "alices-key-is-long-enough";

/// A route for each plugin, and one for each with `anonymous`.
async fn start(issuer: &Issuer) -> Stack {
    let url = issuer.url();
    let route = |name: &str, config: &str| {
        let [plain, guest] = [("", ""), ("-guest", "anonymous: guest")].map(|(end, further)| {
            format!("  - {{name: {name}{end}, paths: [/{name}{end}/], plugins: [{{name: {name}, config: {{{config}{further}}}}}]}}\n")
        });
        plain + &guest
    };
    let routes = [
        route("key-auth", "key_names: [apikey], "),
        route("basic-auth", ""),
        route("jwt", "uri_param_names: [jwt], "),
        route(
            "openid-connect",
            &format!("issuer: '{url}', auth_methods: [bearer], bearer_token_param_type: [header, query], "),
        ),
    ]
    .concat();
    Stack::reading(format!(
        "_format_version: '3.0'
services:
- name: echo
  url: http://{{echo}}
  routes:
{routes}
consumers:
- {{username: guest}}
- username: alice
  keyauth_credentials: [{{key: {KEY}}}]
  basicauth_credentials: [{{username: alice, password: sesame-sesame}}]
"
    ))
    .file("provider.pem", issuer.authority_pem())
    .gateway("lua_ssl_trusted_certificate", "pki/provider.pem")
    .gateway("revocation_lists", "")
    .without_edge()
    .start()
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_credentials_of_a_kind_are_one_too_many() {
    let issuer = Issuer::start(1);
    let stack = start(&issuer).await;
    let (first, second) = (issuer.token(&json!({})), issuer.token(&json!({"sub": "bob"})));
    let bearer = |token: &str| format!("Bearer {token}");
    let basic = "Basic YWxpY2U6c2VzYW1lLXNlc2FtZQ==".to_owned();
    // The plugin, its credential twice, what the client reads, and whether a guest is let in.
    for (plugin, path, [one, other], message, guest) in table! {
        ("key-auth", "", [("apikey", KEY.to_owned()), ("apikey", KEY.to_owned())], "Duplicate API key found", true);
        ("key-auth", "", [("apikey", KEY.to_owned()), ("ApiKey", "another".to_owned())], "Duplicate API key found", true);
        ("basic-auth", "", [("authorization", basic.clone()), ("authorization", basic.clone())], "Unauthorized", true);
        ("jwt", "", [("authorization", bearer(&first)), ("authorization", bearer(&second))], "Multiple tokens provided", true);
        ("openid-connect", "", [("authorization", bearer(&first)), ("authorization", bearer(&first))], "Unauthorized", false);
        ("openid-connect", "", [("authorization", bearer(&first)), ("x-access-token", first.clone())], "Unauthorized", false);
        ("openid-connect", "?access_token=a", [("authorization", bearer(&first)), ("accept", "*/*".to_owned())], "Unauthorized", false);
    } {
        for end in ["", "-guest"] {
            let is_guest = guest && end == "-guest";
            let call = stack.gateway_http().get(&format!("/{plugin}{end}/{path}"));
            let answer = call.header(one.0, &one.1).header(other.0, &other.1).await;
            let what = format!("{plugin}{end} {path}");
            assert_eq!(
                answer.status,
                if is_guest { 200 } else { 401 },
                "{what}: {answer:?}"
            );
            if is_guest {
                assert_eq!(
                    answer.received("x-anonymous-consumer").as_deref(),
                    Some("true"),
                    "{what}"
                );
                assert_eq!(
                    answer.received("x-consumer-username").as_deref(),
                    Some("guest"),
                    "{what}"
                );
            } else {
                assert_eq!(answer.message().as_deref(), Some(message), "{what}");
                assert_eq!(stack.reason_of(&answer).await, "token_malformed", "{what}");
            }
        }
    }
}

/// A plugin takes what is not its kind for nothing at all.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_two_kinds_are_each_their_own_plugins() {
    let issuer = Issuer::start(1);
    let stack = start(&issuer).await;
    let token = issuer.token(&json!({}));
    for plugin in ["key-auth", "basic-auth", "openid-connect"] {
        let call = stack.gateway_http().get(&format!("/{plugin}/"));
        let answer = call
            .header("apikey", KEY)
            .header("authorization", "Basic YWxpY2U6c2VzYW1lLXNlc2FtZQ==")
            .header("access-token", &token)
            .await;
        assert_eq!(answer.status, 200, "{plugin}: {answer:?}");
    }
}
