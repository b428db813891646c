//! Two upgraded connections joined, byte for byte (RFC 9110 §7.8).

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tracing::debug;

/// Copies both ways until either side ends. `held` is dropped then: guards that count the tunnel as open.
pub fn join<T: Send + 'static>(client: OnUpgrade, upstream: OnUpgrade, held: T) {
    tokio::spawn(async move {
        let _held = held;
        let joined = async {
            let (client, upstream) = tokio::try_join!(client, upstream)?;
            let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
            let copied = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
            Ok::<_, hyper::Error>(copied)
        };
        match joined.await {
            Ok(Ok((sent, received))) => debug!(sent, received, "a tunnel ended"),
            Ok(Err(error)) => debug!(%error, "a tunnel broke"),
            Err(error) => debug!(%error, "an upgrade failed"),
        }
    });
}
