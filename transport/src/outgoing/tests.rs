use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use super::*;
use crate::client_tls::client_config;
use crate::server_verifier::accept_any_server;

/// Answers every connection with the same octets, and keeps silent after them.
fn server(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(answer).unwrap();
            open.push(stream);
        }
    });
    address
}

fn client(permit: Option<Permit>) -> OutgoingClient {
    let tls = client_config(None, accept_any_server()).unwrap();
    let limits = Limits {
        timeout: Duration::from_millis(500),
        largest_answer: 16,
        permit,
    };
    OutgoingClient::new(&tls, &Proxies::default(), limits).unwrap()
}

fn get(url: String) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn an_answer_is_given_whole_with_its_status() {
    let address = server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nX-Why: because\r\n\r\nnone");
    let answer = client(None)
        .call(get(format!("http://{address}/")))
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.headers()["x-why"], "because");
    assert_eq!(&answer.body()[..], b"none");
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let address = server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    let answer = client(None)
        .call(get(format!("http://{address}/")))
        .await
        .unwrap();
    assert_eq!(answer.status(), 302);
}

#[tokio::test]
async fn a_long_answer_is_refused_whether_it_says_its_length_or_not() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n12345678901234567\r\n",
    ] {
        let address = server(answer);
        let error = client(None)
            .call(get(format!("http://{address}/")))
            .await
            .unwrap_err();
        assert!(matches!(error, CallError::TooLong { most: 16, .. }), "{error}");
    }
}

#[tokio::test]
async fn a_silent_server_is_left_in_time() {
    let address = server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1");
    let error = client(None)
        .call(get(format!("http://{address}/")))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn an_address_that_is_not_permitted_is_not_called() {
    let address = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let port = address.port();
    let strict = client(Some(Arc::new(|_, address| !address.is_loopback())));
    for host in [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "0x7f.1",
        "2130706433",
    ] {
        let error = strict
            .call(get(format!("http://{host}:{port}/")))
            .await
            .unwrap_err();
        assert!(matches!(error, CallError::NotPermitted { .. }), "{host}: {error}");
    }
    let kind = client(Some(Arc::new(|host, _| host == "localhost")));
    kind.call(get(format!("http://localhost:{port}/"))).await.unwrap();
}

#[tokio::test]
async fn an_error_names_the_host_and_the_last_cause() {
    let error = client(None)
        .call(get("http://127.0.0.1:1/secret?token=abc".to_owned()))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("127.0.0.1 cannot be reached: "), "{error}");
    assert!(!error.contains("abc"), "{error}");
}

/// Servers and proxies that close what they let the client believe is kept.
#[tokio::test]
async fn a_question_outlives_the_connection_that_was_kept_for_it() {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(ANSWER).unwrap();
            // The next one is read, and hears nothing.
            let _ = stream.read(&mut [0; 4096]);
        }
    });
    let client = client(None);
    let url = format!("http://{address}/");
    let post = || Request::post(&url).body(Bytes::from_static(b"a=b")).unwrap();
    for _ in 0..4 {
        assert_eq!(client.call(get(url.clone())).await.unwrap().status(), 200);
        assert_eq!(client.ask(post()).await.unwrap().status(), 200);
    }
    // What may have changed something is not sent twice.
    let error = client.call(post()).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error}");
}

/// Whom a call was for, and who was in the way of it.
#[tokio::test]
async fn an_error_names_the_proxy() {
    const REFUSAL: &[u8] = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    let refusing = server(REFUSAL);
    let through = |proxy: SocketAddr, except: &str| {
        let tls = client_config(None, accept_any_server()).unwrap();
        let limits = Limits {
            timeout: Duration::from_millis(500),
            largest_answer: 16,
            permit: None,
        };
        let proxy = Proxy {
            url: Url::parse(&format!("http://{proxy}")).unwrap(),
            authorization: None,
        };
        let proxies = Proxies {
            http: Some(proxy.clone()),
            https: Some(proxy),
            except: Some(except.to_owned()),
        };
        OutgoingClient::new(&tls, &proxies, limits).unwrap()
    };
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let silent = server(b"");
    for (proxy, except, url, expected) in [
        (
            refusing,
            "",
            "http://login.test/",
            "login.test cannot be reached through the proxy AT: it wants other credentials (407)",
        ),
        (
            refusing,
            "",
            "https://login.test/",
            "login.test cannot be reached through the proxy AT: tunnel error: proxy authorization required",
        ),
        (
            nobody,
            "",
            "https://login.test/",
            "login.test cannot be reached through the proxy AT: ",
        ),
        (
            silent,
            "",
            "http://login.test/",
            "login.test did not answer in time through the proxy AT",
        ),
        (
            refusing,
            "127.0.0.1",
            "http://127.0.0.1:1/",
            "127.0.0.1 cannot be reached: ",
        ),
        (
            refusing,
            "10.0.0.1, *",
            "http://127.0.0.1:1/",
            "127.0.0.1 cannot be reached: ",
        ),
    ] {
        let error = through(proxy, except)
            .call(get(url.to_owned()))
            .await
            .unwrap_err()
            .to_string();
        let expected = expected.replace("AT", &proxy.to_string());
        assert!(error.starts_with(&expected), "{error}");
    }
}
