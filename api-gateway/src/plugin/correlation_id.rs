//! `correlation-id`: gives a request a name that every hop may log.

use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use http::{HeaderName, HeaderValue};
use uuid::Uuid;

use crate::exchange::Exchange;

/// A compiled `correlation-id`.
#[derive(Debug)]
pub struct CorrelationId {
    /// The header that carries it.
    pub header: HeaderName,
    /// How it is made.
    pub generator: Generator,
    /// Whether the answer carries it too.
    pub echo: Echo,
}

/// `generator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// A random UUID for each request.
    Uuid,
    /// One UUID for the process, and a number for each request.
    UuidCounter,
    /// `address-port-process-connection-request-time`.
    Tracker,
}

/// `echo_downstream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// The upstream alone gets it.
    No,
    /// The client gets it as well, in every answer, refusals included.
    Yes,
}

/// The first part of `uuid#counter`.
static PROCESS: LazyLock<Uuid> = LazyLock::new(Uuid::new_v4);
/// The second part.
static NAMED: AtomicU64 = AtomicU64::new(0);

impl CorrelationId {
    /// Keeps the name that the client gave, or gives one.
    pub fn access(&self, exchange: &mut Exchange<'_>) {
        let given = exchange.head.headers.get(&self.header);
        let given = given.filter(|value| !value.is_empty()).cloned();
        let id = given.unwrap_or_else(|| {
            let id = self.generator.make(exchange);
            // At once and not as a stamp: what runs after this sees it, as with Kong.
            exchange.head.headers.insert(self.header.clone(), id.clone());
            id
        });
        if self.echo == Echo::Yes {
            exchange.answer_headers.push((self.header.clone(), id));
        }
    }
}

impl Generator {
    fn make(self, exchange: &Exchange<'_>) -> HeaderValue {
        let text = match self {
            Self::Uuid => Uuid::new_v4().to_string(),
            Self::UuidCounter => {
                let number = NAMED.fetch_add(1, Ordering::Relaxed) + 1;
                format!("{}#{number}", *PROCESS)
            }
            Self::Tracker => tracker(exchange),
        };
        // Digits, letters and a little punctuation: always a header value.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

fn tracker(exchange: &Exchange<'_>) -> String {
    let connection = exchange.arrival.connection;
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}-{}.{:03}",
        connection.local.ip(),
        connection.local.port(),
        process::id(),
        connection.id.number(),
        connection.activity.requests(),
        now.as_secs(),
        now.subsec_millis(),
    )
}
