//! An answer's body, from the upstream, or from us, to the client.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{self, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::BodyError;
use crate::activity::InFlight;
use crate::silence::Silence;
use crate::upstream::Lease;

/// How an answer's body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of it was handed to the client's connection.
    Complete,
    /// The client or the upstream went away before.
    CutOff,
}

/// Told once, when the last byte of an answer is handed on or when the answer is given up.
pub trait Observer: Send + Sync {
    /// Asked before each piece of an upstream's body is handed on; `false` cuts the answer off.
    fn may_go_on(&mut self) -> bool {
        true
    }

    /// `bytes` of the body were handed on.
    fn ended(self: Box<Self>, bytes: u64, ending: Ending);
}

/// An answer's body, from the upstream (or from us) to the client.
///
/// What has to happen at the end of an exchange happens when this is dropped, so that a client that goes away is
/// logged and counted like any other: the connection goes back to its pool, the observer writes its line.
pub struct ResponseBody {
    source: Source,
    sent: u64,
    in_flight: Option<InFlight>,
    observer: Option<Box<dyn Observer>>,
}

enum Source {
    Full(Bytes),
    Stream {
        incoming: Incoming,
        lease: Option<Lease>,
        stall: Duration,
        silence: Silence,
        ended: bool,
    },
}

impl ResponseBody {
    /// A body of our own; empty for an empty one.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self {
            source: Source::Full(bytes.into()),
            sent: 0,
            in_flight: None,
            observer: None,
        }
    }

    /// The upstream's body. `stall` is the longest silence of the upstream between two pieces.
    pub fn stream(incoming: Incoming, lease: Lease, stall: Duration) -> Self {
        let source = Source::Stream {
            incoming,
            lease: Some(lease),
            stall,
            silence: Silence::default(),
            ended: false,
        };
        Self {
            source,
            sent: 0,
            in_flight: None,
            observer: None,
        }
    }

    /// Keeps the request counted as in flight until this body ends.
    #[must_use]
    pub fn holding(mut self, in_flight: InFlight) -> Self {
        self.in_flight = Some(in_flight);
        self
    }

    /// Tells `observer` how it ended.
    #[must_use]
    pub fn observed(mut self, observer: Box<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// An answer of our own to HEAD: it says how long its content would be, and has none (RFC 9110 §9.3.2). hyper sees to
    /// that over HTTP/1.1; over HTTP/2 it would send the content, and the client would take the stream for broken.
    pub fn left_out(mut response: Response<Self>) -> Response<Self> {
        if let Source::Full(content) = &mut response.body_mut().source {
            let length = std::mem::take(content).len();
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
    }

    fn is_complete(&self) -> bool {
        match &self.source {
            Source::Full(left) => left.is_empty(),
            Source::Stream { incoming, ended, .. } => *ended || incoming.is_end_stream(),
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Self {
            source,
            sent,
            observer,
            ..
        } = self.get_mut();
        match source {
            Source::Full(left) if left.is_empty() => Poll::Ready(None),
            Source::Full(left) => {
                let all = std::mem::take(left);
                *sent = all.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(all))))
            }
            Source::Stream {
                incoming,
                stall,
                silence,
                ended,
                ..
            } => match Pin::new(incoming).poll_frame(cx) {
                Poll::Pending => {
                    ready!(silence.poll(*stall, cx));
                    Poll::Ready(Some(Err(BodyError::Stalled(*stall))))
                }
                Poll::Ready(None) => {
                    *ended = true;
                    Poll::Ready(None)
                }
                Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(BodyError::CutOff(error)))),
                Poll::Ready(Some(Ok(frame))) => {
                    silence.broken();
                    if observer.as_mut().is_some_and(|observer| !observer.may_go_on()) {
                        return Poll::Ready(Some(Err(BodyError::Withdrawn)));
                    }
                    *sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                    Poll::Ready(Some(Ok(frame)))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_complete()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Full(left) => SizeHint::with_exact(left.len() as u64),
            Source::Stream { incoming, .. } => incoming.size_hint(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let complete = self.is_complete();
        if let Source::Stream { lease, .. } = &mut self.source
            && let Some(lease) = lease.take()
            && complete
        {
            lease.give_back();
        }
        if let Some(observer) = self.observer.take() {
            observer.ended(
                self.sent,
                if complete {
                    Ending::Complete
                } else {
                    Ending::CutOff
                },
            );
        }
    }
}
