//! Why a request was answered as it was: read from the gateway's own request log. Where there was no request, the edge's
//! connection log says why.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::nodes::Door;
use crate::rows::Outcome;

/// How long a log line may take; the log is written in batches of milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// What gateway and edge say about what came, as they say it.
#[derive(Debug)]
pub(crate) struct Logs {
    requests: Receiver<String>,
    connections: Receiver<String>,
    by_request: HashMap<String, Value>,
}

/// The ends into which the programs' output goes.
#[derive(Debug)]
pub(crate) struct LogEnds {
    pub(crate) requests: Sender<String>,
    pub(crate) connections: Sender<String>,
}

impl Logs {
    pub(crate) fn new() -> (LogEnds, Self) {
        let ((requests_end, requests), (connections_end, connections)) = (channel(), channel());
        let ends = LogEnds {
            requests: requests_end,
            connections: connections_end,
        };
        let logs = Self {
            requests,
            connections,
            by_request: HashMap::new(),
        };
        (ends, logs)
    }

    /// One phrase.
    pub(crate) fn why(&mut self, door: Door, outcome: &Outcome) -> String {
        match outcome {
            Err(error) => match door {
                Door::Passthrough | Door::Verify => self.failed_handshake(),
                Door::Passed | Door::Gateway => None,
            }
            .unwrap_or_else(|| error.reason()),
            Ok(answer) => match answer.request_id().and_then(|id| self.line(id)) {
                Some(line) => sentence(&line),
                None => "the gateway has no line about it".to_owned(),
            },
        }
    }

    /// Rows are sent one after the other, so the next failure in the connection log is that of the last row.
    fn failed_handshake(&self) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = before(deadline, &self.connections)?;
            if let Some(status) = line.split(' ').find(|field| field.starts_with("Failed:")) {
                return Some(format!("connection log: {status}"));
            }
        }
    }

    fn line(&mut self, id: &str) -> Option<Value> {
        let deadline = Instant::now() + PATIENCE;
        while !self.by_request.contains_key(id) {
            let line = before(deadline, &self.requests)?;
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(id) = line["request_id"].as_str() {
                self.by_request.insert(id.to_owned(), line);
            }
        }
        self.by_request.remove(id)
    }
}

fn before(deadline: Instant, lines: &Receiver<String>) -> Option<String> {
    lines
        .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        .ok()
}

fn sentence(line: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let principals = line["principals"].as_array().into_iter().flatten();
    let principals: Vec<String> = principals
        .filter_map(|principal| {
            let who = text(&principal["consumer"]["username"]).or_else(|| text(&principal["subject"]))?;
            Some(format!("{who} by {}", text(&principal["evidence"])?))
        })
        .collect();
    let decision = &line["decision"];
    let mut why = match text(&decision["plugin"]) {
        Some(plugin) => format!("{plugin}: "),
        None => String::new(),
    };
    why.push_str(&text(&decision["reason"]).unwrap_or_else(|| "allowed".to_owned()));
    if !principals.is_empty() {
        why = format!("{why} [{}]", principals.join(", "));
    }
    why
}
