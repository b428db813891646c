//! A client that does not read.
//!
//! It costs a connection at every tier for as long as it likes, while its answer waits in buffers. So a write that makes
//! no headway for the idle timeout is an error, and the connection ends.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::silence::Silence;

/// A stream whose writes may not stall for longer than a limit.
#[derive(Debug)]
pub(crate) struct ReaderPatience<I> {
    stream: I,
    limit: Duration,
    silence: Silence,
}

impl<I> ReaderPatience<I> {
    pub(crate) fn new(stream: I, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            silence: Silence::default(),
        }
    }

    /// Passes headway on; turns a stall that has lasted too long into an error.
    fn judge<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(written) => {
                self.silence.broken();
                Poll::Ready(written)
            }
            Poll::Pending => self.silence.poll(self.limit, cx).map(|()| {
                Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the client does not read what it asked for",
                ))
            }),
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for ReaderPatience<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for ReaderPatience<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.judge(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.judge(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(shut, cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_reader_that_stops_is_given_up_and_one_that_reads_is_not() {
        let limit = Duration::from_millis(50);
        let (near, mut far) = tokio::io::duplex(16);
        let mut near = ReaderPatience::new(near, limit);
        let reader = tokio::spawn(async move {
            let mut piece = [0; 16];
            for _ in 0..20 {
                far.read_exact(&mut piece).await.unwrap();
            }
            far
        });
        near.write_all(&[0; 320]).await.unwrap();
        let _far = reader.await.unwrap();
        let error = near.write_all(&[0; 320]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
