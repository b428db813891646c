//! Opening a connection: resolve, connect, TLS, HTTP/1.1.

use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::debug;

use super::pool::Sender;
use super::{Address, UpstreamError};
use crate::dial::{DialError, dial};
use crate::handshake_demand::Demand;
use crate::handshake_diagnosis::Diagnosis;
use crate::handshake_refusal::noting;

/// Heads of answers that are longer are refused, as an ALB does (32 KiB) with room to spare for other fronts.
const LONGEST_HEAD: usize = 64 * 1024;

/// A connection, and what the server asked for in its handshake, if there was one.
pub(super) type Opened = (Sender, Option<Arc<Demand>>);

pub(super) async fn open(
    address: &Address,
    tls: Option<(&Arc<ClientConfig>, &ServerName<'static>)>,
    limit: Duration,
) -> Result<Opened, UpstreamError> {
    let late = || UpstreamError::ConnectTimeout {
        address: address.clone(),
        after: limit,
    };
    let stream = dial(&address.host, address.port, limit)
        .await
        .map_err(|error| match error {
            DialError::Unresolved(source) => UpstreamError::Unresolved {
                host: address.host.clone(),
                source,
            },
            DialError::Refused(source) => UpstreamError::Refused {
                address: address.clone(),
                source,
            },
            DialError::TooSlow => late(),
        })?;
    match tls {
        None => Ok((speak(stream).await?, None)),
        Some((config, name)) => {
            let (config, demand) = Demand::noting(config, name);
            let handshake = noting(TlsConnector::from(config).connect(name.clone(), stream));
            let stream = timeout(limit, handshake).await.map_err(|_| late())?;
            let stream = stream.map_err(|error| UpstreamError::Tls {
                address: address.clone(),
                diagnosis: Box::new(Diagnosis::of_server(&error, &demand)),
            })?;
            Ok((speak(stream).await?, Some(demand)))
        }
    }
}

async fn speak<S>(stream: S) -> Result<Sender, UpstreamError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(LONGEST_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(UpstreamError::Exchange)?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            debug!(%error, "a connection to an upstream ended");
        }
    });
    Ok(sender)
}
