//! The newest failed handshakes of a program, understood, and how many of which class there were.
//!
//! A ring of fixed size: what is oldest makes room for what is newest, every text in it is of bounded length, and so a
//! flood of failures costs no more memory than a few of them. A handshake that succeeds comes nowhere near this module.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::UnixTime;
use rustls::server::ClientHello;
use serde_json::{Value, json};

use crate::certificate::iso8601;
use crate::handshake_diagnosis::{Diagnosis, FailureClass, shortened};
use crate::serve::HandshakeError;
use crate::upstream::UpstreamError;

/// How many failed handshakes are kept.
pub const KEPT: usize = 256;

/// How much is kept of the sentence that tells of one: a stranger's names are in it.
const LONGEST_SENTENCE: usize = 1024;
/// How much is kept of a server name.
const LONGEST_NAME: usize = 256;

/// On which side of the program a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// With a client: we are its server.
    Client,
    /// With a server behind us: we are its client.
    Upstream,
}

impl Layer {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Client, Self::Upstream];

    /// The word in reports and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
        }
    }
}

/// What is known of a client's ClientHello.
#[derive(Debug, Default)]
pub struct Hello {
    came: bool,
    server_name: Option<Box<str>>,
}

impl Hello {
    /// Takes note of it.
    pub fn note(&mut self, hello: &ClientHello<'_>) {
        self.came = true;
        self.server_name = hello
            .server_name()
            .map(|name| name.to_ascii_lowercase().into_boxed_str());
    }
}

/// The failed handshakes of one program.
#[derive(Debug, Default)]
pub struct HandshakeFailures {
    /// Newest last.
    newest: Mutex<VecDeque<Failure>>,
    counted: [[AtomicU64; FailureClass::ALL.len()]; Layer::ALL.len()],
}

/// One of them.
#[derive(Debug)]
struct Failure {
    at: UnixTime,
    layer: Layer,
    peer: String,
    diagnosis: Diagnosis,
}

impl HandshakeFailures {
    /// Keeps what became of a client's handshake. A client that connects and leaves without a word, as probes of a load
    /// balancer do, had none.
    pub fn of_client(&self, peer: SocketAddr, hello: Hello, error: &HandshakeError) {
        let was_a_probe = match error {
            HandshakeError::Failed(_) => !hello.came && error.tls().is_none(),
            HandshakeError::TooSlow => false,
        };
        if was_a_probe {
            return;
        }
        let diagnosis = Diagnosis {
            server_name: hello.server_name,
            ..Diagnosis::of_client(error)
        };
        self.keep(Layer::Client, &peer.to_string(), diagnosis);
    }

    /// Keeps what became of a handshake with an upstream, if that is what the error is about.
    pub fn of_upstream(&self, error: &UpstreamError) {
        let UpstreamError::Tls { address, diagnosis } = error else {
            return;
        };
        let peer = if address.host.contains(':') {
            format!("[{}]:{}", address.host, address.port)
        } else {
            format!("{}:{}", address.host, address.port)
        };
        self.keep(Layer::Upstream, &peer, Diagnosis::clone(diagnosis));
    }

    fn keep(&self, layer: Layer, peer: &str, mut diagnosis: Diagnosis) {
        if let Some(counter) = self.counter(layer, diagnosis.class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        for text in [&mut diagnosis.cause, &mut diagnosis.remedy] {
            *text = shortened(text, LONGEST_SENTENCE);
        }
        diagnosis.certificate = diagnosis.certificate.map(|name| shortened(&name, LONGEST_NAME));
        diagnosis.server_name = diagnosis
            .server_name
            .map(|name| shortened(&name, LONGEST_NAME).into_boxed_str());
        let failure = Failure {
            at: UnixTime::now(),
            layer,
            peer: shortened(peer, LONGEST_NAME),
            diagnosis,
        };
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.len() >= KEPT {
            newest.pop_front();
        }
        newest.push_back(failure);
    }

    fn counter(&self, layer: Layer, class: FailureClass) -> Option<&AtomicU64> {
        let layer = Layer::ALL.iter().position(|known| *known == layer)?;
        let class = FailureClass::ALL.iter().position(|known| *known == class)?;
        self.counted.get(layer)?.get(class)
    }

    /// The newest of them, newest first, as JSON: an array of `{at, layer, peer, server_name, class, certificate, cause,
    /// remedy, chain}`.
    pub fn newest(&self, most: usize) -> Value {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.iter().rev().take(most).map(Failure::json).collect()
    }

    /// The counters in Prometheus' text form, under a program's prefix.
    pub fn exposition(&self, prefix: &str) -> String {
        let name = format!("{prefix}_handshakes_failed_total");
        let mut text = format!(
            "# HELP {name} Failed TLS handshakes by side and by class of the diagnosis.\n# TYPE {name} counter\n"
        );
        for (layer, counters) in Layer::ALL.iter().zip(&self.counted) {
            for (class, counter) in FailureClass::ALL.iter().zip(counters) {
                // Writing to a String cannot fail.
                let _ = writeln!(
                    text,
                    "{name}{{layer=\"{}\",class=\"{class}\"}} {}",
                    layer.as_str(),
                    counter.load(Ordering::Relaxed)
                );
            }
        }
        text
    }
}

impl Failure {
    fn json(&self) -> Value {
        let Diagnosis {
            class,
            certificate,
            cause,
            remedy,
            server_name,
            chain,
        } = &self.diagnosis;
        json!({
            "at": iso8601(self.at),
            "layer": self.layer.as_str(),
            "peer": self.peer,
            "server_name": server_name,
            "class": class.as_str(),
            "certificate": certificate,
            "cause": cause,
            "remedy": remedy,
            "chain": chain,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_oldest_makes_room_and_texts_are_bounded() {
        let failures = HandshakeFailures::default();
        let peer = "127.0.0.1:1".parse().expect("an address");
        for round in 0..KEPT + 44 {
            let error = HandshakeError::Failed(io::Error::other(format!("{round} {}", "x".repeat(5000))));
            let hello = Hello {
                came: true,
                server_name: Some("n".repeat(5000).into()),
            };
            failures.of_client(peer, hello, &error);
        }
        let all = failures.newest(usize::MAX);
        let all = all.as_array().expect("an array");
        assert_eq!(all.len(), KEPT);
        let cause = |entry: &Value| entry["cause"].as_str().expect("a cause").to_owned();
        assert!(cause(&all[0]).contains(" 299 x"), "{}", cause(&all[0]));
        assert!(cause(&all[KEPT - 1]).contains(" 44 x"));
        assert_eq!(cause(&all[0]).chars().count(), LONGEST_SENTENCE + 1);
        let line = "edge_handshakes_failed_total{layer=\"client\",class=\"closed\"} 300\n";
        assert!(failures.exposition("edge").contains(line));
    }

    #[test]
    fn a_probe_is_no_handshake() {
        let failures = HandshakeFailures::default();
        let gone = HandshakeError::Failed(io::Error::from(io::ErrorKind::UnexpectedEof));
        failures.of_client(
            "127.0.0.1:1".parse().expect("an address"),
            Hello::default(),
            &gone,
        );
        assert_eq!(failures.newest(1), json!([]));
    }
}
