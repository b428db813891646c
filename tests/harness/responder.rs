//! An OCSP responder over a test authority, in this process: what it says is chosen by the path that it is asked at, and
//! may change at any time.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use certs::{Authority, Standing, Status, Validity};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What it says.
#[derive(Clone, Debug)]
pub enum Word {
    /// A response about what is asked for, for a week.
    Says(Standing),
    /// Good, in this window.
    GoodIn(Validity),
    /// The same in the name of the authority, but signed by this one.
    Forged(Authority),
    /// These octets, whatever is asked.
    Octets(Vec<u8>),
    /// A good response under this status.
    Under(StatusCode),
    /// The question was another one.
    AboutAnother,
    /// A redirect to this URL.
    Elsewhere(String),
}

/// It answers until it is dropped.
#[derive(Debug)]
pub struct Responder {
    address: SocketAddr,
    state: Arc<State>,
    /// Its connections end with it.
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    authority: Authority,
    words: Mutex<HashMap<String, Word>>,
    asked: Mutex<HashMap<String, usize>>,
}

impl Responder {
    /// Listens at an address; port 0 lets the kernel choose.
    pub async fn start(authority: &Authority, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            authority: authority.clone(),
            words: Mutex::default(),
            asked: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&state)));
        Self {
            address,
            state,
            _tasks: tasks,
        }
    }

    /// Where it is asked.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it says from now on at a path. Without a word it says 404.
    pub fn say(&self, path: &str, word: Word) {
        self.state.words.lock().unwrap().insert(path.to_owned(), word);
    }

    /// How often it was asked at a path.
    pub fn asked(&self, path: &str) -> usize {
        self.state
            .asked
            .lock()
            .unwrap()
            .get(path)
            .copied()
            .unwrap_or_default()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let state = Arc::clone(&state);
                async move { Ok::<_, Infallible>(state.answer(request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            // Whoever asked may be gone.
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        *self.asked.lock().unwrap().entry(path.clone()).or_default() += 1;
        let is_question = request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind == "application/ocsp-request");
        let question = request.into_body().collect().await.unwrap().to_bytes();
        let word = self.words.lock().unwrap().get(&path).cloned();
        let mut response = Response::new(Full::default());
        let Some(word) = word.filter(|_| is_question) else {
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        };
        let by = |authority: &Authority, status| authority.answer(&question, &status).unwrap();
        let good = Status::new(Standing::Good);
        let body = match word {
            Word::Says(standing) => by(&self.authority, Status::new(standing)),
            Word::GoodIn(window) => by(&self.authority, good.valid(window)),
            Word::Forged(other) => by(&other, good),
            Word::Octets(octets) => octets,
            Word::Under(status) => {
                *response.status_mut() = status;
                by(&self.authority, good)
            }
            Word::AboutAnother => {
                let mut question = question.to_vec();
                // The serial number is what a question ends with.
                *question.last_mut().unwrap() ^= 1;
                self.authority.answer(&question, &good).unwrap()
            }
            Word::Elsewhere(url) => {
                *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
                response
                    .headers_mut()
                    .insert(header::LOCATION, url.parse().unwrap());
                Vec::new()
            }
        };
        let kind = header::HeaderValue::from_static("application/ocsp-response");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        *response.body_mut() = Full::from(body);
        response
    }
}
