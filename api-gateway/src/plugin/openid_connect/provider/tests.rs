use std::net::TcpListener;

use transport::client_tls::client_config;
use transport::outgoing::Limits;
use transport::server_verifier::accept_any_server;

use super::asking::MOST_WAITING;
use super::*;

fn provider(issuer: &str, discovery: Option<Uri>) -> Provider {
    let source = Source {
        issuer: issuer.into(),
        discovery,
        further_keys: [].into(),
        issuers_allowed: None,
        trust: None,
    };
    let manner = Manner {
        keep: Duration::from_hours(1),
        at_most_every: Duration::from_secs(30),
        timeout: Duration::from_mins(1),
        proxies: Proxies::default(),
    };
    let limits = Limits {
        timeout: Duration::from_mins(1),
        largest_answer: 1024,
        permit: None,
    };
    let tls = client_config(None, accept_any_server()).unwrap();
    let client = OutgoingClient::new(&tls, &Proxies::default(), limits).unwrap();
    Provider::new(source, manner, client)
}

/// A provider behind an address that takes connections and says nothing.
fn silent() -> (Arc<Provider>, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let discovery = discovery_uri(&url).parse().unwrap();
    (Arc::new(provider(&url, Some(discovery))), listener)
}

/// A client that asks, resets its stream and asks again must not leave more behind than may wait.
#[tokio::test]
async fn requests_that_are_given_up_do_not_make_room_for_more() {
    let (provider, _listener) = silent();
    let mut begun = 0;
    let may_ask = || {
        matches!(
            provider.outlook(&provider.known(), Doubt::Unknown, false),
            Outlook::Ask
        )
    };
    while may_ask() && begun < 2 * MOST_WAITING {
        let asking = provider.ask_for_keys();
        assert!(
            tokio::time::timeout(Duration::from_millis(1), asking)
                .await
                .is_err()
        );
        begun += 1;
    }
    assert_eq!(begun, MOST_WAITING);
}

/// It waits for an hour before it asks again, and must not wait with a provider that is in no configuration any more.
#[tokio::test]
async fn whoever_keeps_a_provider_up_to_date_is_gone_when_it_is() {
    // There is nothing to ask: it is known at once.
    let provider = Arc::new(provider("https://login.test", None));
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    provider.keep_up_to_date();
    while provider.known().since.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(tasks(), before + 1);
    drop(provider);
    let gone = async {
        while tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_mins(1), gone).await;
    assert!(in_time.is_ok());
}

/// Whoever is not proved by TLS may be the proxy: his words end with him.
#[test]
fn what_was_learned_through_a_proxy_is_believed_without_it_only_from_a_provider_that_proved_itself() {
    let trust = || {
        Some(Trust {
            authorities: [[1; 32]].into(),
            depth: 1,
        })
    };
    for (discovery, trust, is_inherited) in [
        ("https://login.test/d", trust(), true),
        ("https://login.test/d", None, false),
        // The way to the proxy was TLS, and not that behind it.
        ("http://login.test/d", trust(), false),
    ] {
        let of = |proxy: Option<&str>| {
            let mut provider = provider("https://login.test", Some(discovery.parse().unwrap()));
            provider.source.trust.clone_from(&trust);
            provider.manner.proxies.https = proxy.map(|url| transport::outgoing::Proxy {
                url: url.parse().unwrap(),
                authorization: None,
            });
            provider
        };
        let through = of(Some("https://proxy.test"));
        through.assume(KeySet::default());
        let (same, direct) = (of(Some("https://proxy.test")), of(None));
        same.inherit(&through);
        direct.inherit(&through);
        assert!(same.known().since.is_some(), "{discovery} {trust:?}");
        assert_eq!(
            direct.known().since.is_some(),
            is_inherited,
            "{discovery} {trust:?}"
        );
    }
}
