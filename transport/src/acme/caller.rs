//! The calls of the ACME client, through the one HTTP client of this program.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use super::Server;
use crate::outgoing::{CallError, Limits, OutgoingClient, Proxies};

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// More than any chain or problem document has.
const LARGEST_ANSWER: usize = 256 * 1024;
/// A server that asks for more patience than this gets a call a week all the same.
pub(super) const LONGEST_PATIENCE: Duration = Duration::from_hours(7 * 24);

tokio::task_local! {
    /// How long the server asked the order of this task to leave it alone: others have limits of their own.
    pub(super) static PATIENCE: Patience;
}

/// Calls one server.
pub(super) struct Caller {
    client: OutgoingClient,
    /// Whether plain http will do: where the directory's URL is, on this machine.
    plain: bool,
}

/// Until when a server asked not to be called again, by Retry-After of a refusal.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience(Arc<AtomicU64>);

impl Patience {
    /// The time, if it said one.
    pub(super) fn until(&self) -> Option<SystemTime> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        }
    }

    fn note(&self, headers: &HeaderMap) {
        let Some(asked) = retry_after(headers, SystemTime::now()) else {
            return;
        };
        let since = asked.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.0.store(since.as_secs(), Ordering::Relaxed);
    }
}

/// The time of a Retry-After in seconds. The other form, a date, is used by no ACME server that is known; without one
/// the back-off alone counts.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<SystemTime> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(now + Duration::from_secs(seconds).min(LONGEST_PATIENCE))
}

impl Caller {
    pub(super) fn new(server: &Server) -> Result<Self, CallError> {
        let limits = Limits {
            timeout: TIMEOUT,
            largest_answer: LARGEST_ANSWER,
            permit: None,
        };
        Ok(Self {
            client: OutgoingClient::new(&server.tls, &Proxies::default(), limits)?,
            plain: server.directory.starts_with("http://"),
        })
    }
}

/// What a server answered instead of what RFC 8555 says.
#[derive(Debug)]
enum Unexpected {
    /// An error without a problem document: something in front of the ACME server, usually.
    Status(StatusCode),
    /// It sends us to a URL without TLS.
    PlainUrl,
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "the server answered {status} without saying why"),
            Self::PlainUrl => f.write_str("the server's directory has a URL that is not https"),
        }
    }
}

impl std::error::Error for Unexpected {}

impl HttpClient for Caller {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.client.clone();
        let is_safe = self.plain || request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
        Box::pin(async move {
            if !is_safe {
                return Err(other(Unexpected::PlainUrl));
            }
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(other)?.to_bytes();
            let answer = client
                .call(Request::from_parts(head, body))
                .await
                .map_err(other)?;
            let (head, body) = answer.into_parts();
            if head.status.is_client_error() || head.status.is_server_error() {
                // Outside of an order nobody waits.
                let _ = PATIENCE.try_with(|patience| patience.note(&head.headers));
                let content = head.headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
                if !content.is_some_and(|content| content.starts_with(b"application/problem+json")) {
                    return Err(other(Unexpected::Status(head.status)));
                }
            }
            Ok(BytesResponse::from(Response::from_parts(head, Full::new(body))))
        })
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Other(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_asks_for_is_waited_for_within_reason() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (value, expected) in [
            ("3600", Some(Duration::from_hours(1))),
            (" 7 ", Some(Duration::from_secs(7))),
            ("99999999999", Some(LONGEST_PATIENCE)),
            ("-1", None),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(
                retry_after(&headers, now),
                expected.map(|wait| now + wait),
                "{value}"
            );
        }
    }
}
