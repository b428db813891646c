//! Logs: on stderr, as text for people or as flat JSON lines for collectors.
//!
//! A JSON line has `time`, `level`, `message` and every field of the event at the top level, then the fields of the
//! spans around it. tracing-subscriber's own JSON names the time `timestamp` and cannot be told otherwise, hence the
//! formatter here.

use std::fmt::{self, Display};
use std::io::IsTerminal as _;
use std::str::FromStr;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// The form of a log line, as `--log-format` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line for people, coloured on a terminal.
    #[default]
    Text,
    /// One flat JSON object a line.
    Json,
}

impl LogFormat {
    /// The words of the command line, in the order of its help.
    pub const NAMES: [&'static str; 2] = ["text", "json"];
}

impl Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// A word that names no log format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no log format; write text or json")]
pub struct UnknownLogFormat(String);

impl FromStr for LogFormat {
    type Err = UnknownLogFormat;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(UnknownLogFormat(other.to_owned())),
        }
    }
}

/// Starts logging on stderr at `info`, or as `RUST_LOG` says. Once a process: a second call is an error.
pub fn init(format: LogFormat) -> Result<(), TryInitError> {
    init_at(format, LevelFilter::INFO)
}

/// As [`init`], with another level where `RUST_LOG` says nothing.
pub fn init_at(format: LogFormat, level: LevelFilter) -> Result<(), TryInitError> {
    let wanted = EnvFilter::builder().with_default_directive(level.into());
    let (filter, refused) = match wanted.clone().try_from_env() {
        Ok(filter) => (filter, None),
        // Unset is the ordinary case; what cannot be read is told once logging works.
        Err(error) => (
            wanted.parse_lossy(""),
            std::env::var_os("RUST_LOG").map(|_| error),
        ),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            builder
                .with_target(false)
                .with_ansi(std::io::stderr().is_terminal())
                .finish()
                .try_init()?;
        }
        LogFormat::Json => builder
            .fmt_fields(JsonFields::new())
            .event_format(Flat)
            .finish()
            .try_init()?,
    }
    if let Some(error) = refused {
        tracing::warn!(%error, "RUST_LOG is not understood and is ignored");
    }
    Ok(())
}

/// The JSON line: `time level message`, then fields.
struct Flat;

impl<S> FormatEvent<S, JsonFields> for Flat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        // The innermost span speaks first: what is nearer to the event is not overwritten.
        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            let Some(formatted) = extensions.get::<FormattedFields<JsonFields>>() else {
                continue;
            };
            let Ok(Value::Object(members)) = serde_json::from_str(formatted) else {
                continue;
            };
            for (name, value) in members {
                fields.keep(&name, value);
            }
        }
        let now = OffsetDateTime::now_utc()
            .format(&Rfc3339)
            .map_err(|_| fmt::Error)?;
        let mut line = Map::new();
        line.insert("time".to_owned(), now.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert(
            "message".to_owned(),
            fields.0.shift_remove("message").unwrap_or_else(|| "".into()),
        );
        for (name, value) in fields.0 {
            line.entry(name).or_insert(value);
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// The fields of an event as JSON. What the `log` bridge adds (`log.target` and the like) is metadata, not a field.
struct Fields(Map<String, Value>);

impl Fields {
    fn keep(&mut self, name: &str, value: Value) {
        if !name.starts_with("log.") {
            self.0.entry(name).or_insert(value);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.keep(field.name(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.keep(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.keep(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.keep(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.keep(field.name(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let made = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || made.clone())
            .fmt_fields(JsonFields::new())
            .event_format(Flat)
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_json_line_is_flat_and_starts_with_time_level_message() {
        let seen = lines(
            || tracing::info!(listener = "public", address = %"127.0.0.1:1", port = 1_u16, "listening"),
        );
        let names: Vec<&str> = seen[0].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["time", "level", "message", "listener", "address", "port"]);
        assert_eq!(seen[0]["level"], "INFO");
        assert_eq!(seen[0]["message"], "listening");
        assert_eq!(seen[0]["address"], "127.0.0.1:1");
        assert_eq!(seen[0]["port"], 1);
        assert!(OffsetDateTime::parse(seen[0]["time"].as_str().unwrap(), &Rfc3339).is_ok());
    }

    #[test]
    fn span_fields_are_flat_too_and_the_nearest_wins() {
        let seen = lines(|| {
            let outer = tracing::info_span!("outer", connection_id = 7, listener = "far").entered();
            let inner = tracing::info_span!("inner", listener = "near").entered();
            tracing::warn!(level = "forged", quiet = false, "refused \"x\"\nsecond");
            drop((inner, outer));
        });
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0]["connection_id"], 7);
        assert_eq!(seen[0]["listener"], "near");
        assert_eq!(seen[0]["level"], "WARN");
        assert_eq!(seen[0]["quiet"], json!(false));
        assert_eq!(seen[0]["message"], "refused \"x\"\nsecond");
    }

    #[test]
    fn an_event_without_a_message_has_an_empty_one() {
        assert_eq!(lines(|| tracing::info!(a = 1))[0]["message"], "");
    }

    #[test]
    fn words_of_the_command_line() {
        for name in LogFormat::NAMES {
            assert_eq!(name.parse::<LogFormat>().unwrap().to_string(), name);
        }
        assert_eq!(
            "JSON".parse::<LogFormat>().unwrap_err().to_string(),
            "`JSON` is no log format; write text or json"
        );
    }
}
