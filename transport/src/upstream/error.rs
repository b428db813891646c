use std::io;
use std::time::Duration;

use super::Address;
use crate::body::UploadStage;
use crate::handshake_demand::Demand;
use crate::handshake_diagnosis::{Diagnosis, tls_error_within};

/// An upstream gave no answer. What the client is told of it is the door's own business.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The name has no address.
    #[error("cannot resolve {host}: {source}")]
    Unresolved {
        /// The name.
        host: Box<str>,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// No TCP connection.
    #[error("cannot connect to {}:{}: {source}", address.host, address.port)]
    Refused {
        /// Where to.
        address: Address,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No TCP connection, or no TLS session, in time.
    #[error("no connection to {}:{} within {} s", address.host, address.port, after.as_secs_f32())]
    ConnectTimeout {
        /// Where to.
        address: Address,
        /// The connect timeout.
        after: Duration,
    },
    /// The TLS handshake failed: our certificate, theirs, or the protocol.
    #[error("TLS with {}:{} failed: {diagnosis}", address.host, address.port)]
    Tls {
        /// Where to.
        address: Address,
        /// Why, and what to do about it.
        diagnosis: Box<Diagnosis>,
    },
    /// The connection broke, or the answer was no HTTP.
    #[error("the exchange failed: {0}")]
    Exchange(#[source] hyper::Error),
    /// Connected, but silent.
    #[error("{}:{} was silent for {} s", address.host, address.port, after.as_secs_f32())]
    Silent {
        /// Where to.
        address: Address,
        /// The read timeout.
        after: Duration,
    },
    /// Not the upstream's fault: the client cut its body off.
    #[error("the client cut off the body of its request")]
    ClientCutOff,
    /// Not the upstream's fault: the client fell silent in the middle of its body.
    #[error("the client fell silent in the middle of the body of its request")]
    ClientStalled,
    /// Not the upstream's fault: the client's body is longer than the limit.
    #[error("the body of the request is longer than the limit")]
    BodyTooLong,
}

impl UpstreamError {
    /// `demand`: what the server asked for in the handshake, if the connection had its first request. In TLS 1.3 it judges
    /// our certificate when we are done with the handshake, and its refusal is what comes in the place of an answer.
    pub(super) fn of_exchange(
        error: hyper::Error,
        upload: Option<UploadStage>,
        (address, demand): (&Address, Option<&Demand>),
    ) -> Self {
        if let Some((demand, error @ rustls::Error::AlertReceived(_))) = demand.zip(tls_error_within(&error))
        {
            return Self::Tls {
                address: address.clone(),
                diagnosis: Box::new(Diagnosis::of_tls(error, demand)),
            };
        }
        match upload {
            Some(UploadStage::CutOff) => Self::ClientCutOff,
            Some(UploadStage::Stalled) => Self::ClientStalled,
            Some(UploadStage::TooLong) => Self::BodyTooLong,
            Some(UploadStage::Streaming | UploadStage::Complete) | None => Self::Exchange(error),
        }
    }

    /// Whether one side refused the other in the handshake, or at its end.
    pub(super) fn is_of_tls(&self) -> bool {
        matches!(self, Self::Tls { .. })
    }

    /// Whether the connection was closed before a byte of an answer came.
    pub(super) fn is_closed_connection(&self) -> bool {
        matches!(self, Self::Exchange(error) if error.is_incomplete_message() || error.is_closed() || error.is_canceled() || is_reset(error))
    }
}

fn is_reset(error: &hyper::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<io::Error>())
        .is_some_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof
            )
        })
}
