//! Whether a connection may go on: a certificate that was good when it opened may expire, be revoked, or meet a
//! listener that was configured anew.

use std::time::Duration;

use rustls::pki_types::UnixTime;
use tracing::info;

use crate::client_certificate::ClientCertificates;
use crate::connection::Connection;
use crate::plan::Scheme;

/// Returns when the connection has lost its standing.
pub(crate) async fn lost(connection: &Connection) {
    let mut changes = connection.door.changes();
    let mut until = connection.client.valid_until;
    // A change between the accept and the line above is not told, so the first look is now.
    loop {
        match judge(connection) {
            Standing::Lost(why) => {
                info!(id = %connection.id, peer = %connection.peer, why, "closing a connection");
                return;
            }
            Standing::Holds { until: newer } => until = newer.or(until),
        }
        tokio::select! {
            () = past(until) => {
                info!(id = %connection.id, peer = %connection.peer, "closing a connection: its certificate, or what it rests on, has expired");
                return;
            }
            changed = changes.changed() => {
                if changed.is_err() {
                    // The door is gone, and with it everybody who could change anything.
                    return std::future::pending().await;
                }
            }
        }
    }
}

enum Standing {
    /// It may go on, until then if there is an end.
    Holds { until: Option<UnixTime> },
    /// It may not.
    Lost(&'static str),
}

/// Judges the connection by what its listener does now.
fn judge(connection: &Connection) -> Standing {
    let view = connection.door.view();
    let scheme = view.http().map(|service| &service.scheme);
    let now = match (scheme, connection.tls.is_some()) {
        (Some(Scheme::Https { clients, .. }), true) => clients,
        (Some(Scheme::Http), false) => &ClientCertificates::NotAsked,
        (Some(_) | None, _) => return Standing::Lost("the listener speaks another protocol now"),
    };
    match (&connection.clients, now) {
        (ClientCertificates::NotAsked, ClientCertificates::NotAsked) => Standing::Holds { until: None },
        (ClientCertificates::Carried(then), ClientCertificates::Carried(now)) if then == now => {
            Standing::Holds { until: None }
        }
        (
            ClientCertificates::Verified {
                store: then,
                format: then_format,
            },
            ClientCertificates::Verified { store, format },
        ) if then_format == format => {
            if std::sync::Arc::ptr_eq(then, store) {
                return Standing::Holds {
                    until: connection.client.valid_until,
                };
            }
            let judged = connection
                .client
                .chain
                .as_ref()
                .map(|chain| store.verify_once(chain, UnixTime::now()));
            match judged {
                Some(Ok(path)) => Standing::Holds {
                    until: Some(path.valid_until()),
                },
                Some(Err(_)) | None => Standing::Lost("its certificate no longer verifies"),
            }
        }
        (
            ClientCertificates::NotAsked
            | ClientCertificates::Carried(_)
            | ClientCertificates::Verified { .. },
            _,
        ) => Standing::Lost("the listener treats client certificates otherwise now"),
    }
}

/// Returns when that second is over; never, if there is none.
async fn past(until: Option<UnixTime>) {
    match until {
        None => std::future::pending().await,
        Some(until) => {
            let left = until
                .as_secs()
                .saturating_add(1)
                .saturating_sub(UnixTime::now().as_secs());
            tokio::time::sleep(Duration::from_secs(left)).await;
        }
    }
}
