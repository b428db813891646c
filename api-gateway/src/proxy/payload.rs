//! A request's body while the request is decided. Nobody touches it, unless a plugin has to know its fields; then its
//! beginning is read, and put back.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::timeout;
use transport::body::{Progress, RequestBody, UploadLimits};
use transport::upstream::UpstreamError;

use crate::form::{Fields, Form, LONGEST, Syntax};
use crate::rejection::Rejection;

/// How long a client may take to send its fields. A stranger can be slow at will: the request is open for so long.
const READ_WITHIN: Duration = Duration::from_secs(15);

/// A body, of which something may have been read.
#[derive(Debug)]
pub(super) struct Payload {
    start: Bytes,
    rest: Option<Incoming>,
}

impl Payload {
    /// A body that nobody has read from.
    pub(super) fn new(incoming: Incoming) -> Self {
        Self {
            start: Bytes::new(),
            rest: Some(incoming),
        }
    }

    /// Reads its fields, if it is short enough. What one connection can make us hold by that is of the order of what its
    /// flow control lets it send anyhow.
    pub(super) async fn read(&mut self, syntax: Syntax) -> Result<Form, Rejection> {
        let stalled = |_| Rejection::from(UpstreamError::ClientStalled);
        let is_whole = timeout(READ_WITHIN, self.collect()).await.map_err(stalled)??;
        Ok(if is_whole {
            Form::Read(Fields::new(syntax, self.start.clone()))
        } else {
            Form::TooLong
        })
    }

    /// Whether that was all.
    async fn collect(&mut self) -> Result<bool, Rejection> {
        let Some(rest) = &mut self.rest else {
            return Ok(true);
        };
        if rest.size_hint().lower() > LONGEST as u64 {
            return Ok(false);
        }
        let mut collected = BytesMut::from(&*self.start);
        let is_whole = loop {
            let frame = poll_fn(|cx| Pin::new(&mut *rest).poll_frame(cx)).await;
            match frame {
                None => break true,
                // The body is as good as lost: nobody will hear of the rest.
                Some(Err(_)) => return Err(UpstreamError::ClientCutOff.into()),
                Some(Ok(frame)) => {
                    // Trailers end here, as they do on the way to the upstream.
                    let Ok(data) = frame.into_data() else { continue };
                    collected.extend_from_slice(&data);
                }
            }
            if collected.len() > LONGEST {
                break false;
            }
        };
        self.start = collected.freeze();
        if is_whole {
            self.rest = None;
        }
        Ok(is_whole)
    }

    /// The fields as they are sent, now that some may have been taken out.
    pub(super) fn replace(&mut self, form: &Form) {
        if let Form::Read(fields) = form {
            self.start = fields.octets().clone();
        }
    }

    /// Sends it on. The second value tells how far it has come; `None` where there is no body to wait for.
    pub(super) fn stream(self, limits: UploadLimits) -> (RequestBody, Option<Arc<Progress>>) {
        RequestBody::resume(self.start, self.rest, limits)
    }
}
