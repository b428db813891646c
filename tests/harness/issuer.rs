//! Issuers of tokens: keys that sign what a test says, and an OAuth2 provider whose documents are files that a test
//! writes, served by nginx over TLS.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use certs::{Authority, Leaf};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::servers::{Files, Server, own_address};

/// A P-256 key that signs tokens.
pub struct Signer {
    /// Its `kid`.
    pub id: String,
    key: EncodingKey,
    public: Vec<u8>,
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

impl Signer {
    /// A new key.
    pub fn new(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let document = pair.to_pkcs8v1().unwrap();
        Self {
            id: id.to_owned(),
            key: EncodingKey::from_ec_der(document.as_ref()),
            public: pair.public_key().as_ref().to_vec(),
        }
    }

    /// Its public half, as a provider publishes it.
    pub fn jwk(&self) -> Value {
        let (x, y) = self.public[1..].split_at(32);
        let encode = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.id, "x": encode(x), "y": encode(y)})
    }

    /// Its public half as PEM, as everybody can have it.
    pub fn public_octets(&self) -> &[u8] {
        &self.public
    }

    /// Signs claims as they are.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id.clone());
        self.sign_with(&header, claims)
    }

    /// The same under a header of the test's own.
    pub fn sign_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.key).unwrap()
    }

    /// Signs parts that no library would write: a header and a payload, octet for octet.
    pub fn sign_raw(&self, header: &str, payload: &str) -> String {
        let input = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &self.key, Algorithm::ES256).unwrap();
        format!("{input}.{signature}")
    }
}

/// A provider.
pub struct Issuer {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its key.
    pub signer: Signer,
    dir: TempDir,
    authority: Authority,
    server: Option<Server>,
}

impl Issuer {
    /// A provider that is up, with one key. To be called by the body of a test that runs on several threads.
    pub fn start(number: u8) -> Self {
        let mut issuer = Self {
            address: own_address(number),
            signer: Signer::new("first"),
            dir: TempDir::new().unwrap(),
            authority: Authority::root("Providers").unwrap(),
            server: None,
        };
        issuer.describe(&json!({}));
        issuer.publish(&[issuer.signer.jwk()]);
        issuer.resume();
        issuer
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Who vouches for its certificate.
    pub fn authority_pem(&self) -> String {
        self.authority.pem()
    }

    /// Writes its discovery document, with these fields instead of what they were.
    pub fn describe(&self, fields: &Value) {
        let mut document = json!({
            "issuer": self.url(),
            "jwks_uri": format!("{}/jwks", self.url()),
            "introspection_endpoint": format!("{}/introspect", self.url()),
        });
        for (name, value) in fields.as_object().unwrap() {
            document[name] = value.clone();
        }
        self.write("openid-configuration", &document.to_string());
    }

    /// Writes its keys.
    pub fn publish(&self, keys: &[Value]) {
        self.write("jwks", &json!({ "keys": keys }).to_string());
    }

    /// Writes a document as it is.
    pub fn write(&self, name: &str, text: &str) {
        // At once: nobody reads half of it.
        let new = self.path("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Takes it down.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Brings it up again, where it was. A `Location` header for everything is what `moved` says, if it is there.
    pub fn resume(&mut self) {
        let files = Files::new();
        let issued = self
            .authority
            .issue(Leaf::server("provider.test").ip(self.address.ip()));
        let (certificate, key) = files.pair("provider", &issued.unwrap());
        let (address, dir) = (self.address, self.dir.path().display());
        let moved = fs::read_to_string(self.path("moved")).unwrap_or_default();
        let moved = if moved.is_empty() {
            String::new()
        } else {
            format!("return 302 {moved};")
        };
        let http = format!(
            "access_log access.log; default_type application/json;\n\
             server {{ listen {address} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; {moved}\n\
             location = /.well-known/openid-configuration {{ alias {dir}/openid-configuration; }}\n\
             location / {{ root {dir}; }} }}"
        );
        self.server = Some(tokio::task::block_in_place(|| files.nginx(&http, &[address])));
    }

    /// How often a document has been asked for since it came up.
    pub fn asked_for(&self, path: &str) -> usize {
        let log = self.server.as_ref().map(|server| server.read("access.log"));
        log.unwrap_or_default().matches(&format!(" {path} ")).count()
    }

    /// A token of alice's, good for an hour, with these claims instead of what they were; null takes one away.
    pub fn token(&self, claims: &Value) -> String {
        self.signer.sign(&self.claims(claims))
    }

    /// The claims of such a token.
    pub fn claims(&self, changes: &Value) -> Value {
        let mut claims = json!({
            "iss": self.url(),
            "sub": "alice",
            "aud": "orders",
            "azp": "alice@example.com",
            "scope": "openid orders:read",
            "iat": now(),
            "exp": now() + 3600,
        });
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }
}
