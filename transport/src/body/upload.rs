//! A request's body, from the client to the upstream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::BodyError;
use crate::silence::Silence;

/// What happens to a request's body while the upstream reads it. Read by whoever waits for the answer.
#[derive(Debug, Default)]
pub struct Progress {
    bytes: AtomicU64,
    stage: AtomicU8,
}

/// How far a request's body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum UploadStage {
    /// More may follow.
    Streaming = 0,
    /// The last byte was handed to the upstream's connection.
    Complete = 1,
    /// The client failed or went away.
    CutOff = 2,
    /// The client fell silent.
    Stalled = 3,
    /// The limit on its length was passed.
    TooLong = 4,
}

impl Progress {
    /// Bytes passed on so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// How far it has come.
    pub fn stage(&self) -> UploadStage {
        match self.stage.load(Ordering::Acquire) {
            0 => UploadStage::Streaming,
            1 => UploadStage::Complete,
            2 => UploadStage::CutOff,
            3 => UploadStage::Stalled,
            _ => UploadStage::TooLong,
        }
    }

    fn reach(&self, stage: UploadStage) {
        self.stage.store(stage as u8, Ordering::Release);
    }
}

/// Limits on a body that a client sends.
#[derive(Clone, Copy, Debug)]
pub struct UploadLimits {
    /// Longest silence between two pieces.
    pub stall: Duration,
    /// Longest body in bytes; `None` is no limit.
    pub length: Option<u64>,
}

/// A request's body, from the client to the upstream. Trailers end here: nothing behind either door reads them, and
/// they are a second place to forge a header in.
pub struct RequestBody(Option<Upload>);

struct Upload {
    /// What was read of it before, and is sent first.
    start: Bytes,
    /// `None`: all of it was read.
    rest: Option<Incoming>,
    progress: Arc<Progress>,
    limits: UploadLimits,
    silence: Silence,
}

impl RequestBody {
    /// No body.
    pub fn empty() -> Self {
        Self(None)
    }

    /// The client's body. The second value tells how far it has come; `None` where there is no body to wait for.
    pub fn stream(incoming: Incoming, limits: UploadLimits) -> (Self, Option<Arc<Progress>>) {
        Self::resume(Bytes::new(), Some(incoming), limits)
    }

    /// The same for a body of which somebody has read the `start`; there may be no `rest`.
    pub fn resume(
        start: Bytes,
        rest: Option<Incoming>,
        limits: UploadLimits,
    ) -> (Self, Option<Arc<Progress>>) {
        let rest = rest.filter(|rest| !rest.is_end_stream());
        if start.is_empty() && rest.is_none() {
            return (Self(None), None);
        }
        let progress = Arc::new(Progress::default());
        let upload = Upload {
            start,
            rest,
            progress: Arc::clone(&progress),
            limits,
            silence: Silence::default(),
        };
        (Self(Some(upload)), Some(progress))
    }

    /// Whether there is nothing to send, so that the request may be repeated.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Upload {
    fn is_end_stream(&self) -> bool {
        self.start.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    /// Counts a piece, unless it is one too many.
    fn pass_on(&mut self, data: Bytes) -> Result<Frame<Bytes>, BodyError> {
        let length = data.len() as u64;
        let sent = self.progress.bytes.fetch_add(length, Ordering::AcqRel) + length;
        if let Some(limit) = self.limits.length.filter(|limit| sent > *limit) {
            self.progress.reach(UploadStage::TooLong);
            return Err(BodyError::TooLong(limit));
        }
        if self.is_end_stream() {
            self.progress.reach(UploadStage::Complete);
        }
        Ok(Frame::data(data))
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "RequestBody(stream)"
        } else {
            "RequestBody(empty)"
        })
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(upload) = &mut self.get_mut().0 else {
            return Poll::Ready(None);
        };
        if !upload.start.is_empty() {
            let start = std::mem::take(&mut upload.start);
            return Poll::Ready(Some(upload.pass_on(start)));
        }
        loop {
            let Some(rest) = &mut upload.rest else {
                return Poll::Ready(None);
            };
            match Pin::new(rest).poll_frame(cx) {
                Poll::Pending => {
                    ready!(upload.silence.poll(upload.limits.stall, cx));
                    upload.progress.reach(UploadStage::Stalled);
                    return Poll::Ready(Some(Err(BodyError::Stalled(upload.limits.stall))));
                }
                Poll::Ready(None) => {
                    upload.progress.reach(UploadStage::Complete);
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => {
                    upload.progress.reach(UploadStage::CutOff);
                    return Poll::Ready(Some(Err(BodyError::CutOff(error))));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    upload.silence.broken();
                    let Ok(data) = frame.into_data() else { continue };
                    return Poll::Ready(Some(upload.pass_on(data)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Upload::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let Some(upload) = &self.0 else {
            return SizeHint::with_exact(0);
        };
        let start = upload.start.len() as u64;
        let rest = upload.rest.as_ref();
        let mut hint = rest.map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        let (lower, upper) = (hint.lower(), hint.upper());
        // The upper end first: it may not fall below the lower one.
        if let Some(upper) = upper {
            hint.set_upper(upper.saturating_add(start));
        }
        hint.set_lower(lower.saturating_add(start));
        hint
    }
}
