use std::net::TcpListener;

use transport::client_tls::client_config;
use transport::outgoing::{Limits, Proxies};
use transport::server_verifier::accept_any_server;

use super::*;

/// A provider behind an address that takes connections and says nothing.
fn silent() -> (Arc<Provider>, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let source = Source {
        issuer: url.as_str().into(),
        discovery: Some(discovery_uri(&url).parse().unwrap()),
        further_keys: [].into(),
        issuers_allowed: None,
        trust: None,
    };
    let pace = Pace {
        keep: Duration::from_hours(1),
        at_most_every: Duration::from_secs(30),
    };
    let limits = Limits {
        timeout: Duration::from_mins(1),
        largest_answer: 1024,
        permit: None,
    };
    let tls = client_config(None, accept_any_server()).unwrap();
    let client = OutgoingClient::new(&tls, &Proxies::default(), limits).unwrap();
    (Arc::new(Provider::new(source, pace, client)), listener)
}

/// A client that asks, resets its stream and asks again must not leave more behind than may wait.
#[tokio::test]
async fn requests_that_are_given_up_do_not_make_room_for_more() {
    let (provider, _listener) = silent();
    let mut begun = 0;
    while provider.may_know_more(&provider.known()) && begun < 2 * MOST_WAITING {
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
