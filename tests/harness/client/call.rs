//! Requests, and the connections that they are sent on.

use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Uri, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{Body, CallError, Client, PATIENCE};
use crate::answer::Answer;

/// A body that is all there.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// An open connection.
#[derive(Debug)]
pub struct Session {
    pub(super) client: Client,
    pub(super) sender: Sender,
    pub(super) connection: JoinHandle<Result<(), hyper::Error>>,
}

#[derive(Debug)]
pub(super) enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Session {
    /// A GET on this connection.
    pub async fn get(&mut self, path: &str) -> Result<Answer, CallError> {
        let call = self.client.get(path);
        self.send(call).await
    }

    /// A request on this connection, as whoever opened it.
    pub async fn send(&mut self, call: Call) -> Result<Answer, CallError> {
        let request = call.message.into_request(&self.client)?;
        let outcome = timeout(PATIENCE, self.exchange(request)).await;
        match outcome.map_err(|_| CallError::TooSlow)? {
            Err(CallError::Exchange(error)) => Err(CallError::Exchange(self.end().await.unwrap_or(error))),
            outcome => outcome,
        }
    }

    /// Why the connection ended, if it did: the request itself knows only that it is gone.
    async fn end(&mut self) -> Option<hyper::Error> {
        const SOON: Duration = Duration::from_millis(200);
        timeout(SOON, &mut self.connection).await.ok()?.ok()?.err()
    }

    /// Whether the other side has closed the connection.
    pub fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    async fn exchange(&mut self, request: Request<Body>) -> Result<Answer, CallError> {
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(CallError::Exchange)?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await.map_err(CallError::Exchange)?;
                sender.send_request(request).await
            }
        };
        let (head, body) = response.map_err(CallError::Exchange)?.into_parts();
        let body = body.collect().await.map_err(CallError::Body)?.to_bytes();
        Ok(Answer {
            status: head.status,
            version: head.version,
            headers: head.headers,
            body,
        })
    }
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl Message {
    fn into_request(self, client: &Client) -> Result<Request<Body>, CallError> {
        let uri = match client.protocol {
            Version::HTTP_2 => {
                let scheme = if client.tls.is_some() { "https" } else { "http" };
                Uri::builder()
                    .scheme(scheme)
                    .authority(client.host.as_str())
                    .path_and_query(self.path.as_str())
                    .build()?
            }
            _ => Uri::builder().path_and_query(self.path.as_str()).build()?,
        };
        let mut request = Request::builder().method(self.method).uri(uri).body(self.body)?;
        *request.headers_mut() = self.headers;
        if client.protocol != Version::HTTP_2 {
            let host = HeaderValue::try_from(client.host.as_str()).map_err(http::Error::from)?;
            request.headers_mut().entry(header::HOST).or_insert(host);
        }
        Ok(request)
    }
}

/// A request that is not sent yet. Awaiting it gives the answer, and panics where there is none.
#[derive(Debug)]
pub struct Call {
    pub(super) client: Client,
    pub(super) message: Message,
}

impl Call {
    /// One more header line.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        self.message
            .headers
            .append(name, value.parse().expect("a header value"));
        self
    }

    /// Another body.
    pub fn body(mut self, body: Body) -> Self {
        self.message.body = body;
        self
    }

    /// The answer, or why there is none.
    pub async fn outcome(self) -> Result<Answer, CallError> {
        let mut session = self.client.connect().await?;
        session.send(self).await
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let request = format!("{} {}", self.message.method, self.message.path);
            let answer = match self.outcome().await {
                Ok(answer) => answer,
                Err(error) => panic!("{request}: {error}"),
            };
            let leaks = answer.leaks();
            assert!(
                leaks.is_empty(),
                "{request}: the answer holds {leaks:?}\n{answer:?}"
            );
            answer
        })
    }
}
