//! Two upgraded connections joined, byte for byte (RFC 9110 §7.8).

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tracing::debug;

/// Copies both ways until either side ends. `held` is dropped then: guards that count the tunnel as open.
pub fn join<T: Send + 'static>(client: OnUpgrade, upstream: OnUpgrade, held: T) {
    join_until(client, upstream, async move {
        let _held = held;
        std::future::pending::<()>().await;
    });
}

/// [`join`], cut off when `stop` is ready: the credential that opened the tunnel is no longer good. `stop` is dropped
/// with the tunnel, so guards may live in it.
pub fn join_until(client: OnUpgrade, upstream: OnUpgrade, stop: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(async move {
        let joined = async {
            let (client, upstream) = tokio::try_join!(client, upstream)?;
            let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
            let copied = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
            Ok::<_, hyper::Error>(copied)
        };
        let joined = tokio::select! {
            joined = joined => joined,
            () = stop => return debug!("a tunnel was cut off"),
        };
        match joined {
            Ok(Ok((sent, received))) => debug!(sent, received, "a tunnel ended"),
            Ok(Err(error)) => debug!(%error, "a tunnel broke"),
            Err(error) => debug!(%error, "an upgrade failed"),
        }
    });
}
