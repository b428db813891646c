//! A decision that rests on a key, a password or a token of a consumer's own, and whether it depends on how many of them
//! there are. The documents stay behind in `target/tmp`, for `load`'s `peak-memory`.

mod enterprise;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use api_gateway::identity::Connection;
use api_gateway::proxy::verdict::Verdict;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use criterion::{BatchSize, BenchmarkId, Criterion};
use http::Request;
use http::request::Parts;
use rustls::pki_types::UnixTime;

/// Consumers, each with a key, a password and a secret.
const SIZES: [usize; 2] = [10, 100_000];
const SECRET: &str = "a secret of at least thirty-two octets";

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let by_secret = token("HS256", "iss-5", |input| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        Ok(hmac::sign(&key, input).as_ref().to_vec())
    })?;
    let by_curve = token("ES256", "curve", |input| {
        Ok(pair.sign(&random, input)?.as_ref().to_vec())
    })?;
    let password = STANDARD.encode("user-5:a password of 5");
    let requests = [
        ("key-auth", "/key", "apikey", "a key of consumer 5".to_owned()),
        (
            "basic-auth",
            "/basic",
            "authorization",
            format!("Basic {password}"),
        ),
        (
            "jwt-hs256",
            "/jwt",
            "authorization",
            format!("Bearer {by_secret}"),
        ),
        ("jwt-es256", "/jwt", "authorization", format!("Bearer {by_curve}")),
    ];
    for consumers in SIZES {
        let document = document(consumers, pair.public_key().as_ref())?;
        let snapshot = enterprise::load(&document)?.snapshot;
        let now = UnixTime::now();
        let connection = Connection::plain(([192, 0, 2, 7], 40_000).into(), ([192, 0, 2, 1], 8000).into());
        for (name, path, header, value) in &requests {
            let head = head(path, header, value)?;
            Verdict::on(&snapshot, &connection, head.clone(), now).outcome?;
            let mut group = criterion.benchmark_group("credentials");
            group.bench_function(BenchmarkId::new(*name, consumers), |bencher| {
                bencher.iter_batched(
                    || head.clone(),
                    |head| Verdict::on(black_box(&snapshot), black_box(&connection), head, now),
                    BatchSize::SmallInput,
                );
            });
            group.finish();
        }
    }
    criterion.final_summary();
    Ok(())
}

fn token(
    algorithm: &str,
    issuer: &str,
    sign: impl Fn(&[u8]) -> Result<Vec<u8>, Box<dyn Error>>,
) -> Result<String, Box<dyn Error>> {
    let header = format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#);
    let claims = format!(r#"{{"iss":"{issuer}","sub":"orders","iat":1700000000,"exp":4102444800}}"#);
    let input = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature = sign(input.as_bytes())?;
    Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn head(path: &str, header: &str, value: &str) -> Result<Parts, http::Error> {
    let request = Request::get(format!("{path}/orders/4711?expand=lines"))
        .header("host", "api.example.com")
        .header("user-agent", "orders/2.4.1 (linux; amd64)")
        .header("accept", "application/json")
        .header(header, value)
        .body(())?;
    Ok(request.into_parts().0)
}

fn document(consumers: usize, public_key: &[u8]) -> Result<PathBuf, Box<dyn Error>> {
    // SubjectPublicKeyInfo of a point on P-256 (RFC 5480 §2).
    const PREFIX: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let prefix = (0..PREFIX.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&PREFIX[at..at + 2], 16));
    let mut der = prefix.collect::<Result<Vec<u8>, _>>()?;
    der.extend_from_slice(public_key);
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\\n{}\\n-----END PUBLIC KEY-----\\n",
        STANDARD.encode(der)
    );
    let mut text = format!(
        r#"{{"_format_version":"3.0","services":[{{"name":"echo","url":"http://127.0.0.1:1","routes":[
{{"name":"key","paths":["/key"],"plugins":[{{"name":"key-auth"}}]}},
{{"name":"basic","paths":["/basic"],"plugins":[{{"name":"basic-auth"}}]}},
{{"name":"jwt","paths":["/jwt"],"plugins":[{{"name":"jwt","config":{{"claims_to_verify":["exp"]}}}}]}}]}}],
"consumers":[{{"username":"curve","jwt_secrets":[{{"key":"curve","algorithm":"ES256","rsa_public_key":"{pem}"}}]}}"#
    );
    for number in 0..consumers {
        write!(
            text,
            r#",
{{"username":"c{number}@example.com","keyauth_credentials":[{{"key":"a key of consumer {number}"}}],"basicauth_credentials":[{{"username":"user-{number}","password":"a password of {number}"}}],"jwt_secrets":[{{"key":"iss-{number}","secret":"{SECRET}"}}]}}"#
        )?;
    }
    text.push_str("]}");
    let name = format!("credentials-{consumers}.json");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text)?;
    Ok(path)
}
