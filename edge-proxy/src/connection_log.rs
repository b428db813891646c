//! ALB's connection log: one line a connection, failed handshakes too (headers.md A.6).
//!
//! `timestamp client_ip client_port listener_port tls_protocol tls_cipher tls_handshake_latency
//! "leaf_client_cert_subject" leaf_client_cert_validity leaf_client_cert_serial_number tls_verify_status conn_trace_id
//! tls_keyexchange elb ip_address`, with `-` for what there is not.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::time::Duration;

use rustls::SupportedCipherSuite;
use time::OffsetDateTime;
use transport::certificate::Certificate;
use transport::serve::Negotiated;

use crate::forwarded_for::client_ip;
use crate::trace_id::ConnectionId;

/// One connection, as it is logged.
#[derive(Debug)]
pub(crate) struct ConnectionLine<'a> {
    /// When the connection was established or refused.
    pub(crate) time: OffsetDateTime,
    /// The client.
    pub(crate) peer: SocketAddr,
    /// The port that it connected to.
    pub(crate) listener_port: u16,
    /// The TLS session, if it came to one.
    pub(crate) tls: Session<'a>,
    /// The client's certificate, where it showed one that can be read.
    pub(crate) leaf: Option<&'a Certificate>,
    /// How it went.
    pub(crate) status: VerifyStatus,
    /// The connection.
    pub(crate) id: ConnectionId,
}

/// What is known of a TLS session.
#[derive(Debug)]
pub(crate) enum Session<'a> {
    /// No TLS here, or none that got anywhere.
    None,
    /// The handshake failed after these were agreed on.
    Failed(SupportedCipherSuite),
    /// It stands.
    Established {
        /// What was negotiated.
        negotiated: &'a Negotiated,
        /// How long the handshake took.
        latency: Duration,
    },
}

/// `tls_verify_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VerifyStatus {
    /// No TLS, so nothing to say.
    NotTls,
    /// The connection is established.
    Success,
    /// It is not, with a code of headers.md A.6.
    Failed(&'static str),
}

impl Display for ConnectionLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            time,
            peer,
            listener_port,
            tls,
            leaf,
            status,
            id,
        } = self;
        write!(
            f,
            "{} {} {} {listener_port} ",
            Timestamp(*time),
            client_ip(*peer),
            peer.port()
        )?;
        let key_exchange = write_session(f, tls)?;
        match leaf {
            None => f.write_str(" - - -")?,
            // The text form of a name escapes quotes and control characters.
            Some(leaf) => write!(f, " \"{}\" {} {}", leaf.subject(), leaf.validity(), leaf.serial())?,
        }
        match status {
            VerifyStatus::NotTls => f.write_str(" -")?,
            VerifyStatus::Success => f.write_str(" Success")?,
            VerifyStatus::Failed(code) => write!(f, " Failed:{code}")?,
        }
        write!(f, " {id} {key_exchange} - -")
    }
}

/// Writes protocol, cipher and latency; gives the key exchange for later.
fn write_session(f: &mut fmt::Formatter<'_>, session: &Session<'_>) -> Result<&'static str, fmt::Error> {
    match session {
        Session::None => {
            f.write_str("- - -")?;
            Ok("-")
        }
        Session::Failed(agreed) => {
            let version = agreed.version().version;
            let (protocol, cipher) = transport::serve::names_of(Some(version), Some(agreed.suite()));
            write!(f, "{protocol} {cipher} -")?;
            Ok("-")
        }
        Session::Established { negotiated, latency } => {
            let Negotiated {
                version,
                cipher,
                key_exchange,
                ..
            } = negotiated;
            write!(f, "{version} {cipher} {:.3}", latency.as_secs_f64())?;
            Ok(key_exchange)
        }
    }
}

/// `2026-11-21T20:49:00.000000Z`.
pub(crate) struct Timestamp(pub(crate) OffsetDateTime);

impl Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.0;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            moment.year(),
            u8::from(moment.month()),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second(),
            moment.microsecond()
        )
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs;
    use transport::serve::Protocol;

    use super::*;

    fn leaf() -> Certificate {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/leaf.pem");
        let mut chain = transport::pem::certificates(&file).unwrap();
        Certificate::parse(chain.remove(0)).unwrap()
    }

    /// A line with the values of the vectors; its id is random.
    fn line(session: Session<'_>, leaf: Option<&Certificate>, status: VerifyStatus) -> (String, String) {
        let id = ConnectionId::new();
        let line = ConnectionLine {
            time: time::macros::datetime!(2026-11-21 20:49:00 UTC),
            peer: "203.0.113.1:36280".parse().unwrap(),
            listener_port: 443,
            tls: session,
            leaf,
            status,
            id,
        };
        (line.to_string(), id.to_string())
    }

    /// The vector with our connection's id in the place of its own.
    fn expected(vector: &str, id: &str) -> String {
        let at = vector.find("TID_").unwrap();
        format!("{}{id}{}", &vector[..at], &vector[at + id.len()..])
    }

    #[test]
    fn the_lines_are_albs() {
        let negotiated = Negotiated {
            version: "TLSv1.3",
            cipher: "TLS_AES_128_GCM_SHA256",
            key_exchange: "-",
            protocol: Protocol::Http1,
            server_name: None,
        };
        let session = Session::Established {
            negotiated: &negotiated,
            latency: Duration::from_micros(12_345),
        };
        let leaf = leaf();
        let (success, id) = line(session, Some(&leaf), VerifyStatus::Success);
        let vector = include_str!("../tests/vectors/leaf.alb.connection-log.success.txt");
        assert_eq!(success, expected(vector, &id));

        let suite = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
        let status = VerifyStatus::Failed("ClientCertUntrusted");
        let (untrusted, id) = line(Session::Failed(suite), Some(&leaf), status);
        let vector = include_str!("../tests/vectors/leaf.alb.connection-log.untrusted.txt");
        assert_eq!(untrusted, expected(vector, &id));
    }

    #[test]
    fn what_there_is_not_is_a_dash_and_there_always_are_15_fields() {
        let (plain, id) = line(Session::None, None, VerifyStatus::NotTls);
        assert_eq!(
            plain,
            format!("2026-11-21T20:49:00.000000Z 203.0.113.1 36280 443 - - - - - - - {id} - - -")
        );
        let (failed, _) = line(
            Session::None,
            None,
            VerifyStatus::Failed("UnmappedConnectionError"),
        );
        assert_eq!(failed.split(' ').count(), 15);
        assert!(failed.contains(" Failed:UnmappedConnectionError TID_"));
    }
}
