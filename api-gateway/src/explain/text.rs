//! The account for people.

use std::fmt::{self, Display, Formatter};

use super::account::{Account, Answer, Arrived, Upstream};
use super::lines::Line;
use super::watcher::{Routing, Said, Turn};

/// How far the second column is from the first.
const INDENT: usize = 12;

/// One line of the first column's heading, or of none.
fn row(f: &mut Formatter<'_>, heading: &str, text: impl Display) -> fmt::Result {
    // What a client or a document wrote may hold anything; here it stays on its line.
    let text = text.to_string();
    let clean: String = text
        .chars()
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect();
    writeln!(f, "{heading:INDENT$}{}", clean.trim_end())
}

fn at(line: Option<&Line>) -> String {
    line.map(|line| format!(" ({line})")).unwrap_or_default()
}

impl Display for Account {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        row(
            f,
            "request",
            format_args!(
                "{} {} at {}",
                self.request.method, self.request.url, self.request.at
            ),
        )?;
        let by = self.plugin.as_ref().map_or("routing", |plugin| plugin);
        match self.reason {
            None => row(f, "verdict", format_args!("allow; {by} had the last word"))?,
            Some(reason) => {
                let status = self.status.unwrap_or_default();
                row(f, "verdict", format_args!("deny by {by}: {status} {reason}"))?;
            }
        }
        if let Some(cause) = &self.cause {
            row(f, "", cause)?;
        }
        if let Some(unknown) = &self.unknown {
            row(
                f,
                "unknown",
                format_args!("{unknown}: the gateway would ask the network first; --jwks FILE gives keys"),
            )?;
        }
        writeln!(f)?;
        self.connection.write(f)?;
        self.routing.write(f)?;
        for turn in &self.plugins {
            writeln!(f)?;
            turn.write(f)?;
        }
        writeln!(f)?;
        self.write_principals(f)?;
        if let Some(upstream) = &self.upstream {
            upstream.write(f)?;
        } else {
            row(f, "upstream", "gets nothing")?;
        }
        match &self.answer {
            Some(answer) => answer.write(f),
            None => row(f, "answer", "the upstream's"),
        }
    }
}

impl Account {
    fn write_principals(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(consumer) = &self.consumer {
            let name = consumer.username.as_ref().or(consumer.custom_id.as_ref());
            let name = name.unwrap_or(&consumer.id);
            row(
                f,
                "consumer",
                format_args!("{name}{}", at(consumer.line.as_ref())),
            )?;
        }
        let mut heading = "principals";
        for principal in &self.principals {
            let consumer = principal.consumer.as_ref();
            let name =
                consumer.and_then(|consumer| consumer.username.as_ref().or(consumer.custom_id.as_ref()));
            let consumer = match (name, consumer) {
                (Some(name), _) => format!("consumer {name}"),
                (None, Some(consumer)) => format!("consumer {}", consumer.id),
                (None, None) => "no consumer".to_owned(),
            };
            row(
                f,
                heading,
                format_args!(
                    "{} by {}: `{}`, {consumer}",
                    principal.plugin, principal.evidence, principal.subject
                ),
            )?;
            heading = "";
        }
        Ok(())
    }
}

impl Arrived {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        row(
            f,
            "connection",
            format_args!("from {} to {}", self.peer, self.listener),
        )?;
        if self.tls {
            let name = self.server_name.as_ref().map_or_else(
                || "without a server name".to_owned(),
                |name| format!("for {name}"),
            );
            let asks = if self.asks_for_certificate {
                "asks for a certificate"
            } else {
                "does not ask for a certificate"
            };
            row(f, "", format_args!("the handshake {name} {asks}"))?;
        }
        if let Some(certificate) = &self.certificate {
            row(
                f,
                "",
                format_args!("shown, as if the key had been proved: {certificate}"),
            )?;
        }
        for note in &self.notes {
            row(f, "", note)?;
        }
        match self.carrier {
            Some("edge") => row(f, "", "the peer is an edge: it speaks for its clients")?,
            Some("trusted_address") => row(f, "", "the peer is in trusted_ips: it speaks for its clients")?,
            Some(_) => row(f, "", "the peer speaks for itself alone")?,
            None => {}
        }
        match &self.client_ip {
            Some(address) if *address != self.peer => row(f, "", format_args!("the client is {address}")),
            Some(_) | None => Ok(()),
        }
    }
}

impl Routing {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.route {
            Some(route) => {
                let service = match &route.service {
                    Some(service) => format!(", to service {service}"),
                    None => ", to no service".to_owned(),
                };
                row(
                    f,
                    "route",
                    format_args!("{}{}{service}", route.name, at(route.line.as_ref())),
                )?;
            }
            None => row(f, "route", "none")?,
        }
        for other in &self.runners_up {
            row(
                f,
                "",
                format_args!(
                    "not {}{}, which {}",
                    other.name,
                    at(other.line.as_ref()),
                    other.why_not
                ),
            )?;
        }
        for miss in &self.near_misses {
            let fields = miss.fields.join(", ");
            row(
                f,
                "",
                format_args!(
                    "not {}{}, because of its {fields}",
                    miss.name,
                    at(miss.line.as_ref())
                ),
            )?;
        }
        Ok(())
    }
}

impl Turn {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Said::Allow => "allow",
            Said::Deny => "deny",
            Said::DoesNotApply => "skipped",
            Said::NotReached => "not reached",
        };
        let scope = self
            .scope
            .as_ref()
            .map(|scope| format!(", {scope}"))
            .unwrap_or_default();
        let reason = match (self.verdict, self.reason) {
            (Said::DoesNotApply, _) => ": no configuration of it is for whoever calls".to_owned(),
            (_, Some(reason)) => format!(": {reason}"),
            (_, None) => String::new(),
        };
        row(
            f,
            verdict,
            format_args!(
                "{} {}{scope}{}{reason}",
                self.priority,
                self.plugin,
                at(self.line.as_ref())
            ),
        )?;
        for saw in &self.saw {
            row(f, "  saw", saw)?;
        }
        for decided in &self.decided {
            row(f, "  decided", decided)?;
        }
        if let Some(cause) = &self.cause {
            row(f, "  cause", cause)?;
        }
        if let Some(because) = &self.because {
            row(
                f,
                "  because",
                format_args!("{} ({})", because.field, because.line),
            )?;
        }
        Ok(())
    }
}

impl Upstream {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        row(
            f,
            "upstream",
            format_args!("service {} at {}", self.service, self.targets.join(", ")),
        )?;
        row(f, "", format_args!("{} {}", self.method, self.uri))?;
        for (name, value) in &self.headers {
            row(f, "", format_args!("{name}: {value}"))?;
        }
        Ok(())
    }
}

impl Answer {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        row(f, "answer", self.status)?;
        for (name, value) in &self.headers {
            row(f, "", format_args!("{name}: {value}"))?;
        }
        for line in self.body.lines() {
            row(f, "", line)?;
        }
        Ok(())
    }
}
