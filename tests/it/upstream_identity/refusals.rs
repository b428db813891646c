//! Upstreams that end the handshake over what they are shown, at both versions of TLS: haproxy and OpenSSL.

use std::fmt::Write as _;
use std::net::SocketAddr;

use certs::{Reason, Revocations};
use harness::servers::own_address;
use harness::stack::Stack;

use super::{World, seen, service};

/// What is shown, and what the log says of it where it is refused; an empty class: it is taken.
const REFUSALS: [(&str, &str, &[&str]); 6] = [
    ("service", "", &["of the service"]),
    (
        "",
        "no_certificate",
        &[
            "was shown none, it takes those of `CN=Partners Root`",
            "configure a certificate",
        ],
    ),
    (
        "stranger",
        "unknown_ca",
        &[
            "was shown `CN=of a stranger` (issued by `CN=Strangers Root`)",
            "have the server trust",
        ],
    ),
    (
        "expired",
        "expired",
        &["was shown `CN=expired`", "renew the certificate that is shown"],
    ),
    (
        "revoked",
        "revoked",
        &["was shown `CN=revoked`", "show another certificate"],
    ),
    (
        "server",
        "purpose",
        &["was shown `CN=for a server`", "see the log of the server"],
    ),
];

async fn check_refusals(stack: &Stack, version: &str, rows: &[&str]) {
    let client = stack.gateway();
    for (name, class, parts) in REFUSALS.iter().filter(|(name, ..)| rows.contains(name)) {
        let path = format!("/{version}{name}");
        let (status, source, said) = seen(stack, &client, &path).await;
        if class.is_empty() {
            assert_eq!((status, source.as_str()), (200, "upstream"), "{path}: {said}");
        } else {
            assert_eq!((status, source.as_str()), (502, "gateway"), "{path}: {said}");
            assert!(said.contains(&format!(" failed: {class}: ")), "{path}: {said}");
        }
        for part in *parts {
            assert!(said.contains(part), "{path}: no {part:?} in {said}");
        }
    }
}

/// Services that show each of the certificates to one address.
fn showing(document: &mut String, version: &str, address: SocketAddr, rows: &[&str]) {
    for name in rows {
        let shown = (!name.is_empty()).then_some(*name);
        let service = service(
            &format!("{version}{name}"),
            &address.ip().to_string(),
            address.port(),
            shown,
        );
        document.push_str(&service);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_haproxy_refuses_is_named_with_the_remedy() {
    let world = World::new();
    let (files, _, _, partners) = world.files("");
    let both = files.write("both.pem", &(world.server.chain_pem() + &world.server.key_pem()));
    let revoked = Revocations::none().and(world.one("revoked").serial(), Reason::KeyCompromise);
    let list = files.write(
        "partners.crl",
        &world.partners.revocation_list(revoked).unwrap().pem(),
    );
    let rows = REFUSALS.map(|(name, ..)| name);
    let versions = [
        ("tls12", own_address(1), "TLSv1.2"),
        ("tls13", own_address(2), "TLSv1.3"),
    ];
    let mut document = world.entities() + "services:\n";
    let mut text =
        "defaults\n  mode http\n  timeout client 30s\n  timeout server 30s\n  timeout connect 30s\n"
            .to_owned();
    for (version, address, spoken) in versions {
        showing(&mut document, version, address, &rows);
        writeln!(
            text,
            "frontend {version}\n  bind {address} ssl crt {both} ca-file {partners} crl-file {list} verify required \
             ssl-min-ver {spoken} ssl-max-ver {spoken}\n  http-request return status 200 content-type text/plain \
             lf-string \"%[ssl_c_s_dn(cn)]\""
        )
        .unwrap();
    }
    let _haproxy =
        tokio::task::block_in_place(|| files.haproxy(&text, &versions.map(|(_, address, _)| address)));
    let stack = Stack::reading(document)
        .without_edge()
        .without_lists()
        .gateway("client_ssl", "off");
    let stack = stack.start().await;
    for (version, ..) in versions {
        check_refusals(&stack, version, &rows).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_openssl_refuses_is_named_with_the_remedy() {
    let world = World::new();
    let rows = ["service", "", "stranger", "expired", "server"];
    let mut document = world.entities() + "services:\n";
    let mut servers = Vec::new();
    for (version, option, address) in [
        ("tls12", "-tls1_2", own_address(1)),
        ("tls13", "-tls1_3", own_address(2)),
    ] {
        showing(&mut document, version, address, &rows);
        let (files, cert, key, partners) = world.files("");
        let arguments = [
            "-cert",
            &cert,
            "-key",
            &key,
            "-CAfile",
            &partners,
            "-Verify",
            "3",
            "-verify_return_error",
            option,
        ];
        servers.push(tokio::task::block_in_place(|| files.openssl(&arguments, address)));
    }
    let stack = Stack::reading(document)
        .without_edge()
        .without_lists()
        .gateway("client_ssl", "off");
    let stack = stack.start().await;
    for version in ["tls12", "tls13"] {
        check_refusals(&stack, version, &rows).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_wants_a_certificate_is_a_try_that_met_nobody() {
    let world = World::new();
    let (files, _, _, partners) = world.files("");
    let both = files.write("both.pem", &(world.server.chain_pem() + &world.server.key_pem()));
    let mut document = world.entities() + "services:\n";
    let mut upstreams = "upstreams:\n".to_owned();
    let mut text =
        "defaults\n  mode http\n  timeout client 30s\n  timeout server 30s\n  timeout connect 30s\n"
            .to_owned();
    let versions = [("tls12", 1, "TLSv1.2"), ("tls13", 3, "TLSv1.3")];
    for (version, number, spoken) in versions {
        let (strict, open) = (own_address(number), own_address(number + 1));
        for (retries, name) in [(0, "once"), (1, "twice")] {
            let service = service(&format!("{version}-{name}"), version, 1, None);
            document.push_str(&service.replace("retries: 0", &format!("retries: {retries}")));
        }
        writeln!(
            upstreams,
            "- {{name: {version}, host_header: u.test, targets: [{{target: '{strict}'}}, {{target: '{open}'}}]}}"
        )
        .unwrap();
        let bind = format!("ssl crt {both} ssl-min-ver {spoken} ssl-max-ver {spoken}");
        for (address, verify) in [
            (strict, format!("ca-file {partners} verify required")),
            (open, "verify none".to_owned()),
        ] {
            writeln!(
                text,
                "frontend f{address}\n  bind {address} {bind} {verify}\n  http-request return status 200 content-type \
                 text/plain string \"answered\""
            )
            .unwrap();
        }
    }
    let addresses: Vec<SocketAddr> = (1..=4).map(own_address).collect();
    let _haproxy = tokio::task::block_in_place(|| files.haproxy(&text, &addresses));
    let stack = Stack::reading(document + &upstreams)
        .without_edge()
        .without_lists()
        .gateway("client_ssl", "off");
    let stack = stack.start().await;
    let client = stack.gateway();
    for (version, ..) in versions {
        for (name, answered) in [("once", 3), ("twice", 6)] {
            let mut count = 0;
            for _ in 0..6 {
                let answer = client.get(&format!("/{version}-{name}")).await;
                count += usize::from(answer.status == 200);
                if answer.status != 200 {
                    assert_eq!(stack.reason_of(&answer).await, "upstream_tls", "{version} {name}");
                }
            }
            assert_eq!(count, answered, "{version} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_speak_as_we_do_is_told_apart() {
    let world = World::new();
    let names = ["plain", "old", "ciphers", "nameless", "mute"];
    let [plain, old, ciphers, nameless, mute] = [1, 2, 3, 4, 5].map(own_address);
    let mut document = world.entities() + "services:\n";
    for (name, address) in names.iter().zip([plain, old, ciphers]) {
        document.push_str(&service(name, &address.ip().to_string(), address.port(), None));
    }
    document.push_str(&service("nameless", "elsewhere", 1, None));
    document.push_str(&service("mute", &mute.ip().to_string(), mute.port(), None));
    write!(
        document,
        "upstreams: [{{name: elsewhere, host_header: elsewhere.test, targets: [{{target: '{nameless}'}}]}}]"
    )
    .unwrap();
    let (files, cert, key, _) = world.files("");
    let http = format!(
        "server {{ listen {plain}; return 200 plain; }}\nserver {{ listen {nameless} ssl; ssl_certificate {cert}; \
         ssl_certificate_key {key}; ssl_reject_handshake on; }}"
    );
    let _nginx = tokio::task::block_in_place(|| files.nginx(&http, &[plain, nameless]));
    let mut servers = Vec::new();
    for (address, options) in [
        (old, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"][..]),
        (ciphers, &["-tls1_2", "-cipher", "AES128-SHA"]),
    ] {
        let (files, cert, key, _) = world.files("");
        let arguments = [&["-cert", &cert, "-key", &key], options].concat();
        servers.push(tokio::task::block_in_place(|| files.openssl(&arguments, address)));
    }
    let listener = tokio::net::TcpListener::bind(mute).await.unwrap();
    tokio::spawn(async move {
        // It reads what is said, and goes.
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await;
        }
    });
    let stack = Stack::reading(document).without_edge().without_lists();
    let stack = stack.gateway("client_ssl", "off").start().await;
    let client = stack.gateway();
    for (name, class, part) in [
        ("plain", "protocol", "whether that port speaks TLS at all"),
        ("old", "protocol", "the alert ProtocolVersion"),
        ("ciphers", "protocol", "cipher suites"),
        ("nameless", "wrong_name", "ask the server for a name that it has"),
        ("mute", "closed", "it closed the connection without an alert"),
    ] {
        let (status, source, said) = seen(&stack, &client, &format!("/{name}")).await;
        assert_eq!((status, source.as_str()), (502, "gateway"), "{name}: {said}");
        assert!(said.contains(&format!(" failed: {class}: ")), "{name}: {said}");
        assert!(said.contains(part), "{name}: no {part:?} in {said}");
    }
}
