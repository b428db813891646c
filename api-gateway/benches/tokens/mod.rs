//! Decisions with an access token: one that is remembered, and one that is seen for the first time. The provider is a real
//! one on loopback, which is asked once; nothing is sent while anything is measured.

use std::error::Error;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api_gateway::proxy::verdict::Verdict;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use certs::{Authority, Leaf};
use criterion::{BatchSize, Criterion};
use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::UnixTime;
use serde_json::json;

use crate::enterprise;

/// `mtls-auth`, `acl_1595`, `openid-connect` and `acl` on one route, or `openid-connect` alone on another, with tokens
/// remembered or not.
pub(crate) fn bench(criterion: &mut Criterion, clients: &Authority) -> Result<(), Box<dyn Error>> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let issuer = provider(pair.public_key().as_ref())?;
    let claims = json!({
        "iss": issuer,
        "sub": "5f0c3a52-7f0e-4f1e-9a53-0c2b0d6f6f11",
        "aud": ["orders", "account"],
        "azp": "alice@example.com",
        "scope": "openid profile email orders:read",
        "realm_access": {"roles": ["clerk", "reader"]},
        "exp": SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + 3600,
    });
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("first".to_owned());
    let key = EncodingKey::from_ec_der(pair.to_pkcs8v1()?.as_ref());
    let token = jsonwebtoken::encode(&header, &claims, &key)?;
    let snapshot = enterprise::load(&document(&issuer, &clients.pem())?)?.snapshot;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for provider in &snapshot.providers {
        runtime.block_on(provider.ask_for_keys());
    }
    let leaf = clients.issue(Leaf::client("client").email("alice@example.com"))?;
    let connection = crate::connection(&leaf.chain());
    let now = UnixTime::now();
    let mut group = criterion.benchmark_group("tokens");
    for (name, path, last) in [
        ("remembered_beside_certificate", "/both", "acl"),
        ("remembered", "/token", "openid-connect"),
        ("first_seen_es256", "/first", "openid-connect"),
    ] {
        let mut head = crate::head(0)?;
        head.uri = path.parse()?;
        head.headers
            .insert(AUTHORIZATION, format!("Bearer {token}").parse()?);
        // Also the first sight of token and chain.
        let verdict = Verdict::on(&snapshot, &connection, head.clone(), now);
        verdict.outcome?;
        if verdict.plugin.as_deref() != Some(last) || verdict.consumer.is_none() {
            return Err("the plugins were not asked".into());
        }
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || head.clone(),
                |head| crate::decide(&snapshot, &connection, head, now),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    Ok(())
}

fn document(issuer: &str, clients_ca: &str) -> Result<std::path::PathBuf, Box<dyn Error>> {
    let token = |further: &[(&str, serde_json::Value)]| {
        let mut config = json!({
            "issuer": issuer,
            "auth_methods": ["bearer"],
            "audience_required": ["orders"],
            "scopes_required": ["orders:read"],
            "consumer_claim": ["azp"],
        });
        for (name, value) in further {
            config[*name] = value.clone();
        }
        json!({"name": "openid-connect", "config": config})
    };
    let mtls = json!({"name": "mtls-auth", "config": {
        "ca_certificates": [CLIENTS_CA],
        "revocation_check_mode": "SKIP",
    }});
    let acl =
        |name: &str| json!({"name": name, "config": {"allow": ["partners"], "hide_groups_header": true}});
    let route = |name: &str, plugins: serde_json::Value| json!({"name": name, "paths": [format!("/{name}")], "plugins": plugins});
    let routes = json!([
        route("both", json!([mtls, acl("acl_1595"), token(&[]), acl("acl")])),
        route("token", json!([token(&[])])),
        route("first", json!([token(&[("cache_tokens", json!(false))])])),
    ]);
    let text = json!({
        "_format_version": "3.0",
        "services": [{"name": "orders", "url": "http://127.0.0.1:1", "routes": routes}],
        "consumers": [{"username": "alice@example.com", "acls": [{"group": "partners"}]}],
        "ca_certificates": [{"id": CLIENTS_CA, "cert": clients_ca}],
    });
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tokens.json");
    fs::write(&path, text.to_string())?;
    Ok(path)
}

const CLIENTS_CA: &str = "c1a00000-0000-4000-8000-000000000001";

/// A provider with one key, which answers as long as the process lives. Gives its URL.
fn provider(point: &[u8]) -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let issuer = format!("http://{}", listener.local_addr()?);
    let coordinates = point.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    let encode = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    let keys = json!({"keys": [{
        "kty": "EC", "crv": "P-256", "kid": "first", "use": "sig", "x": encode(x), "y": encode(y),
    }]})
    .to_string();
    let about = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks")}).to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let asks_for_keys = request
                .get(..read)
                .is_some_and(|head| head.starts_with(b"GET /jwks "));
            let body = if asks_for_keys { &keys } else { &about };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    Ok(issuer)
}
