//! A name of two addresses, the first of which takes connections and says nothing: a request through both programs is
//! answered by the second, without waiting for a timeout.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use harness::client::Client;
use harness::doors::start_echo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::pair::{Files, free_address};

/// Lets a program find names in a file of the test's own.
const NAMES: &str = "libnss_wrapper.so";

const SILENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// An address whose queue is full: the kernel drops what comes.
async fn silent(port: u16) -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((SILENT, port))).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut queued = Vec::new();
    while let Ok(connected) = timeout(Duration::from_millis(300), TcpStream::connect((SILENT, port))).await {
        queued.push(connected.unwrap());
        assert!(queued.len() < 64, "the queue does not fill");
    }
    (listener, queued)
}

#[tokio::test(flavor = "multi_thread")]
async fn cost_a_moment_and_no_request() {
    let is_installed = ["/usr/lib", "/usr/lib64", "/lib"].iter().any(|dir| {
        let triples = fs::read_dir(dir).into_iter().flatten().flatten();
        let mut places = triples.map(|entry| entry.path()).chain([dir.into()]);
        places.any(|place: std::path::PathBuf| Path::new(&place).join(NAMES).exists())
    });
    assert!(
        is_installed,
        "{NAMES} is missing; `make tools` installs it, or apt-get install libnss-wrapper"
    );
    let (gateway, public, passed) = (free_address(), free_address(), free_address());
    let echo = start_echo(None).await;
    let _silent = [silent(gateway.port()).await, silent(echo.http.port()).await];
    let files = Files::new(gateway, echo.http);
    let hosts = files.file("hosts");
    fs::write(&hosts, format!("{SILENT} two.test\n127.0.0.1 two.test\n")).unwrap();
    files.change(
        "kong.yaml",
        &echo.http.to_string(),
        &format!("two.test:{}", echo.http.port()),
    );
    files.change(
        "edge.toml",
        &gateway.to_string(),
        &format!("two.test:{}", gateway.port()),
    );
    let (public_text, passed_text) = (public.to_string(), passed.to_string());
    let environment = [
        ("LD_PRELOAD", NAMES),
        ("NSS_WRAPPER_HOSTS", &*hosts),
        ("EDGE_PROXY_LISTENERS__PUBLIC__ADDRESS", &*public_text),
        ("EDGE_PROXY_LISTENERS__PASSED__ADDRESS", &*passed_text),
    ];
    let _gateway = files
        .start("api-gateway", "gateway.toml", &environment[..2])
        .unwrap();
    let _edge = files.start("edge-proxy", "edge.toml", &environment).unwrap();
    for (what, client) in [
        ("through the edge", Client::https(public, &files.pki, "edge.test")),
        (
            "passed through",
            Client::https(passed, &files.pki, "gateway.test"),
        ),
    ] {
        let start = Instant::now();
        let answer = client.get("/public").await;
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{what}: {:?}",
            start.elapsed()
        );
    }
}
