//! An OAuth2 provider in this process that says what it is told to, well or badly: it can be silent, break off, answer
//! rubbish, and count who asks.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::issuer::{Signer, now};

/// Where its discovery document is.
pub const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Where its keys are.
pub const KEYS: &str = "/jwks";
/// Where it is asked about tokens.
pub const INTROSPECTION: &str = "/introspect";

/// What it says at a path.
#[derive(Clone, Debug)]
pub enum Word {
    /// This, under 200.
    Says(String),
    /// This, under another status.
    Under(StatusCode, String),
    /// A redirect to this URL.
    Elsewhere(String),
    /// Half of an answer, then the connection is gone.
    BreaksOff,
    /// Nothing, until it is told something else.
    Silence,
    /// Of a token that begins with `good`, that it is active; of any other, that it is not. After a while.
    Introspects(Duration),
}

/// It answers until it is dropped.
pub struct ToldProvider {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its key.
    pub signer: Signer,
    words: watch::Sender<HashMap<String, Word>>,
    counts: Arc<Mutex<Counts>>,
    /// Its connections end with it.
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counts {
    asked: HashMap<String, usize>,
    under_way: HashMap<String, usize>,
    most_at_once: HashMap<String, usize>,
}

impl ToldProvider {
    /// A provider with one key, on plain http, which introspects at once.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (words, told) = watch::channel(HashMap::new());
        let counts = Arc::new(Mutex::new(Counts::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, told, Arc::clone(&counts)));
        let provider = Self {
            address,
            signer: Signer::new("first"),
            words,
            counts,
            _tasks: tasks,
        };
        provider.is_well();
        provider
    }

    /// Says from now on what a provider should say.
    pub fn is_well(&self) {
        self.describe(&json!({}));
        self.publish(&[self.signer.jwk()]);
        self.tell(INTROSPECTION, Word::Introspects(Duration::ZERO));
    }

    /// Says this at a path from now on.
    pub fn tell(&self, path: &str, word: Word) {
        self.words
            .send_modify(|words| drop(words.insert(path.to_owned(), word)));
    }

    /// Says the same everywhere.
    pub fn tell_everywhere(&self, word: &Word) {
        for path in [DISCOVERY, KEYS, INTROSPECTION] {
            self.tell(path, word.clone());
        }
    }

    /// Describes itself, with these fields instead of what they were.
    pub fn describe(&self, fields: &Value) {
        let url = self.url();
        let mut document = json!({
            "issuer": url,
            "jwks_uri": format!("{url}{KEYS}"),
            "introspection_endpoint": format!("{url}{INTROSPECTION}"),
        });
        for (name, value) in fields.as_object().unwrap() {
            document[name] = value.clone();
        }
        self.tell(DISCOVERY, Word::Says(document.to_string()));
    }

    /// Publishes these keys.
    pub fn publish(&self, keys: &[Value]) {
        self.tell(KEYS, Word::Says(json!({ "keys": keys }).to_string()));
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often it was asked at a path.
    pub fn asked(&self, path: &str) -> usize {
        let counts = self.counts.lock().unwrap();
        counts.asked.get(path).copied().unwrap_or_default()
    }

    /// How many wait for an answer at a path.
    pub fn under_way(&self, path: &str) -> usize {
        let counts = self.counts.lock().unwrap();
        counts.under_way.get(path).copied().unwrap_or_default()
    }

    /// How many have waited at once.
    pub fn most_at_once(&self, path: &str) -> usize {
        let counts = self.counts.lock().unwrap();
        counts.most_at_once.get(path).copied().unwrap_or_default()
    }

    /// The claims of a token of its.
    pub fn claims(&self) -> Value {
        json!({"iss": self.url(), "sub": "alice", "aud": "orders", "iat": now(), "exp": now() + 3600})
    }

    /// A token of its, which no other call gives.
    pub fn token(&self) -> String {
        self.signer.sign(&self.claims())
    }
}

async fn accept(
    listener: TcpListener,
    told: watch::Receiver<HashMap<String, Word>>,
    counts: Arc<Mutex<Counts>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Whoever asked may be gone.
        let (told, counts) = (told.clone(), Arc::clone(&counts));
        connections.spawn(async move { drop(answer(stream, told, &counts).await) });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    stream: TcpStream,
    mut told: watch::Receiver<HashMap<String, Word>>,
    counts: &Mutex<Counts>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (path, body) = question(&mut stream).await?;
    {
        let mut counts = counts.lock().unwrap();
        *counts.asked.entry(path.clone()).or_default() += 1;
        let under_way = counts.under_way.entry(path.clone()).or_default();
        *under_way += 1;
        let under_way = *under_way;
        let most = counts.most_at_once.entry(path.clone()).or_default();
        *most = (*most).max(under_way);
    }
    let word = loop {
        let word = told.borrow_and_update().get(&path).cloned();
        match word {
            // Whoever asked may go away meanwhile.
            Some(Word::Silence) => tokio::select! {
                changed = told.changed() => if changed.is_err() { break None },
                _ = stream.read_u8() => break None,
            },
            word => break word,
        }
    };
    let written = write(stream.get_mut(), word, &body).await;
    let mut counts = counts.lock().unwrap();
    *counts.under_way.entry(path).or_default() -= 1;
    written
}

/// The path that is asked at, and the body.
async fn question(stream: &mut BufReader<TcpStream>) -> std::io::Result<(String, String)> {
    let (mut line, mut length) = (String::new(), 0);
    stream.read_line(&mut line).await?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let lower = line.trim().to_ascii_lowercase();
        if lower.is_empty() {
            break;
        }
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((path, String::from_utf8_lossy(&body).into_owned()))
}

async fn write(stream: &mut TcpStream, word: Option<Word>, body: &str) -> std::io::Result<()> {
    let (status, further, body) = match word {
        None | Some(Word::Silence) => return Ok(()),
        Some(Word::Says(text)) => (StatusCode::OK, String::new(), text),
        Some(Word::Under(status, text)) => (status, String::new(), text),
        Some(Word::Elsewhere(url)) => {
            let location = format!("Location: {url}\r\n");
            (StatusCode::FOUND, location, String::new())
        }
        Some(Word::BreaksOff) => {
            let half = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n{\"issuer\": \"";
            return stream.write_all(half).await;
        }
        Some(Word::Introspects(after)) => {
            tokio::time::sleep(after).await;
            let is_good = body.contains("token=good");
            let text = json!({"active": is_good, "sub": "alice", "exp": now() + 3600});
            (StatusCode::OK, String::new(), text.to_string())
        }
    };
    let head = format!(
        "HTTP/1.1 {} X\r\n{further}Content-Length: {}\r\nConnection: close\r\n\r\n",
        status.as_u16(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}
